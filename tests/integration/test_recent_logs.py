"""What `recent_logs` answers, on records for which that is known."""

import pytest
from answers import NOON, found, log, the

from store.port import Select

KNOWN_POD = {
    "ClusterUid": "east-uid",
    "Kind": "Pod",
    "Name": "p",
    "Uid": "pod-1",
    "CompositionId": "c-1",
    "LastSeen": "2100-01-01",  # what was last seen long ago is forgotten
}

HOSTILE = [
    "'; DROP TABLE otel_logs; --",
    "100%",
    "under_score",
    "back\\slash\\",
    "\\'",
    "{service:String}",
    "tab\there\nand there",
    "日本語 ünïcödé 🦉",
    "nul\0nul",
    "x" * 4096,
    '$1 `quoted` "double" /* comment */ -- more',
    "\\N",
]


def test_recent_logs_come_newest_first_within_the_window(desk, put):
    put("otel_logs", [log(second, f"at {second}") for second in (-1, 0, 1.000000001, 59, 60)])

    reply = desk.ask("recent_logs", {"since": str(NOON), "until": str(NOON + 60)})

    assert found(reply, "time", "body") == [
        ("2026-01-01T12:00:59.000000000Z", "at 59"),
        ("2026-01-01T12:00:01.000000001Z", "at 1.000000001"),
        ("2026-01-01T12:00:00.000000000Z", "at 0"),
    ]
    assert (reply.window.since, reply.window.until) == (
        "2026-01-01T12:00:00.000000000Z",
        "2026-01-01T12:01:00.000000000Z",
    )


def test_a_window_of_nanoseconds_is_kept_to_the_nanosecond(desk, put):
    put("otel_logs", [log(1.000000001, "in"), log(1.000000002, "out")])

    reply = desk.ask("recent_logs", {"since": f"{NOON + 1}.000000001", "until": f"{NOON + 1}.000000002"})

    assert the(reply, "body") == ["in"]


def test_an_answer_that_was_cut_says_so_and_one_that_just_fits_does_not(desk, put):
    put("otel_logs", [log(second, str(second)) for second in range(3)])

    cut = desk.ask("recent_logs", {"limit": 2})
    whole = desk.ask("recent_logs", {"limit": 3})

    assert (the(cut, "body"), cut.truncated) == (["2", "1"], True)
    assert (the(whole, "body"), whole.truncated) == (["2", "1", "0"], False)


def test_no_rows_is_an_answer(desk):
    reply = desk.ask("recent_logs", {})

    assert (reply.rows, reply.truncated, reply.data_through) == ([], False, {})


@pytest.mark.parametrize(
    ("written", "bodies"),
    [
        ({"service": "bank"}, {"other service"}),
        ({"trace_id": "ABCDEF0123456789ABCDEF0123456789"}, {"traced"}),
        ({"namespace": "payments"}, {"in payments"}),
        ({"cluster": "prod"}, {"in prod"}),
        ({"attribute": "http.route"}, {"routed"}),
        ({"attribute": "http.route", "attribute_value": "/a"}, {"routed"}),
        ({"attribute": "http.route", "attribute_value": "/b"}, set()),
        ({"attribute": "k8s.cluster.name"}, {"in prod"}),
        ({"attribute_value": "/a"}, {"routed"}),
        ({"service": "bank", "namespace": "payments"}, set()),
    ],
)
def test_recent_logs_are_narrowed_by_each_filter(desk, put, written, bodies):
    put(
        "otel_logs",
        [
            log(0, "other service", ServiceName="bank"),
            log(1, "traced", TraceId="abcdef0123456789abcdef0123456789"),
            log(2, "in payments", ResourceAttributes={"k8s.namespace.name": "payments"}),
            log(3, "in prod", ResourceAttributes={"k8s.cluster.name": "prod"}),
            log(4, "routed", LogAttributes={"http.route": "/a"}),
        ],
    )

    assert set(the(desk.ask("recent_logs", written), "body")) == bodies


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        ("connection REFUSED", {"Connection refused by payments-db"}),
        ("fused by pay", {"Connection refused by payments-db"}),
        ("100%", {"disk 100% full"}),
        ("k_1", {"disk_1 gone", "k_1"}),
        ("%", {"disk 100% full"}),
        ("c:\\temp\\", {"cannot open C:\\Temp\\x"}),
        ("nothing of the kind", set()),
    ],
)
def test_text_is_found_anywhere_in_any_case_and_no_character_is_special(desk, put, text, bodies):
    lines = ["Connection refused by payments-db", "disk 100% full", "disk_1 gone", "k_1", "diskX1 gone"]
    put("otel_logs", [log(n, body) for n, body in enumerate([*lines, "cannot open C:\\Temp\\x"])])

    assert set(the(desk.ask("recent_logs", {"text": text}), "body")) == bodies


@pytest.mark.parametrize(
    "written",
    [
        {"text": "refused"},
        {"text": "fused by pay"},
        {"trace_id": "abcdef0123456789abcdef0123456789"},
        {"attribute": "http.route"},
        {"attribute": "http.route", "attribute_value": "/a"},
        {"composition": "c-1"},
        {"composition": "c-1", "min_severity": "error"},
        {"text": "refused", "composition": "c-1"},
    ],
)
def test_records_are_found_whether_or_not_their_indexes_were_made(desk, put, written):
    row = {
        "TraceId": "abcdef0123456789abcdef0123456789",
        "SeverityNumber": 17,
        "LogAttributes": {"http.route": "/a", "krateo.io/composition-id": "c-1"},
    }
    put("otel_logs", [log(1, "Connection refused by payments-db 1", **row), log(1.5, "not meant")])
    put(
        "otel_logs",
        [log(2, "Connection refused by payments-db 2", **row), log(2.5, "not meant either")],
        materialize_skip_indexes_on_insert=0,
    )

    found_bodies = the(desk.ask("recent_logs", written), "body")

    assert found_bodies == ["Connection refused by payments-db 2", "Connection refused by payments-db 1"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["service", "text", "namespace", "attribute", "attribute_value"])
