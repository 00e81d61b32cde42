"""Three shards answer as one server does, whoever asks and by whichever window; and nothing is stored twice."""

import asyncio
import json
import time
import urllib.request
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import pytest
from answers import NOON
from cluster_world import NAME, open_node
from mcp_window import opened
from scoped_world import _KNOWN as KNOWN
from scoped_world import ASKED, CATALOGUE, LEAK, MINE, PODS, READERS, WELL_ASKED, path, window
from stream_world import house, log, put

from bench import workloads
from bench.house_process import running
from ingest import wire
from sql import cluster_migration, cluster_plan, otlp, own_rows, server_version
from sql.catalogue import load_catalogue
from sql.cluster_plan import ClusterLayout
from sql.existing_tables import UnfitTableError
from sql.migrate import migrate
from sql.settings import SchemaSettings
from sql.signals import Signal
from store.opening import open_store
from store.port import Select

pytestmark = pytest.mark.server

NOT_SPREAD = {"schema_tables", "storage", "storage_by_service"}
"""They tell of parts and of the ledger, of which a cluster has more than one server."""

EXAMPLES = {**KNOWN, **PODS, "pod_name": "pod-plain", "composition_id": "shop-1", "query": "x", "changed_at": "10m"}


def asked(question):
    needed = {one.name: KNOWN.get(one.name, one.example) for one in question.parameters if one.default is None}
    return WELL_ASKED.get(question.name, [needed])


@pytest.mark.parametrize("name", sorted(set(CATALOGUE) - NOT_SPREAD))
def test_a_question_is_answered_as_on_one_server(spread, whole, name):
    for parameters in asked(CATALOGUE[name])[:2]:
        one, many = (there.desk.ask(name, {**window(name), **parameters}) for there in (whole, spread))

        assert many.rows == one.rows, parameters
        assert (many.truncated, many.left_out, many.data_through) == (one.truncated, one.left_out, one.data_through)
        assert (many.partial, many.missing_shards) == (False, ())


@pytest.mark.parametrize("name", sorted(NOT_SPREAD))
def test_what_tells_of_the_tables_counts_the_rows_of_all_shards(spread, whole, name):
    one, many = (
        {row["table"]: row["rows"] for row in rows_of(there.desk.ask(name, {"limit": 1000}))}
        for there in (whole, spread)
    )

    assert {**many, "otel_schema_migrations": 0} == {**one, "otel_schema_migrations": 0}


def rows_of(reply):
    names = [column.name for column in reply.columns]
    return [dict(zip(names, row, strict=True)) for row in reply.rows]


@pytest.mark.parametrize(("name", "many"), ASKED.items(), ids=str)
def test_a_reader_of_a_part_sees_it_as_if_nothing_else_were_stored(spread, whole_east, name, many):
    for parameters in many[:1]:
        narrowed = spread.reader("by-name").get(path(name, parameters))
        alone = whole_east.reader("all").get(path(name, parameters))

        assert (narrowed.status, alone.status) == (200, 200), narrowed.text
        assert narrowed.json["rows"] == alone.json["rows"]
        assert same_where_told(narrowed.json["data_through"], alone.json["data_through"])
        assert LEAK not in narrowed.text


def same_where_told(one, other):
    """How far a reader's part reaches is told within a second or not at all: a busy machine may need longer."""
    return all(one[signal] == other[signal] for signal in one.keys() & other.keys())


@pytest.mark.parametrize("reader", sorted(set(READERS) - {"all"}))
def test_every_scope_holds_on_every_shard(spread, whole, reader):
    for name in ("recent_logs", "services", "object_events"):
        for parameters in asked(CATALOGUE[name])[:1]:
            many, one = (there.reader(reader).get(path(name, parameters)) for there in (spread, whole))

            assert (many.status, many.json.get("rows")) == (one.status, one.json.get("rows"))


def test_the_tables_of_the_shards_themselves_are_closed_to_who_sees_a_part(spread):
    sql = f"SELECT Body FROM {spread.name}_shard.otel_logs"  # noqa: S608 - the test's own database

    async def scene():
        with_reader = open_store(spread.cluster.settings(spread.name))
        async with opened(spread.desk, spread.store, spread.name, reader=with_reader) as client:
            return await client.call("run_select_query", query=sql)

    assert asyncio.run(scene())["isError"]


# agents


def test_agents_are_answered_as_on_one_server(spread, whole):
    one, many = (asyncio.run(every_tool(there)) for there in (whole, spread))

    assert len(one) > 15
    assert many == one


