"""The audit trail: a line a deed, in a chain, never in anybody's way."""

import json
import logging
import multiprocessing
import threading
from functools import partial
from itertools import pairwise

import pytest

from identity import audit, audit_line
from identity.audit import AuditTrail, Deed
from identity.audit_file import AuditFile, verify
from identity.audit_line import Stamp
from identity.audit_log import LOGGER, LogJournal

WAIT = 10.0
REFUSED = Deed("sign_in.refused", "anonymous", "10.0.0.7", "refused", details={"reason": "unknown"})


def created(number=0):
    return Deed("token.created", "anna", "", "ok", f"ops-{number}")


def lines_of(file):
    return [json.loads(line) for path in file.files() for line in path.read_bytes().splitlines()]


@pytest.fixture
def file(tmp_path):
    return AuditFile(tmp_path / "audit.jsonl", max_bytes=1 << 20, max_files=3)


@pytest.fixture
def trail_on():
    """A function that makes a trail; all are closed."""
    trails = []

    def make(journal, **settings):
        trails.append(AuditTrail(journal, version="1.2.3", **settings))
        return trails[-1]

    yield make
    for trail in trails:
        trail.close()


class Held(LogJournal):
    """A journal that takes nothing until it is told to."""

    def __init__(self):
        super().__init__()
        self.go, self.asked, self.written, self.failing = threading.Event(), threading.Event(), [], 0

    def append(self, stamped, *, durable):
        self.asked.set()
        assert self.go.wait(WAIT)
        if self.failing:
            self.failing -= 1
            raise OSError(28, "No space left on device")
        super().append(stamped, durable=durable)
        self.written += stamped


def test_a_deed_is_one_line_that_says_who_what_when_and_where(file, trail_on):
    trail = trail_on(file)
    trail.record(Deed("token.created", "anna", "10.0.0.7", "ok", "ops-2", {"kind": "ingest"}))
    assert trail.flush(WAIT)
    (line,) = lines_of(file)
    assert line.pop("time").endswith("Z")
    assert len(line.pop("id")) == 32
    assert line == {
        "number": 1,
        "instance": trail.instance,
        "version": "1.2.3",
        "action": "token.created",
        "actor": "anna",
        "peer": "10.0.0.7",
        "outcome": "ok",
        "target": "ops-2",
        "details": {"kind": "ingest"},
        "times": 1,
        "lost": 0,
        "previous": "",
    }


def test_lines_are_numbered_and_chained_across_restarts_and_rotated_files(tmp_path, trail_on):
    file = AuditFile(tmp_path / "audit.jsonl", max_bytes=2_000, max_files=100)
    for _ in range(3):
        trail = trail_on(file)
        for number in range(10):
            trail.record(created(number))
            assert trail.flush(WAIT)
        trail.close()
    assert len(file.files()) > 3
    assert [line["number"] for line in lines_of(file)] == list(range(1, 31))
    assert list(verify(file.files())) == []


def test_no_more_than_the_allowed_files_are_kept(tmp_path, trail_on):
    file = AuditFile(tmp_path / "audit.jsonl", max_bytes=1, max_files=3)
    trail = trail_on(file)
    for number in range(10):
        trail.record(created(number))
        assert trail.flush(WAIT)
    trail.close()
    assert [line["number"] for line in lines_of(file)] == [9, 10]
    assert {path.name for path in tmp_path.iterdir()} == {"audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.lock"}
    assert list(verify(file.files())) == []


def changed(lines):
    lines[2] = lines[2].replace(b"anna", b"bert")


def removed(lines):
    del lines[2]


def added(lines):
    lines.insert(2, lines[1])


def swapped(lines):
    lines[1], lines[2] = lines[2], lines[1]


@pytest.mark.parametrize("tamper", [changed, removed, added, swapped])
def test_tampering_is_found_and_the_line_behind_it_is_named(file, trail_on, tamper):
    trail = trail_on(file)
    for number in range(5):
        trail.record(created(number))
    trail.close()
    lines = file.path.read_bytes().splitlines(keepends=True)
    tamper(lines)
    file.path.write_bytes(b"".join(lines))
    faults = list(verify(file.files()))
    assert faults
    assert faults[0].line in {2, 3, 4}
    assert faults[0].file == str(file.path)


def test_a_torn_last_line_is_closed_and_told_and_the_trail_goes_on(file, trail_on):
    trail = trail_on(file)
    trail.record(created(1))
    trail.close()
    with file.path.open("ab") as torn:
        torn.write(b'{"number": 2, "ti')
    trail = trail_on(file)
    trail.record(created(3))
    trail.close()
    lines = file.path.read_bytes().splitlines()
    assert json.loads(lines[2])["target"] == "ops-3"
    assert [fault.line for fault in verify(file.files())] == [2]


