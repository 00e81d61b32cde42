"""What Krateo's portal is answered, without ClickHouse; with it in tests/integration/test_rest_portal.py."""

import pytest

from query.portal_events import MOST, _limit, sse_k8s_event

ROW = {
    "eventTime": "2026-01-01T12:00:00Z",
    "obj_name": "shop",
    "obj_namespace": "payments",
    "obj_uid": "u-1",
    "obj_api_version": "v1",
    "obj_kind": "Pod",
    "reason": "BackOff",
    "message": "restarts",
    "type": "Warning",
    "source_component": "kubelet",
    "composition_id": "c-1",
}


def test_an_event_is_about_its_object_and_has_one_time():
    event = sse_k8s_event(ROW)

    assert list(event) == [
        "metadata", "involvedObject", "reason", "message", "type", "firstTimestamp", "lastTimestamp", "eventTime",
        "source", "compositionId",
    ]  # fmt: skip
    assert {event[name] for name in ("firstTimestamp", "lastTimestamp", "eventTime")} == {ROW["eventTime"]}
    assert event["metadata"] == {
        "name": "shop", "namespace": "payments", "uid": "u-1", "creationTimestamp": ROW["eventTime"],
    }  # fmt: skip
    assert event["involvedObject"] == {
        "apiVersion": "v1", "kind": "Pod", "name": "shop", "namespace": "payments", "uid": "u-1",
    }  # fmt: skip
    assert (event["source"], event["compositionId"]) == ({"component": "kubelet"}, "c-1")


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ([], MOST),
        (["20"], 20),
        ([" 20 "], 20),
        (["0"], 1),
        (["-3"], 1),
        (["201"], MOST),
        (["99999999999999999999999"], MOST),
        (["many"], MOST),
        (["1.5"], MOST),
        ([""], MOST),
        (["+7"], 7),
        (["5", "6"], 6),
    ],
)
def test_a_limit_is_brought_to_what_the_portal_may_ask_for(given, limit):
    assert _limit(given) == limit


@pytest.mark.parametrize("given", ["--5", "+-5", "5-", "\u00b2"])
def test_what_only_looks_like_a_number_is_as_if_it_were_not_there(given):
    assert _limit([given]) == MOST
