"""What a scenario asserts on the way from a cluster to whoever asks: stored once, streamed live, answered over REST.

In: a `Way` (the database, the house that answers, its stream) and what was done in the cluster. Out: assertions. Counts
and uids are those that the API server gave, so that one event too many fails as one too few does.
"""

import json
from collections import Counter
from dataclasses import dataclass

from acting_cluster import second
from live_stream import LiveStream
from running_house import House
from scenario_stage import CLUSTER, Stage, until

TOLD = """SELECT EventUid, Count, Name, Reason, Type, ClusterName, ClusterUid, CompositionId
          FROM {database:Identifier}.otel_k8s_events FINAL
          WHERE Namespace = {namespace:String} ORDER BY ALL"""
WORKLOAD = """SELECT WorkloadKind, WorkloadName, CompositionId, ClusterName
              FROM {database:Identifier}.otel_k8s_objects FINAL
              WHERE Kind = 'Pod' AND Name = {pod:String} AND CompositionId != ''"""
LOGS = """SELECT Body, ClusterName, ResourceAttributes['k8s.deployment.name'],
                 ResourceAttributes['krateo.composition.id'] FROM otel_logs
          WHERE ResourceAttributes['k8s.pod.name'] = {pod:String}"""


@dataclass(frozen=True)
class Way:
    """What a cluster's events go through; `stage` knows the cluster."""

    stage: Stage
    database: str
    house: House
    stream: LiveStream

    def told(self, namespace):
        """Rows of the table, which has each time that an event was told once."""
        return self.stage.ask(TOLD, namespace=namespace, database=self.database)

    def warnings(self, namespace):
        return [row for row in self.told(namespace) if row[4] == "Warning"]

    def answered(self, composition):
        """What the portal gets."""
        status, body = self.house.get(f"/events?composition_id={composition}")
        assert status == 200, body
        return json.loads(body)

    def has_warnings(self, events, composition):
        """These events came with each of their counts, and nothing else did, wherever one looks."""
        wanted = sorted((event.uid, count) for event in events for count in event.counts)
        (namespace,) = {event.namespace for event in events}
        assert until(lambda: len(self.warnings(namespace)) >= len(wanted)), self.stage.told()
        rows = self.warnings(namespace)
        assert [row[:2] for row in rows] == wanted
        assert {row[2] for row in rows} == {event.about for event in events}
        assert {row[5:] for row in rows} == {(CLUSTER, self.stage.uid, composition)}
        self._streamed(events, composition)
        self._over_rest(events, composition)

    def _streamed(self, events, composition):
        assert "gap" not in {topic for topic, _ in self.stream.messages}
        wanted = Counter((event.about, event.reason, count) for event in events for count in event.counts)
        for topic in ("krateo", composition):
            assert self.stream.until(lambda topic=topic: not wanted - self.stream.told(topic)), (topic, wanted)
            of_these = {(event.about, event.reason) for event in events}
            assert Counter({one: n for one, n in self.stream.told(topic).items() if one[:2] in of_these}) == wanted

    def _over_rest(self, events, composition):
        """Each event once, as it was last told."""
        (namespace,) = {event.namespace for event in events}
        answered = self.answered(composition)
        found = Counter((one["metadata"]["name"], one["reason"]) for one in answered if one["type"] == "Warning")
        assert found == Counter((event.about, event.reason) for event in events)
        assert {one["metadata"]["namespace"] for one in answered} == {namespace}
        assert len(answered) == len({row[0] for row in self.told(namespace) if row[7] == composition})

    def knows_workload(self, pod, workload, composition):
        values = {"pod": pod.name, "database": self.database}
        found = until(lambda: self.stage.ask(WORKLOAD, **values))
        assert found == [("Deployment", workload, composition, CLUSTER)]

    def has_log(self, pod, lines, workload, composition):
        """All that the pod wrote, each line once, with whose it is."""
        wanted = [(line, CLUSTER, workload, composition) for line in sorted(lines)]
        assert until(lambda: len(self.stage.ask(LOGS, pod=pod.name)) >= len(wanted)), self.stage.told()
        assert sorted(self.stage.ask(LOGS, pod=pod.name)) == wanted


def verify(agent, changed_at, *, before_minutes=4, **about):
    """Ask whether the warnings are over since `changed_at`."""
    return agent.call(
        "verify_resolved", changed_at=second(changed_at), before_minutes=before_minutes, settle_seconds=0,
        condition="warning_events", **about,
    )  # fmt: skip


def verdict(told):
    assert "healthy" not in told.text.lower()
    return told.structured["verdict"]


def told_resolved(agent, changed_at, **about):
    """Too early it is inconclusive, however quiet; later it is resolved, and nothing else on the way."""
    too_early = verify(agent, changed_at, until=second(changed_at + 1), **about)
    assert verdict(too_early) == "inconclusive", too_early.text
    verdicts = []

    def ask():
        verdicts.append(verdict(verify(agent, changed_at, **about)))
        return verdicts[-1] != "inconclusive"

    until(ask)
    assert verdicts[-1] == "resolved", verdicts


def told_to_persist(agent, changed_at, **about):
    assert until(lambda: verdict(verify(agent, changed_at, **about)) != "inconclusive")
    last = verify(agent, changed_at, **about)
    assert verdict(last) == "persists", last.text