def write_deeds(path, count):
    file = AuditFile(path, max_bytes=4_000, max_files=1_000)
    trail = AuditTrail(file, version="1")
    for number in range(count):
        trail.record(created(number))
        assert trail.flush(WAIT)
    trail.close()


def test_several_processes_write_one_trail(tmp_path):
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_deeds, args=(path, 40)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    file = AuditFile(path, max_bytes=4_000, max_files=1_000)
    assert [line["number"] for line in lines_of(file)] == list(range(1, 121))
    assert list(verify(file.files())) == []


def test_recording_does_not_wait_for_the_disk_and_what_is_too_much_is_counted_in_the_next_line(trail_on, monkeypatch):
    monkeypatch.setattr(audit, "MOST_WAITING", 3)
    journal = Held()
    trail = trail_on(journal)
    for number in range(5):
        trail.record(created(number))
    assert not trail.flush(0)
    journal.go.set()
    assert trail.flush(WAIT)
    trail.record(created(9))
    assert trail.flush(WAIT)
    assert [(deed.target, stamp.lost) for deed, stamp in journal.written] == [
        ("ops-0", 0), ("ops-1", 0), ("ops-2", 0), ("ops-9", 2),
    ]  # fmt: skip


def test_what_the_disk_does_not_take_is_told_once_and_written_later(trail_on, monkeypatch, caplog):
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.01)
    caplog.set_level(logging.INFO, "identity.audit")
    journal = Held()
    journal.failing = 3
    journal.go.set()
    trail = trail_on(journal)
    trail.record(created(1))
    assert trail.flush(WAIT)
    trail.close()
    assert [deed.target for deed, _ in journal.written] == ["ops-1"]
    told = [record.getMessage() for record in caplog.records if record.name == "identity.audit"]
    assert [text for text in told if "No space left" in text] == told[:1]
    assert told[1] == "audit: writing the audit trail works again"


def test_what_the_disk_never_took_and_what_comes_after_the_end_is_in_the_log(trail_on, caplog):
    journal = Held()
    journal.failing = 1_000
    journal.go.set()
    trail = trail_on(journal)
    trail.record(created(1))
    trail.close()
    trail.record(created(2))
    logged = [json.loads(record.getMessage())["target"] for record in caplog.records if record.name == LOGGER]
    assert logged == ["ops-1", "ops-2"]


def test_the_same_refusal_is_told_when_it_begins_and_then_counted(file, trail_on):
    trail = trail_on(file)
    for _ in range(1_000):
        trail.record(REFUSED)
    trail.record(Deed("sign_in.refused", "anonymous", "10.0.0.8", "refused"))
    trail.close()
    assert sorted((line["peer"], line["times"]) for line in lines_of(file)) == [
        ("10.0.0.7", 1), ("10.0.0.7", 999), ("10.0.0.8", 1),
    ]  # fmt: skip


def test_a_refusal_that_goes_on_is_told_again_every_period(file, trail_on):
    trail = trail_on(file, repeat_seconds=0.02)
    written = threading.Event()
    trail.connect(lambda rows: written.set() if any(row["Times"] > 1 for row in rows) else None)
    for _ in range(10_000):
        trail.record(REFUSED)
        if written.wait(0.001):
            break
    assert written.is_set()


def test_refusals_of_very_many_strangers_are_counted_together(file, trail_on, monkeypatch):
    monkeypatch.setattr(audit, "MOST_REPEATED", 5)
    trail = trail_on(file)
    for number in range(100):
        trail.record(Deed("sign_in.refused", "anonymous", f"10.0.0.{number}", "refused"))
    trail.close()
    lines = lines_of(file)
    assert sum(line["times"] for line in lines) == 100
    assert len(lines) == 7
    assert lines[-1]["peer"] == "(several)"


def test_deeds_that_were_done_or_failed_are_never_counted_together(file, trail_on):
    trail = trail_on(file)
    for outcome in ("ok", "ok", "failed", "failed"):
        trail.record(Deed("dead_letter.retried", "anna", "", outcome, "x"))
    trail.close()
    assert len(lines_of(file)) == 4


def test_credentials_are_blotted_out_and_long_and_broken_texts_stay_one_line(file, trail_on):
    trail = trail_on(file)
    details = {f"{key}": "x" for key in range(300)} | {"0": "Bearer ohi_ops_s3cr3t"}
    trail.record(Deed("a\nb", "x" * 5_000, "\udc80", "ok", "https://u:s3cr3t@h/", details))
    trail.close()
    (line,) = lines_of(file)
    assert line["action"] == "a\nb"
    assert len(line["actor"]) == audit_line.LONGEST_TEXT
    assert line["actor"].endswith(" (cut)")
    assert line["peer"] == "?"
    assert (line["details"]["0"], line["details"]["left_out"]) == ("Bearer ohi_ops_********", "100")
    assert b"s3cr3t" not in file.path.read_bytes()