async def every_tool(world):
    found = {}
    reader = open_store(world.settings.model_copy(update={"database": world.name}))
    async with opened(world.desk, world.store, world.name, reader=reader, now=lambda: (NOON + 600) * 10**9) as client:
        listed = await client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}})
        for tool in listed["result"]["tools"]:
            needed = tool["inputSchema"].get("required", [])
            given = {name: EXAMPLES.get(name, MINE) for name in needed}
            if tool["name"] == "run_select_query":
                given = {"query": "SELECT ServiceName, count() AS n FROM otel_logs GROUP BY 1 ORDER BY 1"}
            if tool["name"] in {"list_databases", "list_tables", *NOT_SPREAD}:
                continue
            said = (await client.call(tool["name"], **given))["structuredContent"]
            found[tool["name"]] = {key: said[key] for key in sorted(said) if key not in {"query_ids", "summary"}}
    return found


# what comes in


@pytest.fixture(scope="module")
def telemetry(spread, whole):
    """The same OTLP requests to one server and to the cluster, there to one node after the other."""
    begin = time.time()
    inserts = [
        otlp.insert_for(one.signal, wire.read(one.signal, request).chunks, f"{one.name} {number}")
        for one in (
            workloads.flat_logs(300, 3),
            workloads.spans(120, 1),
            workloads.number_points(640, 1),
            workloads.kubernetes_events(60, 1),
        )
        for number, request in enumerate(one.requests)
    ]
    with ExitStack() as opened_doors:
        doors = [
            opened_doors.enter_context(closing(open_store(spread.cluster.settings(spread.name, node=node))))
            for node in range(3)
        ]
        for number, insert in enumerate(inserts):
            whole.store.insert(insert)
            doors[number % 3].insert(insert)
        yield inserts, doors, {"since": str(begin - 3600), "until": str(begin + 600)}


COUNTS = (
    "SELECT (SELECT count() FROM otel_logs), (SELECT count() FROM otel_traces),"
    " (SELECT count() FROM otel_k8s_events FINAL),"
    " (SELECT count() FROM otel_metrics_gauge), (SELECT count() FROM otel_metrics_sum),"
    " (SELECT uniqExact(TraceId) FROM otel_traces_trace_id_ts)"
)


def test_what_comes_in_by_otlp_is_on_all_shards_and_as_on_one_server(spread, whole, telemetry):
    one, many = (there.store.select(Select(COUNTS)).rows for there in (whole, spread))

    assert many == one
    for table in ("otel_logs", "otel_traces", "otel_metrics_sum", "otel_k8s_events"):
        shares = spread.cluster.on_shards(f"SELECT count() FROM {spread.name}_shard.{table}")  # noqa: S608 - as above
        assert min(shares) > 0.15 * sum(shares), (table, shares)


def test_what_is_sent_again_to_the_same_or_another_node_is_stored_once(spread, telemetry):
    inserts, doors, _ = telemetry
    before = spread.store.select(Select(COUNTS)).rows
    for number, insert in enumerate(inserts):
        if insert.token.endswith(" 0"):
            doors[number % 3].insert(insert)
            doors[(number + 1) % 3].insert(insert)

    assert spread.store.select(Select(COUNTS)).rows == before


def test_copies_of_an_event_and_spans_of_a_trace_are_on_one_shard(spread, telemetry):
    for key, table in (("TraceId", "otel_traces"), ("(ClusterUid, Namespace, Kind, Name)", "otel_k8s_events")):
        sql = f"SELECT max(n) FROM (SELECT uniqExact(_shard_num) AS n FROM {table} GROUP BY {key})"  # noqa: S608 - as above
        assert spread.store.select(Select(sql)).rows == [(1,)]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("services", {}),
        ("services", {"limit": 1}),
        ("recent_logs", {"limit": 7}),
        ("recent_logs", {"text": "order", "limit": 50}),
        ("log_counts", {}),
        ("errors_by_service", {"limit": 2}),
        ("service_overview", {"limit": 3}),
        ("find_traces", {"limit": 5}),
        ("slow_traces", {"limit": 5}),
        ("metric_names", {}),
        ("object_events", {"limit": 20}),
        ("warning_summary", {"limit": 3}),
        ("ingest_volume", {}),
        ("attribute_keys", {}),
    ],
)
def test_questions_over_many_rows_are_answered_as_on_one_server(spread, whole, telemetry, name, parameters):
    _, _, hour = telemetry
    one, many = (rows_of(there.desk.ask(name, {**hour, **parameters})) for there in (whole, spread))

    assert one
    assert [without_arrival(row) for row in many] == [without_arrival(row) for row in one]


def without_arrival(row):
    """All but when ClickHouse got it, and places of rows, which are hashes over that."""
    return {name: cell for name, cell in row.items() if name not in {"ingested_at", "position"}}


