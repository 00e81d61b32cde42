"""`otelhouse spool` from the outside: what is printed where, and the exit codes; asked of a house, and of a folder."""

import json

import pytest
from click.testing import CliRunner
from scripted_house import ScriptedHouse, running

from ingest.spool import names
from ingest.spool.entry import Part, SpoolLimits
from ingest.spool.folder import Spool
from otelhouse import spool_command
from otelhouse.__main__ import cli

GET, DRAIN, VERIFY = ("GET /api/v1/ingest/spool", "POST /api/v1/ingest/spool/drain", "POST /api/v1/ingest/spool/verify")
ROOMY = SpoolLimits(max_bytes=2**30, max_age_s=3600.0, keep_free_bytes=0)
NOW = 1_800_000_000.0


def told(entries=0, oldest=None, **more):
    kinds = {"logs": {"entries": entries, "items": 10 * entries, "bytes": 1024 * entries}} if entries else {}
    counts = {"entries": entries, "items": 10 * entries, "bytes": 1024 * entries, "kinds": kinds}
    rest = {"limit_bytes": 8 * 2**30, "damaged_files": 0, "full": "", "waiting_because": {}}
    return {"now": NOW, "oldest": oldest} | counts | rest | more


def checked(count, *damaged, after=None):
    return {"checked": count, "damaged": damaged, "after": after}


DAMAGE = {"entry": 7, "kind": "logs", "token": "abc", "requests_lost": 1, "items_lost": 12, "bytes_lost": 300,
          "what": "checksum\x1b[31m"}  # fmt: skip


@pytest.fixture
def house(monkeypatch):
    monkeypatch.setattr(spool_command, "POLL", 0.001)
    with running(ScriptedHouse()) as house:
        house.answers(GET, told())
        yield house


def spool(house, *words):
    return CliRunner().invoke(cli, ["spool", *words, "--url", house.url])


# asked of a running house


def test_what_waits_is_told_by_kind_and_why(house):
    why = {"logs": "Connection refused"}
    house.answers(GET, told(3, NOW - 150, waiting_because=why, full="no room", damaged_files=2))

    result = spool(house, "status")

    assert result.stdout == "kind\tbatches\titems\tbytes\nlogs\t3\t30\t3072\n"
    assert result.stderr.splitlines() == [
        "30 items in 3 batches, 3.0 KiB of 8.0 GiB; the oldest since 2027-01-15T07:57:30Z, 2.5 min",
        "ClickHouse does not take logs: Connection refused",
        "full: no room",
        "2 files are in the folder `damaged`, for people to look at and to delete",
    ]
    assert result.exit_code == 0


@pytest.mark.parametrize(("waiting", "kinds"), [(told(3, NOW - 150), "logs"), (told(), "logs, traces, metrics")])
def test_a_reason_is_told_once_and_of_what_waits_alone(house, waiting, kinds):
    why = dict.fromkeys(["logs", "traces", "metrics"], "Connection refused")
    house.answers(GET, waiting | {"waiting_because": why})

    assert spool(house, "status").stderr.splitlines()[1:] == [f"ClickHouse does not take {kinds}: Connection refused"]


def test_an_empty_spool_is_said_and_is_no_failure(house):
    result = spool(house, "status")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "the spool is empty\n")


def test_programs_get_all_of_it_as_json(house):
    house.answers(GET, told(3, NOW - 150))

    result = spool(house, "status", "--format", "json")

    assert json.loads(result.stdout) == told(3, NOW - 150) | {"read_from": house.url}
    assert result.stderr == ""


@pytest.mark.parametrize("verb", ["status", "drain", "verify"])
@pytest.mark.parametrize(
    ("status", "code", "exit_code", "said"),
    [
        (401, "unauthenticated", 2, "no\nmend it"),
        (403, "denied", 2, "no\nmend it"),
        (404, "no_spool", 2, "no\nmend it"),
        (404, "not_found", 2, "does not receive telemetry: name the one that does with --url"),
        (500, "internal", 1, "no\nmend it"),
        (503, "busy", 1, "no\nmend it"),
    ],
)
def test_denied_and_failed_are_told_apart_with_the_mend(house, verb, status, code, exit_code, said):
    for path in (GET, DRAIN, VERIFY):
        house.refuses(path, status, code)

    result = spool(house, verb)

    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr


def test_what_is_no_house_is_told(house):
    house.script[GET] = [(200, b"<html>")]

    result = spool(house, "status")

    assert (result.exit_code, "is no house" in result.stderr) == (1, True)


def test_the_token_is_shown_to_the_house(house, tmp_path):
    (tmp_path / "token").write_text("ohr_me_1234\n")

    spool(house, "status", "--token-file", str(tmp_path / "token"))

    assert house.tokens == {"Bearer ohr_me_1234"}


def test_a_drain_ends_once_what_waited_at_its_begin_is_gone_whatever_came_since(house):
    house.answers(DRAIN, told(3, NOW - 9))
    house.answers(GET, told(3, NOW - 9), told(2, NOW - 3), told(5, NOW + 1, now=NOW + 2))

    result = spool(house, "drain")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "all that waited is in ClickHouse\n"
    assert [asked for asked, _ in house.asked] == [GET, DRAIN, GET, GET]


def test_a_drain_of_an_empty_spool_says_so(house):
    house.answers(DRAIN, told())

    result = spool(house, "drain")

    assert (result.exit_code, result.stderr) == (0, "the spool is empty\n")
    assert json.loads(spool(house, "drain", "--format", "json").stdout) == told()


