"""An event is in otel_k8s_events once for each of its counts, whoever sends it, how often, and in which shape.

Requests go the way of real ones: OTLP bytes, read and packed as the doors do, decoded by ClickHouse.
"""

import random
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

import ready_tables
from ingest import wire
from query.desk import Desk
from query.settings import QuerySettings
from sql import migration_plan, otlp, rendering, schema, server_version
from sql.catalogue import load_catalogue
from sql.migrate import migrate
from sql.settings import SchemaSettings
from sql.signals import Signal
from store.port import Select

CLUSTERS = ("north", "south", "west")
ROWS = "SELECT ClusterUid, EventUid, Count FROM otel_k8s_events FINAL ORDER BY ALL"


@dataclass(frozen=True)
class Told:
    """One event as it was at one of its counts."""

    cluster: str
    number: int
    count: int
    first: int
    last: int

    @property
    def uid(self):
        return f"event-{self.number}"

    @property
    def pod(self):
        return f"api-{self.number % 7}"

    @property
    def version(self):
        return str(1000 + 10 * self.last)


def any_value(value):
    match value:
        case dict():
            pairs = [KeyValue(key=key, value=any_value(one)) for key, one in value.items()]
            return AnyValue(kvlist_value=KeyValueList(values=pairs))
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(one) for one in value]))
        case int():
            return AnyValue(int_value=value)
        case None:
            return AnyValue()
    return AnyValue(string_value=value)


def attributes(**values):
    return [KeyValue(key=key.replace("__", "."), value=any_value(value)) for key, value in values.items()]


def iso(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def watched(told, kind="MODIFIED"):
    """As the k8sobjects receiver sends it: the body is a map, the time that of the watch."""
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "count": told.count,
        "firstTimestamp": iso(told.first),
        "lastTimestamp": iso(told.last),
        "eventTime": None,
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": told.pod, "namespace": "shop", "uid": told.pod},
        "message": "Back-off restarting failed container",
        "metadata": {
            "name": f"{told.pod}.{told.number}",
            "namespace": "shop",
            "uid": told.uid,
            "resourceVersion": told.version,
            "creationTimestamp": iso(told.first),
            "managedFields": [{"manager": "kubelet", "operation": "Update"}],
        },
        "reason": "BackOff",
        "source": {"component": "kubelet", "host": "node-1"},
        "type": "Warning",
    }
    record = LogRecord(
        observed_time_unix_nano=(told.last + 3) * 10**9,
        body=any_value({"type": kind, "object": event}),
        attributes=attributes(k8s__resource__name="events", event__domain="k8s"),
    )
    return told.cluster, (), record


