"""`otelhouse deadletter` from the outside: what is asked, what is printed where, and the exit codes."""

import base64
import json

import pytest
from click.testing import CliRunner
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from scripted_house import ScriptedHouse, running

from otelhouse import dead_letter_text
from otelhouse.__main__ import cli

LIST, COUNTS, SHOW = (
    f"POST /api/v1/questions/{name}" for name in ("dead_letters", "dead_letter_counts", "dead_letter")
)
COUNT, RETRY = (f"POST /api/v1/ingest/dead_letters/{verb}" for verb in ("count", "retry"))
ID = "0123456789abcdef" * 2


def answer(**cells):
    columns = [{"name": name, "type": "String", "wide": False} for name in cells]
    return {"columns": columns, "rows": [cells] if cells else []}


def sent(stored=0, after="", **reasons):
    refused = sum(reasons.values())
    return {"stored": stored, "refused": refused, "reasons": reasons, "more": bool(after), "after": after}


@pytest.fixture
def house():
    headers = {"x-otelhouse-rows": "1", "x-otelhouse-truncated": "false", "x-otelhouse-window": ""}
    with running(ScriptedHouse(headers=headers)) as house:
        yield house


def deadletter(house, *words, **more):
    return CliRunner().invoke(cli, ["deadletter", *words, "--url", house.url], **more)


# list


def test_the_list_is_the_named_question_with_the_filters_that_were_given(house):
    house.answers(LIST, answer(id=ID, reason="too old\x1b[2J"))
    words = ["--since", "2h", "--state", "any", "--signal", "logs", "--service", "cart", "--reason", "too old"]

    result = deadletter(house, "list", *words)

    assert result.exit_code == 0
    assert result.stdout == f"id\treason\n{ID}\ttoo old\\x1b[2J\n"
    filters = {"since": "2h", "state": "any", "signal": "logs", "service": "cart", "text": "too old"}
    assert house.asked == [(f"{LIST}?format=json", filters)]


def test_counts_are_the_other_question(house):
    house.answers(COUNTS, answer(letters="3", reason="too old"))

    result = deadletter(house, "list", "--counts", "--format", "csv", "--limit", "5")

    assert result.exit_code == 0
    assert house.asked == [(f"{COUNTS}?format=csv", {"limit": "5"})]


def test_counts_cannot_be_narrowed_by_what_the_question_does_not_know(house):
    result = deadletter(house, "list", "--counts", "--reason", "x", "--service", "cart")

    assert (result.exit_code, house.asked) == (2, [])
    assert "leave out --reason, --service" in result.stderr


def test_no_letters_are_said_and_are_no_failure(house):
    house.headers["x-otelhouse-rows"] = "0"
    house.answers(LIST, answer())

    result = deadletter(house, "list")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no rows\n")


@pytest.mark.parametrize("words", [["list"], ["show", ID], ["retry", "--all", "--yes"]])
@pytest.mark.parametrize(
    ("status", "code", "exit_code"), [(401, "unauthenticated", 2), (403, "denied", 2), (502, "failed", 1)]
)
def test_denied_and_failed_are_told_apart(house, words, status, code, exit_code):
    for path in (LIST, SHOW, COUNT):
        house.refuses(path, status, code)

    result = deadletter(house, *words)

    assert (result.exit_code, result.stdout, result.stderr) == (exit_code, "", "Error: no\nmend it\n")


@pytest.mark.parametrize("words", [["list"], ["show", ID], ["retry", "--all", "--yes"]])
def test_no_house_is_exit_code_3(words):
    result = CliRunner().invoke(cli, ["deadletter", *words, "--url", "http://127.0.0.1:1"])

    assert (result.exit_code, "otelhouse up" in result.stderr) == (3, True)


# show


def span():
    resource = ResourceSpans()
    one = resource.scope_spans.add().spans.add(name="a", trace_id=b"\x01" * 16, span_id=b"\x02" * 8, kind=2)
    one.attributes.add(key="traceId").value.string_value = "no id"
    return resource.SerializeToString()


def letter(signal, item):
    cells = {"id": ID, "signal": signal, "reason": "line\nbreak"}
    return answer(**cells, item=base64.b64encode(item).decode())


def test_a_letter_is_shown_whole_with_its_item_in_words(house):
    house.answers(SHOW, letter("traces", span()))

    result = deadletter(house, "show", ID)

    fields, _, item = result.stdout.partition("item:\n")
    assert fields == f"id: {ID}\nsignal: traces\nreason: line\\nbreak\n"
    (told,) = json.loads(item)["scopeSpans"][0]["spans"]
    assert (told["traceId"], told["spanId"], told["kind"]) == ("01" * 16, "02" * 8, 2)
    assert told["attributes"] == [{"key": "traceId", "value": {"stringValue": "no id"}}]
    assert house.asked == [(f"{SHOW}?format=json", {"id": ID})]