def test_hostile_values_are_data(desk, put, name, value):
    put(
        "otel_logs",
        [
            log(
                0,
                value,
                ServiceName=value,
                ResourceAttributes={"k8s.namespace.name": value},
                LogAttributes={value: value},
            ),
            log(1, "another"),
        ],
    )

    assert the(desk.ask("recent_logs", {name: value}), "body") == [value]


def test_min_severity_counts_by_number_and_where_there_is_none_by_text(desk, put):
    put(
        "otel_logs",
        [
            log(0, "info", SeverityNumber=9, SeverityText="Information"),
            log(1, "warn2", SeverityNumber=14),
            log(2, "error by text", SeverityText="ERROR"),
            log(3, "fatal", SeverityNumber=21, SeverityText="F"),
            log(4, "unknown"),
            log(5, "text says error, number debug", SeverityNumber=5, SeverityText="error"),
        ],
    )

    assert the(desk.ask("recent_logs", {"min_severity": "WARN"}), "body") == ["fatal", "error by text", "warn2"]
    assert found(desk.ask("recent_logs", {"text": "warn2"}), "severity") == [("WARN",)]
    assert len(desk.ask("recent_logs", {}).rows) == 6


def test_recent_logs_of_a_composition_are_those_that_say_so_and_those_of_pods_that_are_known_to_be_its(desk, put):
    pod, cluster = {"k8s.pod.uid": "pod-1", "k8s.cluster.uid": "east-uid"}, {"k8s.cluster.uid": "west-uid"}
    put(
        "otel_logs",
        [
            log(0, "by resource", ResourceAttributes={"krateo.composition.id": "c-1"}),
            log(1, "by record", LogAttributes={"krateo.io/composition-id": "c-1"}),
            log(2, "by pod, later", ResourceAttributes=pod),
            log(3, "the same uid elsewhere", ResourceAttributes={**pod, **cluster}),
            log(4, "of another", ResourceAttributes={"krateo.composition.id": "c-2"}),
            log(5, "of none"),
        ],
    )
    put(
        "otel_k8s_objects",
        [KNOWN_POD],
    )

    assert set(the(desk.ask("recent_logs", {"composition": "c-1"}), "body")) == {
        "by resource", "by record", "by pod, later",
    }  # fmt: skip


def test_a_record_without_a_number_counts_by_what_its_body_says(desk, put):
    put("otel_logs", [log(0, "level=error msg=x"), log(1, "all is well"), log(2, "level=error", SeverityNumber=9)])

    assert the(desk.ask("recent_logs", {"min_severity": "error"}), "body") == ["level=error msg=x"]


NAMED = {"krateo.composition.id": "c-1"}
POD = {"k8s.pod.uid": "pod-1", "k8s.cluster.uid": "east-uid"}
QUIET = """
    INSERT INTO otel_logs (Timestamp, ServiceName, SeverityNumber, Body, ResourceAttributes)
    SELECT
        toDateTime64('2026-01-01 12:00:00', 9) + number / 1000,
        'shop',
        9,
        'level=error it says, and is none',
        mapFromArrays({names:Array(String)}, {values:Array(String)})
    FROM numbers(60000)
"""


@pytest.mark.parametrize(
    ("quiet", "resource"), [(NAMED, NAMED), (POD, POD), (NAMED, POD)], ids=["by id", "by pod", "errors by pod"]
)
def test_errors_of_a_composition_are_found_without_reading_its_other_records(
    question_tables, desk, put, quiet, resource
):
    put("otel_k8s_objects", [KNOWN_POD])
    question_tables.select(Select(QUIET, {"names": list(quiet), "values": list(quiet.values())}))
    put(
        "otel_logs",
        [
            log(1, "by number", SeverityNumber=17, ResourceAttributes=resource),
            log(2, "by text", SeverityText="ERROR", ResourceAttributes=resource),
            log(3, "level=error by body", ResourceAttributes=resource),
            log(4, "fatal", SeverityNumber=21, ResourceAttributes=resource),
            log(5, "a warning", SeverityNumber=13, ResourceAttributes=resource),
            log(6, "no word of it", ResourceAttributes=resource),
            log(7, "of another", SeverityNumber=17, ResourceAttributes={"krateo.composition.id": "c-2"}),
        ],
    )

    errors = desk.ask("recent_logs", {"composition": "c-1", "min_severity": "error"})
    fatal = desk.ask("recent_logs", {"composition": "c-1", "min_severity": "fatal"})
    warnings = desk.ask("recent_logs", {"composition": "c-1", "min_severity": "warn"})

    assert the(errors, "body") == ["fatal", "level=error by body", "by text", "by number"]
    assert the(fatal, "body") == ["fatal"]
    assert the(warnings, "body") == ["a warning", *the(errors, "body")]
    assert (errors.rows_read < 6_000, fatal.rows_read < 6_000, warnings.rows_read > 60_000) == (True, True, True)
