"""What is known of Kubernetes objects: kept once each, looked up by a dictionary, and used by the questions."""

import pytest
from answers import found, span, the
from cluster_scene import at, event, gauge, pod_log, tell, where

from store.port import Select

LATER = "c-later"
LOOKED_UP = "dictGetOrDefault(otel_k8s_identity, {attribute:String}, ({cluster:String}, {uid:String}), '-')"


def known(name="api-1", *, seconds=0.0, first=None, cluster="uid-north", composition=LATER, **columns):
    """A row for otel_k8s_objects, as the house's directory writes it."""
    return {
        "ClusterUid": cluster,
        "ClusterName": cluster.removeprefix("uid-"),
        "Namespace": "shop",
        "Kind": "Pod",
        "Name": name,
        "Uid": f"uid of {name}",
        "Version": "v1",
        "CompositionId": composition,
        "Owners": [{"uid": "rs", "group": "apps", "kind": "ReplicaSet", "name": "api-7d9", "controller": True}],
        "Labels": {"app": "api"},
        "FirstSeen": at(seconds if first is None else first),
        "LastSeen": at(seconds),
        "Deleted": 0,
        **columns,
    }


def ask(store, sql, **parameters):
    return store.select(Select(sql, parameters)).rows


@pytest.fixture
def look_up(question_tables):
    def look_up(attribute, uid="uid of api-1", cluster="uid-north"):
        ask(question_tables, "SYSTEM RELOAD DICTIONARY otel_k8s_identity")
        ((value,),) = ask(question_tables, f"SELECT {LOOKED_UP}", attribute=attribute, uid=uid, cluster=cluster)
        return value

    return look_up


def test_an_object_that_is_written_again_is_one_row_with_its_first_time_and_its_last_state(question_tables, put):
    for rows in (
        [known(seconds=10, first=0, Labels={"app": "old"})],
        [known(seconds=30, first=20, Labels={"app": "new"}, Deleted=1)],
        [known(seconds=20, first=20, Labels={"app": "new"})],
    ):
        put("otel_k8s_objects", rows)
    columns = "FirstSeen = {first:DateTime64(9)}, LastSeen = {last:DateTime64(9)}, Labels['app'], Deleted, Owners.name"
    read = f"SELECT {columns} FROM otel_k8s_objects FINAL"  # noqa: S608 - our own names
    for _ in range(2):
        assert ask(question_tables, read, first=at(0), last=at(30)) == [(1, 1, "new", 1, ["api-7d9"])]
        ask(question_tables, "OPTIMIZE TABLE otel_k8s_objects FINAL")


def test_a_dictionary_tells_what_is_known_by_cluster_and_uid(put, look_up):
    put(
        "otel_k8s_objects",
        [
            known(WorkloadKind="Deployment", WorkloadName="api"),
            known(cluster="uid-south", composition="another"),
        ],
    )
    told = [look_up(name) for name in ("CompositionId", "WorkloadKind", "WorkloadName", "Kind")]
    assert told == [LATER, "Deployment", "api", "Pod"]
    assert look_up("CompositionId", cluster="uid-south") == "another"
    assert look_up("CompositionId", cluster="uid-west") == "-"
    assert look_up("CompositionId", uid="nobody") == "-"


def test_what_was_once_known_stays_known_when_it_cannot_be_found_any_more(put, look_up):
    """A pod outlives its owner for a moment, and a directory that starts anew finds the owner gone."""
    put("otel_k8s_objects", [known(seconds=0)])
    put("otel_k8s_objects", [known(seconds=60, composition="", Deleted=1)])
    assert look_up("CompositionId") == LATER


def test_an_object_that_moved_is_in_the_composition_where_it_was_seen_last(put, look_up):
    put("otel_k8s_objects", [known(seconds=60, composition="new home"), known(seconds=0, composition="old home")])
    assert look_up("CompositionId") == "new home"


