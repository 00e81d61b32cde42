"""What `log_patterns` makes of log messages, and how it counts them."""

import pytest
from answers import NOON, at, found, log, the

from sql.catalogue import load_catalogue

ESC = "\x1b"


def patterns(desk, **written):
    return the(desk.ask("log_patterns", written), "pattern")


@pytest.mark.parametrize(
    ("body", "pattern"),
    [
        ("took 12ms for 3 of 1,024 rows (99.5%)", "took <n>ms for <n> of <n> rows (<n>%)"),
        ("at 2026-01-01T12:00:00.123Z: done", "at <time>: done"),
        ("at 2026-01-01 12:00:00,123 done", "at <time> done"),
        ("12:00:01 up", "<n> up"),
        ("order 5B8efff7-98b0-4103-8d26-9b633813fc60 paid", "order <uuid> paid"),
        ("span 00f067aa0ba902b7 of 0xBEEF", "span <hex> of <hex>"),
        ("from 10.0.0.7:4317 to 192.168.1.1", "from <ip> to <ip>"),
        ("peer fe80:0:0:0:1:2:3:4 left", "peer <ip> left"),
        ('user "o\'neil" not in `users`', "user <text> not in <text>"),
        ("key 'a b' is 'c'", "key <text> is <text>"),
        ("can't read what isn't there", "can't read what isn't there"),
        ("pod payment-7d9f8c6b5d-x2k4q is well-designed", "pod payment-<pod> is well-designed"),
        ("k8s v1beta1 node12", "k<n>s v<n>beta<n> node<n>"),
        ('{"level":"info","msg":"took 5ms"}', "took <n>ms"),
        ('{"type":"ADDED","object":{"message":"Back-off 10s"}}', "Back-off <n>s"),
        ('{"user":"anna","n":7}', '{"user":"anna","n":<n>}'),
        ("{braces} 7", "{braces} <n>"),
        (f"{ESC}[31mred {ESC}[0m5", "red <n>"),
        ("日本語 5 ünïcödé", "日本語 <n> ünïcödé"),
        ("x" * 400, "x" * 300),
        ("", ""),
    ],
)
def test_a_pattern_is_what_a_message_has_in_common_with_others(desk, put, body, pattern):
    put("otel_logs", [log(0, body)])

    assert patterns(desk) == [pattern]


def test_like_records_are_counted_together_and_the_most_frequent_come_first(desk, put):
    put(
        "otel_logs",
        [
            *(log(n, f"took {n}ms", TraceId=f"{n:032}") for n in range(5)),
            log(9, "took 9ms", ServiceName="bank"),
            log(1, "out of memory", SeverityNumber=17),
            log(2, "out of memory", SeverityNumber=21),
            log(-4000, "too early"),
        ],
    )

    reply = desk.ask("log_patterns", {})

    columns = ("count", "severity", "service", "pattern", "last_seen", "first_seen", "example", "trace_id", "records")
    assert found(reply, *columns) == [
        (5, "", "shop", "took <n>ms", iso(4), iso(0), "took 4ms", f"{4:032}", 8),
        (2, "FATAL", "shop", "out of memory", iso(2), iso(1), "out of memory", "", 8),
        (1, "", "bank", "took <n>ms", iso(9), iso(9), "took 9ms", "", 8),
    ]


def iso(seconds: float) -> str:
    return at(seconds).replace(" ", "T") + "Z"


def test_of_more_records_than_the_sample_a_share_stands_for_all(desk, put):
    seldom = [log(n / 100, f"seldom {n}", SeverityNumber=17) for n in range(1_000)]
    put("otel_logs", [*(log(n / 100, f"often {n}") for n in range(9_000)), *seldom])

    reply = desk.ask("log_patterns", {"sample": 1000})
    again = desk.ask("log_patterns", {"sample": 1000})

    looked_at, count = the(reply, "looked_at"), the(reply, "count")
    assert the(reply, "pattern") == ["often <n>", "seldom <n>"]
    assert sum(looked_at) == pytest.approx(1000, abs=200)
    assert count == [10 * number for number in looked_at]
    assert count[0] == pytest.approx(9000, rel=0.2)
    assert the(reply, "records") == [10_000, 10_000]
    assert again.rows == reply.rows, "the same records are looked at each time"


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ({"service": "bank"}, ["of bank"]),
        ({"namespace": "ns"}, ["placed"]),
        ({"cluster": "c"}, ["placed"]),
        ({"composition": "k"}, ["placed"]),
        ({"min_severity": "error"}, ["level=error of text", "placed"]),
        ({"text": "OF BANK"}, ["of bank"]),
        ({"text": "100%"}, []),
        ({"since": str(NOON + 2), "until": str(NOON + 3)}, ["placed"]),
    ],
)
def test_patterns_are_narrowed_by_each_filter(desk, put, written, left):
    where = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "k"}
    put(
        "otel_logs",
        [
            log(0, "of bank", ServiceName="bank"),
            log(1, "level=error of text"),
            log(2, "placed", ResourceAttributes=where, SeverityNumber=17),
        ],
    )

    assert sorted(patterns(desk, **written)) == left


def test_no_records_are_no_patterns(desk):
    assert patterns(desk) == []


def test_the_same_mask_and_the_same_severity_stand_in_every_question_that_needs_them():
    texts = [one.sql for one in load_catalogue().values()]

    for beginning, end in (
        ("    -- A log message without", " AS pattern_of,"),
        ("    -- A severity from 1 to 24", " AS level_of,"),
    ):
        told = {text[text.index(beginning) : text.index(end)] for text in texts if end in text}
        assert len(told) == 1, "write it as the others do"


def test_records_that_are_the_same_in_everything_are_sampled_one_by_one(desk, put):
    put("otel_logs", [log(-60, "db connection refused") for _ in range(20_000)])

    reply = desk.ask("log_patterns", {"sample": 1000})

    ((count, looked_at, records),) = found(reply, "count", "looked_at", "records")
    assert records == 20_000
    assert looked_at == pytest.approx(1000, rel=0.2)
    assert count == 20 * looked_at