def test_pages_hold_together(spread, telemetry):
    _, _, hour = telemetry
    client = spread.reader("all")
    asked = "&".join(f"{name}={value}" for name, value in {**hour, "limit": 400}.items())
    found, cursor = [], ""
    while True:
        said = client.get(f"/api/v1/questions/recent_logs?{asked}&cursor={cursor}").json
        found += [json.dumps(row, sort_keys=True) for row in said["rows"]]
        cursor = said["next_cursor"]
        if not cursor:
            break

    everything = spread.desk.ask("recent_logs", {**hour, "limit": 5000})
    assert len(found) == len(everything.rows) > 400


def test_new_rows_of_every_shard_come_in_a_stream(spread):
    async def scene():
        async with house(spread.store) as here:
            watcher = await here.follow("/api/v1/tail?service=shop&text=streamed")
            await asyncio.to_thread(put, spread.store, "otel_logs", [log(f"streamed {n}") for n in range(30)])
            return await watcher.names(30, lambda data: data["body"])

    assert sorted(asyncio.run(scene())) == sorted(f"streamed {n}" for n in range(30))


# the tables


def test_a_second_migration_has_nothing_to_do_and_a_new_node_gets_everything(spread):
    layout = ClusterLayout(NAME, "grown", replicated=False)
    spread.cluster.make_databases("grown")
    first = cluster_migration.run(spread.store, open_node, layout, SchemaSettings())
    second = cluster_migration.run(spread.store, open_node, layout, SchemaSettings())
    spread.cluster.anew(2, "grown")
    due = cluster_migration.run(spread.store, open_node, layout, SchemaSettings(), dry_run=True)
    third = cluster_migration.run(spread.store, open_node, layout, SchemaSettings())

    assert any(title.endswith("spread otel_logs") for title in first.applied)
    assert (second.applied, second.pending) == ([], [])
    assert due.pending
    assert {title.split(" replica")[0] for title in [*due.pending, *third.applied]} == {"shard 3"}
    assert cluster_migration.run(spread.store, open_node, layout, SchemaSettings(), dry_run=True).pending == []


def test_a_column_that_a_part_gets_is_in_the_whole_after_the_next_migration(spread):
    layout = ClusterLayout(NAME, "grown", replicated=False)
    spread.cluster.make_databases("grown")
    cluster_migration.run(spread.store, open_node, layout, SchemaSettings())
    for node in cluster_migration.nodes(spread.store, NAME):
        with closing(open_node(node, "grown_shard")) as part:
            part.select(Select("ALTER TABLE otel_logs ADD COLUMN IF NOT EXISTS Mood String DEFAULT 'calm'"))
    report = cluster_migration.run(spread.store, open_node, layout, SchemaSettings())

    assert [title.partition("grown: ")[2] for title in report.applied] == ["spread otel_logs anew"] * 3
    with closing(open_store(spread.cluster.settings("grown"))) as store:
        (request,) = workloads.flat_logs(20, 1).requests
        store.insert(otlp.insert_for(Signal.LOGS, wire.read(Signal.LOGS, request).chunks, "moody"))
        assert store.select(Select("SELECT DISTINCT Mood FROM otel_logs")).rows == [("calm",)]


def test_retention_is_that_of_the_settings_on_every_shard(spread):
    retention = "SELECT extract(create_table_query, 'toIntervalDay\\\\((\\\\d+)') FROM system.tables"
    layout = ClusterLayout(NAME, "grown", replicated=False)
    spread.cluster.make_databases("grown")
    cluster_migration.run(spread.store, open_node, layout, SchemaSettings())
    days = SchemaSettings().retention.model_copy(update={"logs_days": 7})
    cluster_migration.run(spread.store, open_node, layout, SchemaSettings(retention=days))

    where = " WHERE database = 'grown_shard' AND name = 'otel_logs'"
    assert spread.cluster.on_shards(retention + where) == ["7"] * 3


def test_tables_of_one_server_and_of_a_cluster_are_not_mixed_up(spread, whole):
    with pytest.raises(UnfitTableError, match=r"set store\.cluster"):
        migrate(spread.store, SchemaSettings())
    spread.cluster.make_databases(whole.name)
    with pytest.raises(UnfitTableError, match="before there was a cluster"):
        cluster_migration.run(
            spread.store, open_node, ClusterLayout(NAME, whole.name, replicated=False), SchemaSettings()
        )


def test_a_cluster_that_is_not_there_is_named(spread):
    with pytest.raises(cluster_migration.ClusterError, match="knows no cluster other"):
        cluster_migration.run(spread.store, open_node, ClusterLayout("other", "x", replicated=False), SchemaSettings())


def test_replicated_tables_need_macros(spread):
    with pytest.raises(cluster_migration.ClusterError, match="no macro replica and shard"):
        cluster_migration.run(spread.store, open_node, ClusterLayout(NAME, "x", replicated=True), SchemaSettings())