def test_a_drain_that_takes_too_long_says_what_is_left_and_why(house):
    house.answers(DRAIN, told(3, NOW - 9))
    house.answers(GET, told(2, NOW - 9, waiting_because={"logs": "no such table"}))

    result = spool(house, "drain", "--timeout", "0.05")

    assert result.exit_code == 1
    assert (
        "after 0.05 s 20 items in 2 batches still wait: ClickHouse does not take logs: no such table" in result.stderr
    )


def test_a_long_drain_says_how_it_goes(house, monkeypatch):
    monkeypatch.setattr(spool_command, "Course", lambda say: spool_command.spool_draining.Course(say, patience=0))
    house.answers(DRAIN, told(3, NOW - 9))
    house.answers(GET, told(), told(2, NOW - 9), told())

    assert "20 items in 2 batches wait ..." in spool(house, "drain").stderr


def test_a_whole_spool_is_read_to_its_end_page_by_page(house):
    house.answers(GET, told(5))
    house.answers(VERIFY, checked(2, after=17), checked(3))

    result = spool(house, "verify")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "2 of 5 batches read ...\n5 batches read, all of them whole\n"
    assert [asked for asked, _ in house.asked][-2:] == [f"{VERIFY}?after=0", f"{VERIFY}?after=17"]


def test_damage_is_shown_and_is_a_failure(house):
    house.answers(GET, told(5))
    house.answers(VERIFY, checked(5, DAMAGE))

    result = spool(house, "verify")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == "7\tlogs\t1\t12\t300\tchecksum\\x1b[31m"
    assert "1 files are damaged or not the spool's; 12 items are lost" in result.stderr
    assert json.loads(spool(house, "verify", "--format", "json").stdout)["damaged"] == [DAMAGE]


# where no house runs, or none that has a spool


@pytest.fixture
def folder(tmp_path):
    """A data folder with a spool of three batches in it."""
    spool = Spool(tmp_path / "data" / "spool", ROOMY)
    for number in range(3):
        spool.append("logs", f"token-{number}", [Part((b"bytes of a request",), 10)])
    spool.close()
    return spool.folder


def at_rest(folder, *words):
    return CliRunner().invoke(cli, ["spool", *words, "--data", str(folder.parent), "--set", "query.port=1"])


def test_without_a_house_the_folder_tells_what_waits(folder):
    result = at_rest(folder, "status")

    assert result.exit_code == 0
    assert result.stdout.startswith("kind\tbatches\titems\tbytes\nlogs\t3\t30\t")
    assert f"This is what is in {folder}:" in result.stderr
    assert json.loads(at_rest(folder, "status", "--format", "json").stdout)["read_from"] == str(folder)


def test_without_a_house_the_folder_is_read(folder):
    assert at_rest(folder, "verify").exit_code == 0
    (path, *_) = sorted(path for path in folder.iterdir() if names.entry_of(path.name))
    path.write_bytes(path.read_bytes()[:-20])

    result = at_rest(folder, "verify", "--format", "json")

    (damage,) = json.loads(result.stdout)["damaged"]
    assert (result.exit_code, damage["token"], damage["items_lost"]) == (1, "token-0", 10)


def test_a_file_whose_name_is_no_text_is_told_too(folder):
    (folder / b"odd\xff".decode("utf-8", "surrogateescape")).write_bytes(b"")

    for form in ("table", "json"):
        result = at_rest(folder, "verify", "--format", form)
        assert (result.exit_code, "odd" in result.stdout) == (1, True)


def beside(house, folder, verb):
    port = house.url.rpartition(":")[2]
    return CliRunner().invoke(cli, ["spool", verb, "--data", str(folder.parent), "--set", f"query.port={port}"])


def test_beside_a_house_that_has_none_the_folder_is_looked_into_all_the_same(house, folder):
    house.refuses(GET, 404, "no_spool", "this house has no spool")

    result = beside(house, folder, "status")

    assert (result.exit_code, result.stdout.splitlines()[1].split("\t")[:2]) == (0, ["logs", "3"])
    assert f"this house has no spool\nThis is what is in {folder}:" in result.stderr
    nothing = beside(house, folder / "none", "status")
    assert (nothing.exit_code, nothing.stdout) == (2, "")
    assert "this house has no spool" in nothing.stderr


@pytest.mark.parametrize("verb", ["status", "drain", "verify"])
def test_who_is_denied_by_a_house_does_not_get_at_its_folder_instead(house, folder, verb):
    house.refuses(GET, 403)

    result = beside(house, folder, verb)

    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("verb", ["status", "drain", "verify"])
def test_neither_house_nor_folder_is_exit_code_3(tmp_path, verb):
    result = at_rest(tmp_path / "data" / "spool", verb)

    assert (result.exit_code, result.stdout) == (3, "")
    assert f"there is no spool in {tmp_path / 'data' / 'spool'}" in result.stderr


@pytest.mark.parametrize("verb", ["status", "drain", "verify"])
def test_a_house_that_was_named_and_is_not_there_is_exit_code_3_whatever_the_folder_holds(folder, verb):
    words = ["spool", verb, "--data", str(folder.parent), "--url", "http://127.0.0.1:1"]

    result = CliRunner().invoke(cli, words)

    assert (result.exit_code, "This is what is in" in result.stderr) == (3, False)


def test_a_folder_that_a_process_holds_is_not_drained(folder):
    holder = Spool(folder, ROOMY)
    try:
        result = at_rest(folder, "drain")
    finally:
        holder.close()

    assert result.exit_code == 1
    assert "held by another process" in result.stderr
    assert "--url" in result.stderr


def test_a_drain_without_clickhouse_ends_in_time_and_keeps_everything(folder):
    result = at_rest(folder, "drain", "--clickhouse", "clickhouse://127.0.0.1:1/", "--timeout", "0.6")

    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.stderr
    assert json.loads(at_rest(folder, "status", "--format", "json").stdout)["entries"] == 3