@pytest.fixture
def telemetry(put):
    """Two pods of which only one says its composition, and one of the same uid in another cluster."""
    south = {"k8s.cluster.uid": "uid-south", "k8s.cluster.name": "south"}
    labelled = {"krateo.composition.id": LATER}
    tell(
        put,
        [
            event(-30, name="api-1"),
            event(-20, name="api-2", composition=LATER),
            event(-10, name="api-3"),
            event(-30, name="api-1", uid="south", cluster=south),
            pod_log(-30, "level=error one", resource=where("api-1")),
            pod_log(-20, "level=error two", resource=where("api-2", **labelled)),
            pod_log(-10, "level=error three", resource=where("api-3")),
            pod_log(-10, "level=error south", resource=where("api-1", **south)),
        ],
    )
    spans = [
        span(name, start=-30_000, StatusCode="Error", ResourceAttributes=attributes, TraceId=name[-1] * 32)
        for name, attributes in (
            ("api-1", where("api-1")),
            ("api-2", where("api-2", **labelled)),
            ("api-3", where("api-3")),
            ("south-4", where("api-1", **south)),
        )
    ]
    put("otel_traces", spans)
    put("otel_metrics_gauge", gauge("k8s.container.restarts", [(-60, 0), (-10, 4)], where("api-1")))
    deployment = {"k8s.cluster.uid": "uid-north", "k8s.deployment.uid": "uid of api", "k8s.namespace.name": "shop"}
    put("otel_metrics_gauge", gauge("k8s.deployment.available", [(-10, 1)], deployment))


def test_questions_by_composition_use_what_the_row_says_and_what_became_known_later(desk, put, telemetry):
    def answers():
        one = {"composition": LATER}
        about = found(desk.ask("composition_overview", one), "kind", "name")
        return {
            "events": sorted(the(desk.ask("composition_events", one), "name")),
            "object_events": sorted(the(desk.ask("object_events", one), "name")),
            "warnings": found(desk.ask("warning_summary", one), "count")[:1],
            "overview": sorted(name for kind, name in about if kind == "Pod"),
            "logs": sorted(body[12:] for body in the(desk.ask("recent_logs", one), "body") if body.startswith("level")),
            "traces": sorted(str(trace)[0] for trace in the(desk.ask("find_traces", one), "trace_id")),
            "metrics": sorted(the(desk.ask("metric_names", one), "metric")),
            "series": desk.ask("metric_series", {**one, "metric": "k8s.container.restarts"}).rows != [],
        }

    before = answers()
    put("otel_k8s_objects", [known(), known("api", Kind="Deployment")])
    after = answers()

    assert before == {
        "events": ["api-2"],
        "object_events": ["api-2"],
        "warnings": [(1,)],
        "overview": ["api-2"],
        "logs": ["two"],
        "traces": ["2"],
        "metrics": [],
        "series": False,
    }
    # And nothing of the pod in another cluster that has the same uid.
    assert after == {
        "events": ["api-1", "api-2"],
        "object_events": ["api-1", "api-2"],
        "warnings": [(2,)],
        "overview": ["api-1", "api-2"],
        "logs": ["one", "two"],
        "traces": ["1", "2"],
        "metrics": ["k8s.container.restarts", "k8s.deployment.available"],
        "series": True,
    }


def test_events_of_a_workload_are_those_about_it_and_about_what_it_owns(desk, put):
    tell(
        put,
        [
            event(-30, name="api-1"),
            event(-20, name="api", kind="Deployment", reason="ScalingReplicaSet"),
            event(-10, name="other"),
            event(-5, name="api", reason="A pod of that name"),
        ],
    )
    assert the(desk.ask("object_events", {"workload": "api"}), "name") == ["api"]
    put("otel_k8s_objects", [known(WorkloadKind="Deployment", WorkloadName="api", Deleted=1)])
    assert the(desk.ask("object_events", {"workload": "api"}), "name") == ["api", "api-1"]
