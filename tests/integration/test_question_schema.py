"""What `schema_tables` and `schema_columns` tell whoever writes a query of their own."""

from answers import found, log


def test_tables_are_told_with_their_rows_and_what_they_are_sorted_by(desk, put):
    put("otel_logs", [log(0), log(1), log(2)])

    told = {row[0]: row[1:] for row in found(desk.ask("schema_tables", {}), "table", "rows", "sorting_key")}

    assert told["otel_logs"] == (3, "toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp")
    assert told["otel_traces"][0] == 0
    assert told["otel_k8s_events_mv"] == (None, ""), "a view keeps no rows"
    assert list(told) == sorted(told)


def test_columns_of_one_table_come_in_its_order_with_what_they_are_for(desk):
    reply = desk.ask("schema_columns", {"table": "otel_logs"})

    told = found(reply, "column", "type", "kind", "key")
    assert told[0] == ("Timestamp", "DateTime64(9)", "", True)
    assert ("ClusterName", "LowCardinality(String)", "ALIAS", False) in told
    assert {row[0] for row in found(reply, "table")} == {"otel_logs"}
    comments = dict(found(reply, "column", "comment"))
    assert comments["Body"].startswith("Message")


def test_a_table_that_does_not_exist_has_no_columns(desk):
    assert desk.ask("schema_columns", {"table": "otel_log"}).rows == []


def test_without_a_table_they_are_those_of_all(desk):
    tables = {row[0] for row in found(desk.ask("schema_columns", {}), "table")}

    assert tables >= {"otel_logs", "otel_traces", "otel_k8s_events", "otel_metrics_sum"}
