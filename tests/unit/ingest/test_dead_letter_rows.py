"""What cannot be stored is told, item by item, with all that it needs to be sent again."""

import json
from datetime import UTC, datetime

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs

from ingest import dead_letters, wire
from ingest.offences import MAX_ITEM_BYTES, Offence, Origin
from sql.settings import RetentionSettings
from sql.signals import Signal
from sql.time_bounds import bounds

NOW = 1_800_000_000_000_000_000
RECEIVED = NOW / 1e9
BOUNDS = bounds(RetentionSettings())


def parcel_of_logs(*bodies, service="shop", time=1):
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add(schema_url="r")
    for key, value in {"service.name": service, "k8s.cluster.name": "north", "k8s.cluster.uid": "uid-1"}.items():
        resource.resource.attributes.add(key=key).value.string_value = value
    scoped = resource.scope_logs.add(schema_url="s")
    scoped.scope.name = "lib"
    for body in bodies:
        scoped.log_records.add(time_unix_nano=time).body.string_value = body
    return wire.pack(wire.parse(Signal.LOGS, request.SerializeToString(), received=NOW))


def offences(*bodies, **given):
    return dead_letters.sort_out(parcel_of_logs(*bodies, **given), BOUNDS(Signal.LOGS))[1]


def letters(*bodies, batch="token", sender="10.0.0.7"):
    return dead_letters.letters(Signal.LOGS, batch, [(sender, offences(*bodies))], RECEIVED)


def offence_of(size, reason="why"):
    return Offence(Signal.LOGS, reason, Origin("shop", received_unix_nano=NOW), 5, (b"x" * size,))


def as_answered(row):
    """What `to_send.sql` answers for a row that was written."""
    seconds, nano = row.pop("ReceivedAt").removesuffix("Z").split(".")
    whole = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    return {**row, "ReceivedUnixNano": round(whole.timestamp()) * 10**9 + int(nano)}


def test_a_letter_tells_where_its_item_came_from_and_holds_it_alone():
    first, second = letters("one", "two")
    assert (first.signal, first.sender, first.token, first.time_unix_nano) == (Signal.LOGS, "10.0.0.7", "token", 1)
    assert first.origin == Origin("shop", "north", "uid-1", NOW)
    assert "more than 30 days before its arrival" in first.reason
    assert "sql.retention.logs_days" in first.reason
    for letter, body in ((first, "one"), (second, "two")):
        item = ResourceLogs.FromString(letter.item)
        (scoped,) = item.scope_logs
        assert [record.body.string_value for record in scoped.log_records] == [body]
        assert (item.schema_url, scoped.schema_url, scoped.scope.name) == ("r", "s", "lib")
        assert len(item.resource.attributes) == 3


def test_the_same_batch_gives_the_same_letters_and_another_batch_gives_others():
    once, again = letters("one", "two"), letters("one", "two")
    assert once == again
    assert len({letter.id for letter in (*once, *letters("one", "two", batch="another"))}) == 4
    assert all(len(letter.id) == 32 for letter in once)


def test_letters_of_several_senders_are_numbered_through():
    found = [("a", offences("one")), ("b", offences("one", "two"))]
    made = dead_letters.letters(Signal.LOGS, "token", found, RECEIVED)
    assert [letter.sender for letter in made] == ["a", "b", "b"]
    assert len({letter.id for letter in made}) == 3


def test_an_item_that_does_not_say_when_it_arrived_gets_the_time_of_its_batch():
    unstamped = Offence(Signal.LOGS, "why", Origin(), 0, (b"x",))
    (letter,) = dead_letters.letters(Signal.LOGS, "token", [("", [unstamped])], 12.5)
    assert letter.origin.received_unix_nano == 12_500_000_000


def test_an_item_over_a_mebibyte_is_told_without_its_bytes():
    whole, cut = dead_letters.letters(
        Signal.LOGS, "token", [("", [offence_of(MAX_ITEM_BYTES), offence_of(MAX_ITEM_BYTES + 1)])], RECEIVED
    )
    assert (len(whole.item), whole.size, whole.reason) == (MAX_ITEM_BYTES, MAX_ITEM_BYTES, "why")
    assert (cut.item, cut.size) == (b"", MAX_ITEM_BYTES + 1)
    assert f"its {MAX_ITEM_BYTES + 1} bytes were too many to be kept" in cut.reason
    with pytest.raises(dead_letters.NotKeptError, match=cut.id):
        dead_letters.again(cut, NOW)


