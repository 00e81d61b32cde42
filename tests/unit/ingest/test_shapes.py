import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from ingest import errors, key_order, shape_patterns, shapes, value_text
from oracle import text as oracle_text
from oracle import wireformat


def a_string(text):
    return wireformat.delimited(1, text)


def a_map(*members):
    pairs = [wireformat.delimited(1, key) + wireformat.delimited(2, value) for key, value in members]
    return wireformat.delimited(6, b"".join(wireformat.delimited(1, pair) for pair in pairs))


def an_array(*items):
    return wireformat.delimited(5, b"".join(wireformat.delimited(1, item) for item in items))


def an_event(name=b"payment", message=b"m" * 200, count=b"\x18\x05", host=b"node"):
    about = a_map((b"uid", a_string(b"u" * 36)), (b"name", a_string(name)), (b"none", b""), (b"%s", a_map()))
    return a_map(
        (b"type", a_string(b"ADDED")),
        (b"object", about),
        (b"message", a_string(message)),
        (b"count", count),
        (b"hosts", an_array(a_string(host), a_map((b"deep", a_string(b"")), (b"bool", b"\x10\x01")))),
    )


def expected(value):
    return oracle_text.json(wireformat.read("AnyValue", value)).decode("utf-8", "surrogatepass")


@pytest.fixture
def known():
    """Shapes that know an event."""
    known = shapes.Shapes()
    for _ in range(2):
        assert known.text(an_event()) is None
        known.saw(an_event())
    return known


@pytest.mark.parametrize(
    "event",
    [
        an_event(),
        an_event(name=b"", host=b"n" * 10),
        an_event(name=b"n" * 20),
        an_event(name=b'quoted "name" \\ \t %s'),
        an_event(name="\u2029 é \U00010000".encode()),
        an_event(name=b"\xff\xe2\x82", host=b"\xac"),
        an_event(message=b"m" * 2000),
        an_event(count=b"\x18\x00"),
        an_event(count=b"\x18\x0a"),
        an_event(count=b"\x18\xff\xff\xff\xff\x7f"),
    ],
)
def test_what_looks_like_one_before_has_the_text_that_it_should_have(known, event):
    text = known.text(event)
    assert text is not None
    assert value_text._utf8(text).decode() == expected(event)


@pytest.mark.parametrize(
    "event",
    [
        an_event(name=b"two\nlines"),
        an_event(name=b"n" * 100),
        an_event(message=b"m" * 100),
        an_event(count=b"\x18\xff\xff\xff\xff\xff\x01"),
        an_event(count=b"\x21" + bytes(8)),
        an_event(count=b""),
        an_event() + b"\x18\x01",
        b"\x32\x00",
        b"",
    ],
)
def test_what_looks_like_none_before_is_left_to_others(known, event):
    assert known.text(event) is None


@pytest.mark.parametrize("by", [1, -1, 9])
def test_lengths_that_say_something_else_are_left_to_others(known, by):
    for at in range(len(an_event())):
        event = bytearray(an_event())
        event[at] = (event[at] + by) % 256
        text = known.text(bytes(event))
        assert text is None or value_text._utf8(text).decode() == expected(bytes(event))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_length_that_takes_from_another_changes_nothing_unseen(data):
    known = shapes.Shapes()
    for _ in range(2):
        known.saw(an_event())
    event = bytearray(an_event(name=data.draw(st.binary(max_size=40)), host=data.draw(st.binary(max_size=12))))
    places = st.integers(0, len(event) - 1)
    for _ in range(data.draw(st.integers(0, 3))):
        more, less = data.draw(places), data.draw(places)
        event[more], event[less] = (event[more] + 1) % 256, (event[less] - 1) % 256
    text = known.text(bytes(event))
    if text is not None:
        assert value_text._utf8(text).decode() == expected(bytes(event))
        assert value_text.text(bytes(event)).decode() == expected(bytes(event))


@pytest.mark.parametrize(
    "value",
    [
        a_map((b"k", a_string(b"1" * 150)), (b"k", a_string(b"2" * 150))),
        a_map((b"k", a_string(b"1" * 300)), (b"l", b"\x21" + bytes(8))),
        a_map((b"k", a_string(b"1" * 300))),
        a_map((b"k" * 128, a_string(b"1" * 300)), (b"l", a_string(b""))),
        a_map(*[(b"%d" % number, a_string(b"text")) for number in range(100)]),
        a_string(b"x" * 300),
    ],
)
def test_what_cannot_be_found_again_is_not_learned(value):
    known = shapes.Shapes()
    with pytest.raises(shape_patterns.OtherError):
        shape_patterns.Pattern(value)
    for _ in range(5):
        known.saw(value)
    assert known.text(value) is None


