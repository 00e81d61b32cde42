"""The tokens that count now: taken up when the file changes, kept when it breaks."""

import logging
import threading

import pytest
from tokens_made import Clock, at_once, made, write

from identity.token_book import TokenBook
from identity.token_format import Kind
from identity.tokens_file import TokensFileError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tokens.yaml"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def deeds():
    return []


@pytest.fixture
def book_of(path, clock, deeds):
    return lambda place=path: TokenBook(place, on_change=deeds.append, clock=clock, start=at_once)


def test_a_token_of_the_file_is_found_and_another_is_not(path, book_of):
    token, record = made()
    stranger, _ = made()
    write(path, record)

    book = book_of()

    assert book.find(token).record == record
    assert book.find(stranger) is None


def test_a_new_token_counts_a_second_later_and_a_revoked_one_no_more(path, book_of, clock, deeds):
    old, old_record = made("old")
    new, new_record = made("new")
    write(path, old_record)
    book = book_of()

    write(path, new_record)
    assert book.find(new) is None
    clock.now += 1.1

    book.find(new)
    assert book.find(new).record == new_record
    assert book.find(old) is None
    assert [(deed.action, deed.target, deed.outcome) for deed in deeds] == [
        ("token.created", "new", "ok"),
        ("token.revoked", "old", "ok"),
    ]


def test_a_changed_record_is_told_as_such(path, book_of, clock, deeds):
    token, record = made(note="one")
    write(path, record)
    book = book_of()

    write(path, record.model_copy(update={"cluster_name": "two"}))
    clock.now += 2

    assert book.problem == ""
    assert book.find(token).sender.cluster_name == "two"
    assert [(deed.action, deed.details["cluster_name"]) for deed in deeds] == [("token.changed", "two")]


def test_a_symbolic_link_that_kubernetes_swaps_is_a_change(tmp_path, book_of, clock):
    old, old_record = made("old")
    new, new_record = made("new")
    for name, record in (("..1", old_record), ("..2", new_record)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "tokens.yaml", record)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "tokens.yaml").symlink_to("..data/tokens.yaml")
    book = book_of(tmp_path / "tokens.yaml")
    assert book.find(old)

    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    clock.now += 2
    book.find(new)

    assert book.find(new)
    assert book.find(old) is None


@pytest.mark.parametrize("breakage", ["broken", "gone", "writable"])
def test_a_file_that_breaks_leaves_the_tokens_of_before_in_force_and_is_told_once(
    breakage, path, book_of, clock, caplog
):
    token, record = made()
    write(path, record)
    book = book_of()

    if breakage == "broken":
        path.write_text("tokens: {")
    elif breakage == "gone":
        path.unlink()
    else:
        path.chmod(0o666)
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            clock.now += 2
            assert book.find(token)

    assert str(path) in book.problem
    assert [message.levelname for message in caplog.records] == ["ERROR"]

    write(path, record)
    clock.now += 2
    assert book.problem == ""


def test_a_broken_file_is_not_read_again_before_it_changes(path, book_of, clock, monkeypatch):
    write(path, made()[1])
    book = book_of()
    path.write_text("tokens: {")
    clock.now += 2
    assert book.problem

    monkeypatch.setattr("identity.tokens_file.read", lambda _: pytest.fail("read again"))
    clock.now += 2
    assert book.problem


@pytest.mark.parametrize("content", [None, "tokens: {"])
def test_a_file_that_cannot_be_used_refuses_the_start(path, book_of, content):
    if content:
        path.write_text(content)

    with pytest.raises(TokensFileError):
        book_of()


def test_the_file_is_looked_at_once_a_second_at_most(path, book_of, clock, monkeypatch):
    token, record = made()
    write(path, record)
    book = book_of()
    looks = []
    monkeypatch.setattr("identity.tokens_file.signature_of", lambda _: looks.append(clock.now) or ())
    monkeypatch.setattr(TokenBook, "_read_again", lambda *_: None)

    for _ in range(100):
        clock.now += 0.1
        book.find(token)
        book._reading = False

    assert 9 <= len(looks) <= 10


def test_nobody_waits_while_a_changed_file_is_read(path, clock):
    token, record = made()
    write(path, record)
    entered, release, done = threading.Event(), threading.Event(), threading.Event()

    def start(work):
        def slowly():
            entered.set()
            release.wait(10)
            work()
            done.set()

        threading.Thread(target=slowly).start()

    book = TokenBook(path, clock=clock, start=start)
    other, other_record = made("other")
    write(path, record, other_record)
    clock.now += 2

    assert book.find(token)
    assert entered.wait(10)
    assert book.find(other) is None
    release.set()
    assert done.wait(10)
    assert book.find(other)


def test_a_changed_file_is_taken_up_on_a_real_thread(path, clock):
    _, record = made()
    write(path, record)
    taken = threading.Event()
    book = TokenBook(path, clock=clock, on_change=lambda _: taken.set())

    other, other_record = made("other")
    write(path, record, other_record)
    clock.now += 2
    book.find(other)

    assert taken.wait(10)
    assert book.find(other)


def test_a_file_that_others_may_read_is_warned_of(path, book_of, caplog):
    write(path, made("alice", Kind.READ)[1])
    path.chmod(0o644)

    with caplog.at_level(logging.WARNING):
        book_of()

    assert "chmod 600" in caplog.text


def test_tokens_that_change_while_nobody_asks_count_for_the_first_who_does(path):
    old, old_record = made("old")
    new, new_record = made("new")
    write(path, old_record)
    changed = threading.Event()
    book = TokenBook(path, on_change=lambda deed: changed.set() if deed.action == "token.revoked" else None)
    book.watch()
    try:
        write(path, new_record)
        assert changed.wait(20)

        assert book.find(old) is None
        assert book.find(new).record == new_record
    finally:
        book.close()


def test_a_book_that_is_closed_looks_at_nothing_more(path):
    _, record = made("old")
    write(path, record)
    looks = threading.Event()
    book = TokenBook(path, clock=lambda: looks.set() or 0.0)
    book.close()
    others = set(threading.enumerate())
    looks.clear()
    book.watch()
    for thread in set(threading.enumerate()) - others:
        thread.join(20)

    assert not looks.is_set()
