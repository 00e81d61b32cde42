"""The tables of a cluster: Replicated parts, Distributed wholes, and a shard for every row."""

import re
from pathlib import Path

import pytest

from sql import cluster_plan, schema
from sql.catalogue import load_catalogue
from sql.cluster_plan import ClusterLayout
from sql.schema import Kind
from sql.server_version import ServerVersion
from sql.settings import SchemaSettings
from store.settings import StoreSettings

GOLDEN = Path(__file__).with_name("cluster_script.txt")
VERSION = ServerVersion(26, 7)
LAYOUT = ClusterLayout("telemetry", "otel", replicated=True, on_cluster=True)


def statements(layout=LAYOUT):
    return cluster_plan.script(layout, SchemaSettings(), VERSION)


def outline(statement):
    """The lines that say what is made, where, of which engine."""
    lines = [line for line in statement.splitlines() if re.match(r"CREATE|ENGINE|TO |TTL", line)]
    return " | ".join(lines)


def test_the_script_makes_replicated_parts_and_distributed_wholes_on_the_whole_cluster():
    text = "".join(f"{outline(one)}\n" for one in statements())

    assert text == GOLDEN.read_text(encoding="utf-8"), f"look at the difference, then write {GOLDEN.name} again"


def test_every_statement_is_for_the_whole_cluster_and_leaves_no_placeholder():
    for statement in statements():
        assert " ON CLUSTER `telemetry`" in statement
        assert "${" not in statement


def test_the_parts_of_one_node_are_told_to_it_alone_and_stay_plain_where_nothing_is_replicated():
    plain = statements(ClusterLayout("telemetry", "otel", replicated=False))

    assert not any("ON CLUSTER" in one or "Replicated" in one for one in plain)
    assert len(plain) == len(statements())


def test_every_table_but_the_ledger_says_on_which_shard_a_row_is():
    tables = {item.name: item.sharding for item in schema.objects() if item.kind is Kind.TABLE}

    assert [name for name, key in tables.items() if not key] == ["otel_schema_migrations"]
    assert all(key.startswith("cityHash64(") for name, key in tables.items() if key)


def test_rows_that_become_one_are_on_one_shard():
    """Their sorting key has all that the shard follows from."""
    for item in cluster_plan.spread_tables():
        merged = re.search(r"(?:Aggregating|Replacing)MergeTree", item.text)
        if merged:
            key = re.search(r"^ORDER BY \((.+)\)$", item.text, re.MULTILINE)[1]
            assert set(re.findall(r"\b[A-Z]\w+", item.sharding)) <= set(re.findall(r"\b[A-Z]\w+", key)), item.name


def test_an_engine_keeps_its_own_arguments_behind_its_path():
    (letters,) = [one for one in statements() if "otel_dead_letters" in one and "ENGINE = Replicated" in one]

    path = "'/clickhouse/tables/{shard}/otel_shard/otel_dead_letters', '{replica}'"
    assert f"ENGINE = ReplicatedReplacingMergeTree({path}, Attempt)" in letters


@pytest.mark.parametrize("name", ["a b", "a'b", "1a", "a;b", "`a`", "a.b"])
def test_a_name_that_clickhouse_cannot_have_or_that_could_be_more_is_refused(name):
    with pytest.raises(ValueError, match="cluster"):
        StoreSettings(url="clickhouse://host:9000/", cluster=name)


def test_the_embedded_engine_is_no_cluster():
    with pytest.raises(ValueError, match="give `url`"):
        StoreSettings(cluster="telemetry")


def test_questions_about_the_tables_look_at_all_shards():
    spread = load_catalogue(cluster="telemetry")

    assert "cluster('telemetry', system.parts)" in spread["storage"].sql
    assert "cluster(" not in load_catalogue()["storage"].sql
    assert {name for name, one in load_catalogue().items() if spread[name].sql != one.sql} == {
        "schema_columns", "schema_tables", "storage", "storage_by_service",
    }  # fmt: skip
