"""Cursors: what they say, and what is taken for one."""

import base64

import pytest
from scripted_store import CATALOGUE, NOW, ScriptedStore

from query import errors, paging
from query.desk import Desk
from query.pages import RowPage
from query.paging import Place
from query.reply import Manner
from query.settings import QuerySettings
from sql.catalogue import load_catalogue

LOGS = load_catalogue()["recent_logs"]


def page(*positions: str) -> RowPage:
    return RowPage(("body", "position"), [("x", position) for position in positions])


@pytest.fixture
def store():
    return ScriptedStore([(f"thing {n}", n, {}) for n in range(7)])


@pytest.fixture
def desk(store):
    desk = Desk(store, CATALOGUE, QuerySettings(max_rows=6), now=lambda: NOW)
    yield desk
    desk.close()


def test_a_cursor_is_read_back_as_it_was_written():
    place = Place(NOW, "0123456789ab", offset=7, at=-5, key=2**64 - 1, skip=3)

    text = paging.write(place)

    assert paging.read(text) == place
    assert text.replace("-", "").replace("_", "").isalnum()
    assert len(text) <= paging.LONGEST


TEXT = paging.write(Place(NOW, "0123456789ab", offset=7))


@pytest.mark.parametrize(
    "text",
    [
        "x", "ä", "=", TEXT[:-1], TEXT[1:], TEXT + "A", TEXT + "\n", TEXT.swapcase(), "A" * 10_000, TEXT + "=" * 4,
        base64.urlsafe_b64encode(b"[1]").decode(),
        paging.write(Place(-1)), paging.write(Place(NOW, at=2**63)), paging.write(Place(NOW, offset=-1)),
        paging.write(Place(NOW, key=2**64)), paging.write(Place(NOW, skip=1.5)), paging.write(Place(NOW, of=7)),
    ],
)  # fmt: skip
def test_what_is_no_cursor_of_ours_is_refused_and_named(text):
    with pytest.raises(errors.BadParameterError) as refused:
        paging.read(text)

    assert refused.value.field == "cursor"
    assert "next_cursor" in refused.value.mend


def test_the_next_page_begins_behind_the_last_row():
    after = paging.after(Place(NOW), LOGS, page("30-5", "20-9", "20-11"))

    assert (after.at, after.key, after.skip, after.offset, after.now) == (20, 11, 1, 0, NOW)


def test_rows_that_are_the_same_are_counted():
    first = paging.after(Place(NOW), LOGS, page("30-5", "20-9", "20-9"))
    second = paging.after(first, LOGS, page("20-9", "20-9", "20-9"))
    third = paging.after(second, LOGS, page("20-9", "10-1"))

    assert [place.skip for place in (first, second, third)] == [2, 5, 1]


def test_a_question_without_positions_passes_over_what_was_given():
    after = paging.after(Place(NOW, offset=3), CATALOGUE["listing"], RowPage(("n",), [(1,), (2,)]))

    assert after.offset == 5


def test_pages_hold_every_row_once_and_the_last_has_no_cursor(desk):
    seen, cursor = [], ""
    for _ in range(3):
        reply = desk.ask("listing", {"limit": 2}, manner=Manner(cursor))
        seen.append(([row[1] for row in reply.rows], reply.truncated))
        cursor = reply.next_cursor

    assert seen == [([0, 1], True), ([2, 3], True), ([4, 5], True)]


def test_a_page_beyond_what_an_answer_may_hold_is_refused_and_not_empty(desk):
    reply = desk.ask("listing", {"limit": 3}, manner=Manner(desk.ask("listing", {"limit": 3}).next_cursor))

    with pytest.raises(errors.LimitExceededError) as refused:
        desk.ask("listing", {"limit": 3}, manner=Manner(reply.next_cursor))

    assert refused.value.field == "cursor"


def test_an_answer_that_is_whole_has_no_cursor(desk, store):
    store.things = store.things[:2]

    assert desk.ask("listing", {"limit": 2}).next_cursor == ""


def test_all_pages_look_at_the_window_of_the_first(store):
    clock = [NOW]
    desk = Desk(store, CATALOGUE, QuerySettings(), now=lambda: clock[0])
    first = desk.ask("listing", {"limit": 2})
    clock[0] += 10**9

    second = desk.ask("listing", {"limit": 1}, manner=Manner(first.next_cursor))

    assert second.window == first.window
    assert store.asked[1].parameters["until"] == store.asked[0].parameters["until"]
    desk.close()


@pytest.mark.parametrize("other", [{"word": "b"}, {"since": "2h"}, {"until": "1m"}, {}])
def test_a_cursor_of_other_parameters_is_refused(desk, other):
    cursor = desk.ask("listing", {"word": "a", "limit": 2}).next_cursor

    with pytest.raises(errors.BadParameterError) as refused:
        desk.ask("listing", other, manner=Manner(cursor))

    assert (refused.value.field, "belongs to another" in refused.value.message) == ("cursor", True)