def flat(told):
    """As the k8sevents receiver sends it: the object is the resource, and no resource version is told."""
    record = LogRecord(
        time_unix_nano=told.last * 10**9,
        observed_time_unix_nano=(told.last + 1) * 10**9,
        severity_text="Warning",
        severity_number=13,
        body=any_value("Back-off restarting failed container"),
        attributes=attributes(
            k8s__event__reason="BackOff",
            k8s__event__action="",
            k8s__event__start_time=datetime.fromtimestamp(told.first, UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC"),
            k8s__event__name=f"{told.pod}.{told.number}",
            k8s__event__uid=told.uid,
            k8s__namespace__name="shop",
            k8s__event__count=told.count,
        ),
    )
    about = {"k8s__object__kind": "Pod", "k8s__object__name": told.pod, "k8s__object__uid": told.pod}
    return told.cluster, tuple(about.items()), record


def request(sent, said_cluster=lambda cluster: {"k8s__cluster__uid": f"uid-{cluster}", "k8s__cluster__name": cluster}):
    resources = [
        ResourceLogs(
            resource=Resource(attributes=attributes(**said_cluster(cluster), **dict(about))),
            scope_logs=[ScopeLogs(log_records=[record])],
        )
        for cluster, about, record in sent
    ]
    return LogsData(resource_logs=resources).SerializeToString()


def send(store, *requests):
    parcels = [wire.read(Signal.LOGS, body) for body in requests]
    store.insert(otlp.insert_for(Signal.LOGS, [chunk for parcel in parcels for chunk in parcel.chunks]))


def ask(store, sql):
    return store.select(Select(sql)).rows


def answered(store, question, **arguments):
    desk = Desk(store, load_catalogue(), QuerySettings())
    answer = desk.ask(question, {key: str(value) for key, value in arguments.items()})
    names = [column.name for column in answer.columns]
    desk.close()
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


@pytest.fixture
def tables(store):
    ready_tables.make(store, SchemaSettings())
    return store


def history(random_, cluster, number, start):
    """An event from its first time on: counts rise, not always by one, since a watcher may miss what lies between."""
    count, last, told = 1, start + random_.randrange(600), []
    first = last
    for _ in range(random_.randint(1, 5)):
        told.append(Told(cluster, number, count, first, last))
        count += random_.choice((1, 1, 1, 4))
        last += random_.randrange(1, 120)
    return told


def sendings(random_, histories):
    """What two collectors send, one of them in both shapes, and what it sends again when it starts anew."""
    for told in histories:
        for one in told:
            yield watched(one, "ADDED" if one.count == 1 else "MODIFIED")
            yield flat(one) if random_.random() < 0.7 else watched(one)
            if random_.random() < 0.3:
                yield flat(one)
        yield watched(told[-1], "ADDED")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_event_is_there_once_whoever_sends_it_and_in_whatever_order(tables, seed):
    random_ = random.Random(seed)
    start = int(time.time()) - 3600
    # The same uids in each cluster: one may be made from another's backup.
    histories = [history(random_, cluster, number, start) for cluster in CLUSTERS for number in range(40)]
    sent = list(sendings(random_, histories))
    random_.shuffle(sent)
    while sent:
        cut = random_.randint(1, 90)
        send(tables, request(sent[:cut]))
        sent = sent[cut:]

    expected = sorted((f"uid-{one.cluster}", one.uid, one.count) for told in histories for one in told)
    newest = {(told[-1].cluster, told[-1].uid): (told[-1].count, iso(told[-1].last)) for told in histories}
    for merged in (False, True):
        if merged:
            ask(tables, "OPTIMIZE TABLE otel_k8s_events FINAL")
            assert ask(tables, "SELECT count() FROM otel_k8s_events") == [(len(expected),)]
        assert ask(tables, ROWS) == expected
        rows = answered(tables, "object_events", namespace="shop", limit=1000)
        last_seen = {(row["cluster"], row["event_uid"]): (row["count"], row["last_seen"][:19] + "Z") for row in rows}
        assert (len(rows), last_seen) == (len(newest), newest)
        summary = answered(tables, "warning_summary", since="2h", limit=1000)
        assert (summary[0]["count"], summary[0]["events"]) == (sum(n for n, _ in newest.values()), len(newest))
        fresh = {
            f"uid-{row['cluster']}": row["rows"] for row in answered(tables, "freshness") if row["signal"] == "events"
        }
        assert fresh == Counter(cluster for cluster, _, _ in expected)


def one_told(count=3, cluster="north"):
    now = int(time.time()) - 60
    return Told(cluster, 1, count, now - 300, now + count)


def test_both_receivers_together_tell_one_event_with_what_each_of_them_knows(tables):
    for order in ((watched, flat), (flat, watched)):
        for shape in order:
            send(tables, request([shape(one_told())]))
    columns = "Count, EventUid, ResourceVersion != '', SourceHost, Uid, Reason, Type"
    expected = [(3, "event-1", 1, "node-1", "api-1", "BackOff", "Warning")]
    assert ask(tables, f"SELECT {columns} FROM otel_k8s_events FINAL") == expected  # noqa: S608 - our names


def test_a_copy_that_knows_less_takes_nothing_away(tables):
    knowing = {"k8s__cluster__uid": "uid-north", "k8s__cluster__name": "north", "krateo__composition__id": "c-1"}
    send(tables, request([watched(one_told())], lambda _: knowing))
    send(tables, request([flat(one_told())]))
    for _ in range(2):
        assert ask(tables, "SELECT CompositionId, SourceHost FROM otel_k8s_events FINAL") == [("c-1", "node-1")]
        ask(tables, "OPTIMIZE TABLE otel_k8s_events FINAL")


def test_an_event_keeps_the_moment_when_it_first_came(tables):
    send(tables, request([watched(one_told())]))
    first = ask(tables, "SELECT IngestedAt FROM otel_k8s_events FINAL")
    send(tables, request([flat(one_told())]), request([watched(one_told())]))
    ask(tables, "OPTIMIZE TABLE otel_k8s_events FINAL")
    assert ask(tables, "SELECT IngestedAt FROM otel_k8s_events") == first


def test_a_collector_that_does_not_say_its_cluster_is_counted_with_the_one_that_does(tables):
    by_name, by_nothing = (lambda cluster: {"k8s__cluster__name": cluster}), (lambda _: {})
    for said in (by_nothing, by_name):
        send(tables, request([flat(one_told())], said))
        assert [row["count"] for row in answered(tables, "object_events", namespace="shop")] == [3]
    send(tables, request([watched(one_told())]))

    # In the table it stays a row of its own, since nothing says that its cluster is the same.
    assert ask(tables, "SELECT ClusterUid, ClusterName FROM otel_k8s_events FINAL ORDER BY ALL") == [
        ("", ""),
        ("", "north"),
        ("uid-north", "north"),
    ]
    (row,) = answered(tables, "object_events", namespace="shop")
    assert (row["cluster"], row["count"]) == ("north", 3)
    assert answered(tables, "warning_summary")[0]["events"] == 1


def test_clusters_that_are_told_apart_by_name_alone_do_not_share_events(tables):
    def by_name(cluster):
        return {"k8s__cluster__name": cluster}

    for cluster in CLUSTERS:
        send(tables, request([watched(one_told(cluster=cluster)), flat(one_told(cluster=cluster))], by_name))
    rows = answered(tables, "object_events", namespace="shop")
    assert sorted(row["cluster"] for row in rows) == sorted(CLUSTERS)


def test_events_from_before_the_key_changed_are_kept_and_doubles_among_them_go(tables):
    """Migration 0007: as a database was before it, with a repeat in it, in the old sorting key."""
    old = next(text for name, text in old_migrations() if name.startswith("0004"))
    ask(tables, "DROP TABLE otel_k8s_events SYNC")
    ask(tables, old)
    later = "Name >= '0007' AND Kind = 'migration'"
    ask(tables, f"ALTER TABLE otel_schema_migrations DELETE WHERE {later} SETTINGS mutations_sync = 2")
    for shape in (watched, flat):
        send(tables, request([shape(one_told(count)) for count in (1, 2)]))
    assert ask(tables, "SELECT count() FROM otel_k8s_events FINAL") == [(4,)]

    applied = migrate(tables, SchemaSettings()).applied

    assert "migration 0007_k8s_events_once" in applied
    assert ask(tables, ROWS) == [("uid-north", "event-1", 1), ("uid-north", "event-1", 2)]
    send(tables, request([watched(one_told(3))]))
    assert len(ask(tables, ROWS)) == 3
    assert ask(tables, "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%0007'") == []
    assert migrate(tables, SchemaSettings()).applied == []


def test_a_migration_that_was_cut_after_the_exchange_goes_on_and_does_not_exchange_again(tables):
    """As if the migrator had died there: the new table has the name, and the old rows stand beside it."""
    new = ask(tables, "SHOW CREATE TABLE otel_k8s_events")[0][0]
    old = next(text for name, text in old_migrations() if name.startswith("0004"))
    ask(tables, old.replace("EXISTS otel_k8s_events", "EXISTS otel_k8s_events_0007"))
    names = "ClusterUid, Namespace, Kind, Name, EventUid, Count, EventTime"
    values = "'uid-north', 'shop', 'Pod', 'api-1', 'event-1', 1, now64(9)"
    ask(tables, f"INSERT INTO otel_k8s_events_0007 ({names}) SELECT {values}")
    later = "Name >= '0007' AND Kind = 'migration'"
    ask(tables, f"ALTER TABLE otel_schema_migrations DELETE WHERE {later} SETTINGS mutations_sync = 2")

    migrate(tables, SchemaSettings())

    assert ask(tables, ROWS) == [("uid-north", "event-1", 1)]
    assert ask(tables, "SHOW CREATE TABLE otel_k8s_events")[0][0] == new


def old_migrations():
    render = rendering.Rendering(
        {**migration_plan.values("default", SchemaSettings()), "database": "{database}"},
        migration_plan.conditions(SchemaSettings(), server_version.TEXT_INDEX),
    )
    for one in schema.migrations():
        yield one.name, render(one.statements[0]).replace("{database}.", "")