def test_what_is_deep_is_not_learned():
    value = a_map((b"k", a_string(b"1" * 300)), (b"l", a_string(b"")))
    for _ in range(9):
        value = a_map((b"m", value))
    shape_patterns.Pattern(value)
    with pytest.raises(shape_patterns.OtherError):
        shape_patterns.Pattern(a_map((b"m", value)))


def test_few_shapes_are_learned_from_many_and_those_that_come_stay(monkeypatch):
    made = []
    monkeypatch.setattr(shapes, "_Shape", lambda pattern, real=shapes._Shape: made.append(1) or real(pattern))
    known = shapes.Shapes()
    for number in range(3_000):
        keys = random.Random(number // 300).sample([b"a", b"b", b"c", b"d", b"e", b"f"], 6)
        known.saw(a_map(*[(key, a_string(b"x" * 60)) for key in keys]))
    assert 1 <= len(made) <= 6
    assert len(known._known) == len(made)


def test_what_is_remembered_of_heads_is_bounded(known):
    for size in range(128, 1000):
        assert known.text(an_event(message=b"m" * size)) is not None
    assert max(len(heads) for heads in known._known[0]._announced) <= 128


def test_broken_values_are_refused_as_before():
    for value in (an_event()[:-1], an_event() + b"\x0a"):
        with pytest.raises(errors.MalformedError):
            value_text.text(value)


def shuffled(value, draw):
    """The same value, with the members of each map in another order."""
    read = AnyValue.FromString(value)
    held = [read]
    while held:
        one = held.pop()
        members = [KeyValue.FromString(each.SerializeToString()) for each in one.kvlist_value.values]
        draw.shuffle(members)
        if members:
            del one.kvlist_value.values[:]
            one.kvlist_value.values.extend(members)
            held += [each.value for each in one.kvlist_value.values]
        held += one.array_value.values if one.HasField("array_value") else []
    return read.SerializeToString()


def test_keys_that_come_in_another_order_each_time_are_sorted_first():
    familiar, draw, found = shapes.Familiar(), random.Random(5), 0
    for number in range(100):
        event = shuffled(an_event(name=b"n%d" % number), draw)
        text = familiar.text(event)
        if text is None:
            familiar.saw(event)
        else:
            found += 1
            assert text == expected(event)
    assert found > 90


def test_keys_are_not_sorted_for_nothing_all_the_time(monkeypatch):
    familiar, sorted_ = shapes.Familiar(), []
    for _ in range(2):
        familiar.saw(an_event())
    monkeypatch.setattr(shapes, "in_order", lambda value: sorted_.append(1) or key_order.in_order(value))
    for number in range(320):
        assert familiar.text(a_map((b"k%d" % number, a_string(b"x" * 300)))) is None
    assert len(sorted_) < 20


def unlike(number):
    return a_map(*[(b"k%d-%d" % (number, at), a_string(b"x" * 60)) for at in range(5)])


def test_what_comes_between_does_not_keep_others_from_being_sorted():
    familiar, draw, found = shapes.Familiar(), random.Random(5), 0
    for number in range(2_000):
        event = shuffled(an_event(name=b"n%d" % number), draw)
        text = familiar.text(event)
        found += text is not None
        if text is None:
            familiar.saw(event)
        assert familiar.text(unlike(number)) is None
    assert found > 100


def test_a_shape_is_learned_once(monkeypatch):
    made = []
    monkeypatch.setattr(shapes, "_Shape", lambda pattern, real=shapes._Shape: made.append(1) or real(pattern))
    known = shapes.Shapes()
    for number in range(5_000):
        known.saw(an_event(name=b"%d" % number))
    assert (len(made), len(known._known)) == (1, 1)


def test_of_equal_keys_with_unknown_fields_nothing_is_learned():
    member = b"\x0a\x01k" + wireformat.delimited(2, b"\x18\x01")
    pairs = (member + b"\x18\x01", b"\x0a\x01k" + wireformat.delimited(2, b"\x18\x02"))
    value = wireformat.delimited(6, b"".join(wireformat.delimited(1, pair) for pair in pairs))
    with pytest.raises(shape_patterns.OtherError):
        shape_patterns.Pattern(key_order.in_order(value))


def test_of_equal_keys_the_last_stays_when_keys_are_sorted():
    value = a_map((b"b", a_string(b"1")), (b"\xff", b""), (b"a", a_map((b"d", b"\x18\x01"), (b"c", b""))), (b"b", b""))
    ordered = a_map((b"a", a_map((b"c", b""), (b"d", b"\x18\x01"))), (b"b", b""), (b"\xff", b""))
    assert key_order.in_order(value) == ordered


def test_what_cannot_be_sorted_is_left_to_others():
    familiar = shapes.Familiar()
    for _ in range(2):
        familiar.saw(an_event())
    for broken in (an_event()[:-1], wireformat.delimited(6, b"\x0a\x05" + b"x" * 300)):
        assert familiar.text(broken) is None
        familiar.saw(broken)