def test_programs_get_the_letter_as_json_with_its_item(house):
    house.answers(SHOW, letter("traces", span()))

    told = json.loads(deadletter(house, "show", ID, "--format", "json").stdout)

    assert told["item"] == dead_letter_text.in_words("traces", span())
    assert (told["id"], told["reason"]) == (ID, "line\nbreak")


def test_what_telemetry_holds_is_shown_and_never_obeyed(house):
    resource = ResourceLogs()
    record = resource.scope_logs.add().log_records.add()
    record.body.string_value = "\x1b[31mred\x9b2J\u2028\nnext"
    house.answers(SHOW, letter("logs", resource.SerializeToString()))

    result = deadletter(house, "show", ID)

    assert not {"\x1b", "\x9b"} & set(result.stdout)
    assert "red" in result.stdout


def test_a_letter_whose_item_was_not_kept_says_so(house):
    house.answers(SHOW, letter("logs", b""))

    assert deadletter(house, "show", ID).stdout.endswith("item: not kept, it was too large\n")
    assert json.loads(deadletter(house, "show", ID, "--format", "json").stdout)["item"] is None


def test_an_item_that_is_no_otlp_is_a_failure_that_is_told(house):
    house.answers(SHOW, letter("logs", b"\xff\xff"))

    result = deadletter(house, "show", ID)

    assert (result.exit_code, "is no OTLP" in result.stderr) == (1, True)


def test_a_letter_that_does_not_exist_is_a_failure(house):
    house.headers["x-otelhouse-rows"] = "0"
    house.answers(SHOW, answer())

    result = deadletter(house, "show", ID)

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"there is no dead letter {ID}" in result.stderr


# retry


def test_letters_are_sent_page_by_page_each_of_them_once(house):
    house.answers(COUNT, {"letters": 103})
    house.answers(RETRY, sent(stored=100, after="1.2.a"), sent(stored=3))

    result = deadletter(house, "retry", "--all", "--yes")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "100 of 103 sent ...\n103 stored\n"
    assert house.bodies(RETRY) == [{"all": True, "limit": 100}, {"all": True, "limit": 100, "after": "1.2.a"}]


def test_filters_and_ids_go_with_it(house):
    house.answers(COUNT, {"letters": 1})
    house.answers(RETRY, sent(stored=1))

    deadletter(house, "retry", "--ids", f"{ID}, {ID[::-1]}", "--ids", ID, "--yes")
    deadletter(house, "retry", "--signal", "logs", "--service", "cart", "--reason", "too old", "--yes")

    assert house.bodies(COUNT) == [
        {"ids": [ID, ID[::-1], ID]},
        {"signal": "logs", "service": "cart", "text": "too old"},
    ]


def test_letters_that_are_refused_once_more_are_told_with_their_reasons_and_are_a_failure(house):
    house.answers(COUNT, {"letters": 6})
    house.answers(RETRY, sent(stored=1, after="x", old=2), sent(old=1, strange=2))

    result = deadletter(house, "retry", "--all", "--yes")

    assert (result.exit_code, result.stdout) == (1, "letters\treason\n3\told\n2\tstrange\n")
    assert "1 stored, 5 refused once more; they stay open" in result.stderr


def test_programs_get_the_outcome_as_json(house):
    house.answers(COUNT, {"letters": 3})
    house.answers(RETRY, sent(stored=1, old=2))

    result = deadletter(house, "retry", "--all", "--yes", "--format", "json")

    assert json.loads(result.stdout) == {"stored": 1, "refused": 2, "reasons": {"old": 2}}


def test_nothing_to_send_is_said_and_is_no_failure(house):
    house.answers(COUNT, {"letters": 0})

    result = deadletter(house, "retry", "--all")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no open letters match\n")
    assert house.bodies(RETRY) == []


@pytest.mark.parametrize(("said", "is_sent"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_the_number_is_told_and_a_yes_is_asked_for(house, said, is_sent):
    house.answers(COUNT, {"letters": 12})
    house.answers(RETRY, sent(stored=12))

    result = deadletter(house, "retry", "--all", input=said)

    assert "Send 12 dead letters again? [y/N]" in result.stderr
    assert (bool(house.bodies(RETRY)), result.exit_code) == (is_sent, 0 if is_sent else 1)


@pytest.mark.parametrize("words", [[], ["--all", "--signal", "logs"], ["--ids", " ,"]])
def test_which_letters_must_be_said_and_not_twice(house, words):
    result = deadletter(house, "retry", *words, "--yes")

    assert (result.exit_code, house.bodies(RETRY)) == (2, [])


def test_a_run_that_breaks_off_says_how_far_it_came(house):
    house.answers(COUNT, {"letters": 200})
    house.script[RETRY] = [
        (200, sent(stored=100, after="x")),
        (503, {"error": {"code": "not_reachable", "message": "away", "field": "", "mend": "again"}}),
    ]

    result = deadletter(house, "retry", "--all", "--yes")

    assert result.exit_code == 1
    assert "broken off: 100 stored, 0 refused once more" in result.stderr
    assert "Error: away\nagain" in result.stderr
