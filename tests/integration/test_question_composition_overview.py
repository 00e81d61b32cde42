"""What `composition_overview` answers: the objects of one composition, and what is known of each."""

import pytest
from answers import found, span, the
from cluster_scene import event, flat, pod_log, tell, where

from store.port import Select

LABEL = {"k8s.pod.labels.krateo.io/composition-id": "c1"}
COUNTED = ("about", "state", "kind", "name", "events", "warnings", "logs", "error_logs", "spans", "error_spans")

OTHERS = """
    INSERT INTO otel_traces (Timestamp, TraceId, ServiceName, ResourceAttributes)
    SELECT toDateTime64('2026-01-01 11:59:00', 9, 'UTC'), toString(number), concat('other-', toString(number % 20)),
        map('krateo.composition.id', 'c2')
    FROM numbers(200000)
"""


def of_c1(pod):
    return where(pod, **LABEL)


def test_objects_come_worst_first_after_the_sum_of_all(desk, put):
    warning = event(-30, composition="c1", count=9)
    tell(
        put,
        [
            warning,
            event(-20, "Created", type="Normal", kind="Shop", name="root", object_uid="c1"),
            pod_log(-10, "level=error", resource=of_c1("api-1")),
            pod_log(-9, "fine", SeverityNumber=9, resource=of_c1("api-1")),
            pod_log(-8, "who knows", resource=of_c1("api-2")),
            pod_log(-8, "level=error", resource=where("other")),
            event(-8, name="other", composition="c2"),
        ],
    )
    tell(put, [flat(-30, warning)])
    no_pod = {"krateo.composition.id": "c1"}
    put(
        "otel_traces",
        [
            span("a", start=-5000, StatusCode="Error", ResourceAttributes=no_pod),
            span("b", start=-5000, ResourceAttributes=no_pod),
            span("c", start=-5000, ResourceAttributes=of_c1("api-3")),
            span("d", start=-5000, StatusCode="Error"),
        ],
    )

    reply = desk.ask("composition_overview", {"composition": "c1"})

    assert found(reply, *COUNTED) == [
        ("all", "bad", "", "", 2, 1, 3, 1, 3, 1),
        ("object", "bad", "Pod", "api-1", 1, 1, 2, 1, 0, 0),
        ("object", "bad", "Service", "shop", 0, 0, 0, 0, 2, 1),
        ("object", "ok", "Pod", "api-3", 0, 0, 0, 0, 1, 0),
        ("object", "unknown", "Pod", "api-2", 0, 0, 1, 0, 0, 0),
        ("object", "ok", "Shop", "root", 1, 0, 0, 0, 0, 0),
    ]
    assert found(reply, "reason", "message", "cluster", "last_seen")[1] == (
        "BackOff",
        "BackOff of api-1",
        "north",
        "2026-01-01T11:59:51.000000000Z",
    )


def test_its_spans_are_found_without_reading_those_of_all_other_compositions(question_tables, desk, put):
    put("otel_traces", [span("a", start=-5000, ResourceAttributes=of_c1("api-1"))])
    question_tables.select(Select(OTHERS))

    reply = desk.ask("composition_overview", {"composition": "c1"})

    assert the(reply, "spans") == [1, 1]
    assert reply.rows_read < 40_000


def test_a_composition_of_which_nothing_is_known_is_not_called_healthy(desk, put):
    tell(put, [pod_log(-8, "who knows", resource=of_c1("api-2"))])

    assert the(desk.ask("composition_overview", {"composition": "c1"}), "state") == ["unknown", "unknown"]
    assert desk.ask("composition_overview", {"composition": "c2"}).rows == []


def test_a_cut_keeps_the_sum_and_the_worst(desk, put):
    tell(put, [event(-n, f"R{w}", name=f"p{n}", composition="c1") for n in range(1, 5) for w in range(n)])

    reply = desk.ask("composition_overview", {"composition": "c1", "limit": 2})

    assert (found(reply, "name", "warnings"), reply.truncated) == ([("", 10), ("p4", 4)], True)


@pytest.mark.parametrize("written", [{"namespace": "bank"}, {"cluster": "south"}, {"since": "10s", "until": "now"}])
def test_filters_narrow_all_parts(desk, put, written):
    tell(put, [event(-30, composition="c1"), pod_log(-30, resource=of_c1("a"))])
    put("otel_traces", [span("c", start=-5000, ResourceAttributes=of_c1("a"))])

    assert desk.ask("composition_overview", {"composition": "c1", **written}).rows == []