def test_the_longest_line_is_within_its_bound():
    text = "\x00" * 10_000
    deed = Deed(text, text, text, "ok", text, {f"{number}{text}": text for number in range(1_000)})
    stamp = Stamp(0, "0" * 32, "i", "v")
    assert len(audit_line.Entry(deed, stamp, 10**18, "f" * 64).line()) < audit_line.LONGEST_LINE


def test_the_sink_gets_every_line_once_in_order_and_those_from_before_it_was_there(file, trail_on):
    first, rows = trail_on(file), []
    first.record(created(1))
    first.close()
    trail = trail_on(file)
    trail.record(created(2))
    trail.connect(rows.extend)
    trail.record(created(3))
    trail.close()
    assert [row["Target"] for row in rows] == ["ops-1", "ops-2", "ops-3"]
    again = []
    trail = trail_on(file)
    trail.connect(again.extend)
    trail.record(created(4))
    trail.close()
    assert [row["Target"] for row in again] == ["ops-4"]


def test_lines_that_another_process_wrote_are_handed_over_too(file, trail_on, monkeypatch):
    monkeypatch.setattr(audit, "LOOK_SECONDS", 0.01)
    came = threading.Event()
    trail_on(file).connect(lambda rows: came.set() if rows[0]["Target"] == "ops-7" else None)
    write = AuditFile(file.path, max_bytes=1 << 20, max_files=3)
    write.append([(created(7), Stamp(1, "0" * 32, "command", "1"))], durable=True)
    assert came.wait(WAIT)


def test_a_sink_that_goes_gets_what_was_recorded_before_and_nothing_after(file, trail_on):
    trail, rows = trail_on(file), []
    trail.connect(rows.extend)
    trail.record(REFUSED)
    trail.record(REFUSED)
    trail.disconnect(WAIT)
    trail.record(created(2))
    trail.close()
    assert [(row["Action"], row["Times"]) for row in rows] == [("sign_in.refused", 1), ("sign_in.refused", 1)]
    assert len(lines_of(file)) == 3


def test_a_sink_that_hangs_holds_up_no_end(file, trail_on):
    trail, go = trail_on(file), threading.Event()
    trail.connect(lambda _: go.wait(WAIT) or pytest.fail("nobody let it go"))
    trail.record(created(1))
    trail.disconnect(0.01)
    trail.close(0.01)
    go.set()


def test_what_a_failing_sink_did_not_take_comes_again(file, trail_on, monkeypatch, caplog):
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.01)
    rows, done, failures = [], threading.Event(), [RuntimeError("full"), RuntimeError("full")]

    def sink(given):
        if failures:
            raise failures.pop()
        rows.extend(given)
        done.set()

    trail = trail_on(file)
    trail.connect(sink)
    trail.record(created(1))
    assert done.wait(WAIT)
    trail.close()
    assert [row["Target"] for row in rows] == ["ops-1"]
    assert [r.getMessage() for r in caplog.records if "does not work" in r.getMessage()] == [
        "audit: bringing the audit trail to ClickHouse does not work, trying again every few seconds: full"
    ]


def test_handing_over_finds_its_place_in_files_of_any_size(tmp_path):
    file = AuditFile(tmp_path / "audit.jsonl", max_bytes=300_000, max_files=9)
    stamped = [(created(number), Stamp(number, f"{number:032x}", "i", "v")) for number in range(3_000)]
    for first in range(0, 3_000, 100):
        file.append(stamped[first : first + 100], durable=False)
    seen = []
    while lines := file.unhanded(37):
        seen += [audit_line.number_of(line) for line in lines]
        file.handed_over(lines[-1])
    assert len(file.files()) > 2
    assert seen == list(range(1, 3_001))


def test_in_the_log_a_deed_is_a_json_message_whatever_the_level(trail_on, caplog, request):
    root = logging.getLogger()  # and not `caplog.set_level`, which would keep the records from caplog as well
    request.addfinalizer(partial(root.setLevel, root.level))
    root.setLevel(logging.ERROR)
    rows = []
    trail = trail_on(LogJournal())
    trail.record(created(1))
    trail.connect(rows.extend)
    trail.record(created(2))
    trail.close()
    records = [record for record in caplog.records if record.name == LOGGER]
    lines = [f"{record.getMessage()}\n".encode() for record in records]
    assert [record.levelname for record in records] == ["INFO", "INFO"]
    assert list(audit_line.verify([("log", lines)])) == []
    assert [row["Number"] for row in rows] == [1, 2]
    assert all(json.loads(after)["previous"] == audit_line.digest(before) for before, after in pairwise(lines))
