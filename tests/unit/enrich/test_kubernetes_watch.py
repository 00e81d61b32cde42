"""A watch of one kind: what it does about everything that an API server may say."""

import pytest
from scripted_api import PATIENCE, ScriptedApi, ScriptedLines, Watched, bookmark, event, gone_event, page, pod

from enrich.kubernetes_api import ApiError, TooLargeError, UnreachableError

FORBIDDEN = ApiError(403, "Forbidden", "pods is forbidden")
GONE = ApiError(410, "Expired", "too old resource version")
CUT = UnreachableError("the connection broke off")


def test_a_watch_begins_where_the_list_ended_and_goes_on_after_the_last_event():
    changes = ScriptedLines(event("ADDED", pod("second", "12")), end="done")
    with Watched(ScriptedApi([page("10", pod("first", "5"))], [changes])) as watched:
        watched.until_idle()

        assert watched.names() == ["first", "second"]
        assert watched.api.versions_watched() == ["10", "12"]


def test_a_bookmark_moves_the_place_from_which_the_watch_goes_on():
    with Watched(ScriptedApi([page("10")], [ScriptedLines(bookmark("40"), end="done")])) as watched:
        watched.until_idle()

        assert watched.api.versions_watched() == ["10", "40"]


def test_an_event_that_is_older_than_what_was_seen_changes_nothing():
    old = event("MODIFIED", pod("first", "9", labels={"app": "old"}))
    stream = ScriptedLines(bookmark("40"), old, end="done")
    with Watched(ScriptedApi([page("10", pod("first", "10", labels={"app": "new"}))], [stream])) as watched:
        watched.until_idle()

        known = watched.directory.by_uid("uid-first")
        assert known.labels == {"app": "new"}
        assert watched.api.versions_watched() == ["10", "40"]
        assert watched.count("stale_events_total") == 1


def test_versions_that_are_no_numbers_are_taken_as_they_come():
    with Watched(ScriptedApi([page("opaque-b")], [ScriptedLines(bookmark("opaque-a"), end="done")])) as watched:
        watched.until_idle()

        assert watched.api.versions_watched() == ["opaque-b", "opaque-a"]


@pytest.mark.parametrize("refusal", [ScriptedLines(gone_event()), GONE], ids=["in an event", "as a status"])
def test_a_place_that_is_gone_is_found_again_by_a_list_which_tells_what_vanished(refusal):
    lists = [page("10", pod("lost", "5"), pod("kept", "6")), page("90", pod("kept", "6"), pod("new", "80"))]
    with Watched(ScriptedApi(lists, [refusal])) as watched:
        watched.until_idle()

        assert watched.names() == ["kept", "new"]
        assert watched.api.versions_watched() == ["10", "90"]
        assert watched.count("lists_total", reason="gone") == 1
        assert watched.problems.all() == ()


def test_a_server_that_always_says_gone_is_asked_ever_more_slowly():
    with Watched(ScriptedApi([page("10")] * 5, [GONE] * 4)) as watched:
        watched.until_idle()

        assert watched.watch._backoff.failures == 4


def test_a_watch_that_breaks_off_goes_on_without_a_list():
    api = ScriptedApi([page("10", pod("first", "5")), page("11")], [ScriptedLines(end=CUT)])
    with Watched(api) as watched:
        watched.until_idle()

        assert watched.names() == ["first"]
        assert api.versions_watched() == ["10", "10"]
        assert [query.get("limit") for _, query, _ in api.asked if "watch" not in query] == ["500", "1"]


def test_a_server_with_another_history_is_listed_anew():
    lists = [page("1000", pod("lost", "5")), page("30"), page("30", pod("restored", "20"))]
    with Watched(ScriptedApi(lists, [ScriptedLines(end=CUT)])) as watched:
        watched.until_idle()

        assert watched.names() == ["restored"]
        assert watched.api.versions_watched() == ["1000", "30"]
        assert watched.count("lists_total", reason="history") == 1


def test_what_is_forbidden_is_told_and_tried_again_while_all_that_is_known_stays():
    streams = [FORBIDDEN, FORBIDDEN, ScriptedLines(bookmark("11"), end="done")]
    with Watched(ScriptedApi([page("10", pod("first", "5"))], streams)) as watched:
        watched.until_idle()

        assert watched.names() == ["first"]
        assert watched.count("forbidden_total", verb="watch", resource="pods") == 2
        assert watched.problems.all() == ()
        assert watched.api.versions_watched() == ["10", "10", "10", "11"]


def test_a_list_that_is_forbidden_is_a_problem_with_verb_kind_and_cluster():
    stop_asking = ScriptedApi([FORBIDDEN] * 1000)
    with Watched(stop_asking, retry_s=60, max_retry_s=60) as watched:
        assert watched.watch.first_list.wait(PATIENCE)

        assert watched.problems.all() == ("cluster here: may not list pods; grant it, see docs/kubernetes-access.md",)
        assert not watched.watch.synced


def test_a_kind_that_is_no_more_takes_its_objects_along():
    api = ScriptedApi([page("10", pod("first", "5"))], [ApiError(404, "NotFound", "no such kind")])
    with Watched(api) as watched:
        assert watched.watch.join(PATIENCE)

        assert watched.names() == []
        assert watched.directory.by_uid("uid-first") is not None
        assert not watched.watch.alive


def test_a_list_that_breaks_off_in_the_middle_declares_nothing_gone():
    whole = page("10", pod("first", "5"), pod("second", "6"))
    half = [page("90", pod("first", "5"), following="more"), CUT]
    again = [page("95", pod("first", "5"), following="more"), page("95", pod("second", "6"))]
    with Watched(ScriptedApi([whole, *half, *again], [GONE])) as watched:
        watched.until_idle()

        assert watched.names() == ["first", "second"]
        assert watched.directory.entry("uid-second").live


def test_a_page_that_is_too_large_is_asked_for_in_halves():
    lists = [TooLargeError("x"), TooLargeError("x"), page("10", pod("first", "5"), following="a"), page("10")]
    with Watched(ScriptedApi(lists), page_size=40) as watched:
        watched.until_idle()

        asked = [(query.get("limit"), query.get("continue")) for _, query, _ in watched.api.asked if "limit" in query]
        assert asked == [("40", None), ("20", None), ("10", None), ("10", "a")]


def test_silence_is_told_only_when_it_lasts():
    with Watched(ScriptedApi([CUT, CUT, page("10")])) as watched:
        watched.until_idle()
        assert watched.problems.all() == ()

    with Watched(ScriptedApi([CUT] * 1000), retry_s=0.001, max_retry_s=0.001) as watched:
        assert watched.watch.first_list.wait(PATIENCE)
        assert watched.problems.all() == ("cluster here: the connection broke off",)


def test_an_answer_that_cannot_be_read_is_told():
    with Watched(ScriptedApi([{"items": [{"no": "metadata"}], "metadata": {}}] * 1000)) as watched:
        assert watched.watch.first_list.wait(PATIENCE)

        (problem,) = watched.problems.all()
        assert "the answer about pods cannot be read" in problem


def test_stopping_cuts_a_silent_watch_at_once():
    watched = Watched(ScriptedApi([page("10")]))
    with watched:
        watched.until_idle()

    assert not watched.watch.alive


def test_watches_that_end_at_once_without_a_word_are_begun_ever_more_slowly():
    with Watched(ScriptedApi([page("10")], [ScriptedLines(end="done")] * 4)) as watched:
        watched.until_idle()

        assert watched.watch._backoff.failures == 4