def test_what_a_batch_may_keep_in_all_is_bounded(monkeypatch):
    monkeypatch.setattr(dead_letters, "KEPT_BYTES", 25)
    made = dead_letters.letters(Signal.LOGS, "token", [("", [offence_of(10)] * 4)], RECEIVED)
    assert [len(letter.item) for letter in made] == [10, 10, 0, 0]
    assert [letter.size for letter in made] == [10] * 4


def test_a_large_resource_around_many_items_is_in_memory_once():
    many = dead_letters.letters(Signal.LOGS, "token", [("", offences(*map(str, range(100)), service="x" * 900))], 0)
    shared = {id(part) for letter in many for part in letter.parts if len(part) > 500}
    assert len(shared) == 1


def test_slices_hold_all_letters_in_order_and_none_is_large(monkeypatch):
    monkeypatch.setattr(dead_letters, "SLICE_BYTES", 30)
    made = dead_letters.letters(Signal.LOGS, "t", [("", [offence_of(n) for n in (10, 10, 10, 10, 40, 1)])], RECEIVED)
    parts = list(dead_letters.slices(made))
    assert [[letter.size for letter in part] for part in parts] == [[10, 10, 10], [10], [40], [1]]
    assert [letter for part in parts for letter in part] == made
    monkeypatch.setattr(dead_letters, "SLICE_LETTERS", 2)
    assert [len(part) for part in dead_letters.slices(made)] == [2, 2, 1, 1]
    assert list(dead_letters.slices([])) == []


def test_rows_are_lines_of_json_in_chunks_of_about_a_megabyte():
    made = dead_letters.letters(Signal.LOGS, "t", [("\ud800", [offence_of(400_000)] * 5)], RECEIVED)
    chunks = dead_letters.rows(made)
    assert [chunk.count(b"\n") for chunk in chunks] == [2, 2, 1]
    lines = [json.loads(line) for chunk in chunks for line in chunk.splitlines()]
    assert [line["Id"] for line in lines] == [letter.id for letter in made]
    assert lines[0]["ReceivedAt"] == "2027-01-15T08:00:00.000000000Z"
    assert dead_letters.rows([]) == []


def test_a_letter_comes_back_from_its_row_as_it_was():
    made = letters("one", "tw\udcffo".encode("utf-8", "surrogateescape").decode("latin-1"))
    lines = [json.loads(line) for line in b"".join(dead_letters.rows(made)).splitlines()]
    assert [_flat(letter) for letter in dead_letters.from_rows(map(as_answered, lines))] == list(map(_flat, made))


def _flat(letter):
    return (letter.item, *(getattr(letter, name) for name in letter.__slots__ if name != "parts"))


def test_an_item_is_sent_again_as_if_it_came_now():
    (letter,) = letters("one")
    later = NOW + 10**18
    parcel = dead_letters.again(letter, later)
    item = wire.resource_classes[Signal.LOGS].FromString(parcel.chunks[1])
    assert (parcel.items, item.received_unix_nano) == (1, later)
    assert item.scope_logs[0].log_records[0].body.string_value == b"one"


def test_a_record_without_a_time_that_is_sent_again_keeps_its_arrival():
    found = dead_letters.condemn(parcel_of_logs("one", time=0), "ClickHouse says no", 42)
    (letter,) = dead_letters.letters(Signal.LOGS, "token", [("", found)], RECEIVED)
    assert (letter.reason, letter.code) == ("ClickHouse says no", 42)
    parcel = dead_letters.again(letter, NOW + 1)
    record = wire.resource_classes[Signal.LOGS].FromString(parcel.chunks[1]).scope_logs[0].log_records[0]
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (0, NOW)


def test_what_came_of_sending_again_is_one_attempt_more():
    (letter,) = letters("one")
    stored = dead_letters.retried(letter)
    assert (stored.state, stored.attempt, stored.reason) == (dead_letters.State.STORED, 1, letter.reason)
    refused = dead_letters.retried(dead_letters.retried(letter, "no"), "still no", 7)
    assert (refused.state, refused.attempt, refused.reason, refused.code) == ("open", 2, "still no", 7)
    assert refused.id == letter.id
    assert dead_letters.retry_token(refused) == dead_letters.retry_token(letter)