def test_the_script_for_a_cluster_is_what_clickhouse_can_read(spread):
    layout = ClusterLayout(NAME, "otel", replicated=True, on_cluster=True)
    statements = cluster_plan.script(layout, SchemaSettings(), server_version.read(spread.store))

    for statement in statements:
        (written,) = spread.store.select(Select("SELECT formatQuery({text:String})", {"text": statement})).rows[0]
        assert f"ON CLUSTER {NAME}" in written.replace("`", "")
        assert spread.store.select(Select(f"EXPLAIN AST {statement}")).rows


def test_questions_of_a_cluster_have_the_same_columns(spread):
    assert set(load_catalogue(cluster=NAME)) == set(CATALOGUE)


# the house


def test_a_dead_letter_keeps_its_bytes_and_a_later_word_on_it_replaces_the_first(spread):
    letter = {"Id": "a" * 32, "ReceivedAt": "2026-01-01T12:00:00Z", "Signal": "logs", "Reason": "why", "Code": 0}
    letter |= {"ItemTimeUnixNano": 0, "ItemBase64": "aXRlbQ==", "ItemSize": 4, "Token": "t", "State": "open"}
    for attempt, state in enumerate(("open", "stored")):
        lines = [own_rows.line({**letter, "Attempt": attempt, "State": state})]
        for _ in range(2):
            spread.store.insert(own_rows.insert_for(own_rows.DEAD_LETTERS, lines, f"letter {attempt}"))

    sql = "SELECT Item, State, Attempt FROM otel_dead_letters FINAL"
    assert spread.store.select(Select(sql)).rows == [("item", "stored", 1)]
    assert spread.store.select(Select("SELECT count() FROM otel_dead_letters")).rows[0][0] <= 2


def test_deeds_and_beats_are_stored_once(spread):
    now = datetime.now(UTC).isoformat()
    deed = {"Timestamp": now, "Id": "1", "Action": "sign_in.refused", "Details": {"a": "b"}}
    beat = {"Timestamp": now, "Cluster": "east", "Run": "r", "Beat": 1, "Signal": "log", "Leg": "rest"}
    for table, row in ((own_rows.AUDIT, deed), (own_rows.CANARY, beat)):
        for _ in range(2):
            spread.store.insert(own_rows.insert_for(table, [own_rows.line(row)], f"of {table}"))

        assert spread.store.select(Select(f"SELECT count() FROM {table}")).rows == [(1,)]  # noqa: S608 - two constants


def test_the_dictionary_of_objects_knows_those_of_all_shards(spread):
    seen = {"FirstSeen": time.time_ns(), "LastSeen": time.time_ns(), "ClusterUid": "c"}
    rows = [
        {**seen, "Kind": "Pod", "Name": f"pod-{n}", "Uid": f"uid-{n}", "CompositionId": f"composition-{n}"}
        for n in range(20)
    ]
    spread.put("otel_k8s_objects", rows)

    sql = (
        "SELECT countIf(dictGetOrDefault('otel_k8s_identity', 'CompositionId', ('c', 'uid-' || toString(number)), '')"
        " = 'composition-' || toString(number)) FROM numbers(20)"
    )
    assert spread.store.select(Select(sql)).rows == [(20,)]


def test_a_house_on_a_cluster_makes_its_tables_takes_otlp_and_answers(cluster):
    cluster.make_databases("lived_in")
    settings = {
        "OTELHOUSE_STORE_URL": cluster.servers[1].url,
        "OTELHOUSE_STORE_DATABASE": "lived_in",
        "OTELHOUSE_STORE_CLUSTER": NAME,
        "OTELHOUSE_SQL_REPLICATED": "false",
        "OTELHOUSE_INGEST_SPOOL_MODE": "never",
    }
    (request,) = workloads.flat_logs(300, 1).requests
    with running("up", settings) as here:
        for _ in range(2):
            told = urllib.request.Request(
                f"http://{here.http}/v1/logs", request, {"Content-Type": "application/x-protobuf"}
            )
            with urllib.request.urlopen(told, timeout=60) as answer:
                assert answer.status == 200
        with urllib.request.urlopen(f"{here.rest}/api/v1/questions/log_counts?format=json", timeout=60) as answer:
            counted = json.load(answer)
        with urllib.request.urlopen(f"{here.rest}/readyz", timeout=60) as answer:
            ready = json.load(answer)

    assert not counted["partial"]
    assert sum(row["count"] for row in counted["rows"]) >= 300
    assert "shards" in json.dumps(ready)
    shares = cluster.on_shards("SELECT count() FROM lived_in_shard.otel_logs WHERE ServiceName != 'otelhouse-canary'")
    assert min(shares) > 50
