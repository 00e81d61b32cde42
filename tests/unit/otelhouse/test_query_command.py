"""`otelhouse query` and `otelhouse handlers` from the outside: what is printed where, and the exit codes."""

import http.server
import io
import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from xml.etree import ElementTree as ET

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from otelhouse import answer_table, watching
from otelhouse.__main__ import cli
from sql.catalogue import load_catalogue

ANSWER = {
    "columns": [
        {"name": "body", "type": "String", "wide": False},
        {"name": "n", "type": "UInt64", "wide": False},
        {"name": "attributes", "type": "Map(String, String)", "wide": True},
    ],
    "rows": [
        {"body": "red \x1b[31malert\nnext", "n": 7, "attributes": {"k": "v", "l": "w"}},
        {"body": "[bold]plain[/bold]", "n": None, "attributes": {}},
    ],
}
ROWS = {"x-otelhouse-rows": "2", "x-otelhouse-truncated": "false", "x-otelhouse-window": "2026-01-01/2026-01-02"}
REFUSED = {
    "error": {"code": "bad_parameter", "message": "`limit` cannot be 'x'", "field": "limit", "mend": "Give a number."}
}


class Window:
    """A house's REST window that answers as it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.headers = dict(ROWS)
        self.body = json.dumps(ANSWER).encode()
        self.asked: list[tuple[str, object]] = []
        self.url = ""


@pytest.fixture
def window() -> Iterator[Window]:
    window = Window()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            window.asked.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(window.status)
            for name, value in window.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(window.body)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        window.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield window
        server.shutdown()
        thread.join()


def ask(window: Window, *words: str) -> Result:
    return CliRunner().invoke(cli, ["query", *words, "--url", window.url])


def test_parameters_travel_as_they_are_written_and_dashes_become_underscores(window):
    result = ask(window, "recent_logs", "--min-severity", "warn", "--text=--x=y", "--since", "1h", "--limit", "-5")

    assert result.exit_code == 0, result.stderr
    assert window.asked == [
        (
            "/api/v1/questions/recent_logs?format=json",
            {"min_severity": "warn", "text": "--x=y", "since": "1h", "limit": "-5"},
        )
    ]


def test_into_a_pipe_a_table_is_lines_of_tab_separated_values_without_control_characters(window):
    result = ask(window, "recent_logs")

    assert result.stdout == ("body\tn\tattributes\nred \\x1b[31malert\\nnext\t7\tk=v l=w\n[bold]plain[/bold]\t-\t\n")
    assert result.stderr == ""


def test_what_turns_the_direction_of_text_is_written_out_and_other_letters_stay():
    assert answer_table.cell_text("a\u202egpj.\u2066b\u200fc\u2028d") == r"a\u202egpj.\u2066b\u200fc\u2028d"
    assert answer_table.cell_text("Größe שלום 日本 👩\u200d🚀") == "Größe שלום 日本 👩\u200d🚀"


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_other_formats_are_handed_through_as_the_house_wrote_them(window, form):
    window.body = b"whatever \xff the house said"

    result = ask(window, "recent_logs", "--format", form)

    assert result.stdout_bytes == window.body
    assert window.asked[0][0].endswith(f"?format={form}")


def test_no_rows_is_said_on_standard_error_and_is_no_failure(window):
    window.body = json.dumps(ANSWER | {"rows": []}).encode()
    window.headers["x-otelhouse-rows"] = "0"

    result = ask(window, "recent_logs")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "no rows between 2026-01-01 and 2026-01-02\n"


def test_no_rows_are_no_health_where_the_question_says_so_and_a_name_that_is_no_pod_gets_a_hint(window):
    window.body = json.dumps(ANSWER | {"rows": []}).encode()
    window.headers["x-otelhouse-rows"] = "0"

    exact = ask(window, "pod_errors", "--namespace", "shop", "--pod", "payment")
    beginning = ask(window, "pod_errors", "--namespace", "shop", "--pod", "payment*", "--format", "json")

    assert (exact.exit_code, exact.stdout) == (0, "")
    assert exact.stderr.splitlines()[1:] == [
        "No row at all means that nothing was looked at, which is no health.",
        "--pod payment is that very name; --pod 'payment*' is all that begin so",
    ]
    assert "no health" in beginning.stderr
    assert "that very name" not in beginning.stderr


def test_a_cut_answer_says_so_on_standard_error(window):
    window.headers["x-otelhouse-truncated"] = "true"

    assert "there are more: raise --limit" in ask(window, "recent_logs", "--format", "csv").stderr


def test_a_cut_answer_says_how_to_go_on_and_the_cursor_travels_like_a_parameter(window):
    window.headers |= {"x-otelhouse-truncated": "true", "x-otelhouse-next-cursor": "abc"}

    cut = ask(window, "recent_logs")
    window.headers["x-otelhouse-truncated"] = "false"
    ask(window, "recent_logs", "--cursor", "abc")

    assert "or go on with --cursor abc" in cut.stderr
    assert window.asked[1][1] == {"cursor": "abc"}


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_an_answer_that_a_scope_narrowed_says_so(window, form):
    window.headers["x-otelhouse-scope"] = "clusters=east"

    assert "narrowed to what your token may see: clusters=east\n" in ask(window, "services", "--format", form).stderr


def test_arrow_is_handed_through_byte_by_byte(window):
    window.body = bytes(range(256))

    assert ask(window, "services", "--format", "arrow").stdout_bytes == window.body


@pytest.mark.parametrize(("status", "exit_code"), [(400, 2), (404, 2), (422, 1), (500, 1), (502, 1), (503, 1)])
def test_a_refusal_is_told_with_its_mend(window, status, exit_code):
    window.status, window.headers, window.body = status, {}, json.dumps(REFUSED).encode()

    result = ask(window, "recent_logs", "--limit", "x")

    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert result.stderr == "Error: `limit` cannot be 'x'\nGive a number.\n"


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv"])
def test_what_another_parameter_than_limit_left_out_is_said(window, form):
    window.headers |= {"x-otelhouse-truncated": "true", "x-otelhouse-left-out": "series=3"}

    result = ask(window, "metric_series", "--metric", "m", "--format", form)

    assert "left out: series=3: raise --series or narrow" in result.stderr


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (404, b"<html>"), (404, b"{}"), (404, b"[]")])
def test_something_else_that_answers_there_is_no_house(window, status, body):
    window.status, window.headers, window.body = status, {}, body

    result = ask(window, "recent_logs")

    assert result.exit_code == 1
    assert "is no house" in result.stderr


def test_no_house_there_is_exit_code_3_with_the_mend():
    result = CliRunner().invoke(cli, ["query", "recent_logs", "--url", "http://127.0.0.1:1"])

    assert result.exit_code == 3
    assert "otelhouse up" in result.stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["stray"], "'stray' belongs to no parameter"),
        (["--since"], "--since lacks its value"),
        (["--since", "1h", "--since", "2h"], "--since is given twice"),
        (["--url", "ftp://x"], "is no address of a house"),
        (["--format", "xml"], "'xml' is not one of"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_exit_code_2(words, problem):
    result = CliRunner().invoke(cli, ["query", "recent_logs", *words])

    assert result.exit_code == 2
    assert problem in result.stderr


def test_a_table_leaves_wide_columns_out_unless_asked(tmp_path):
    with (tmp_path / "out").open("w+") as out:
        hidden = answer_table.write_table(ANSWER, out, wide=False, width=80)
        none_hidden = answer_table.write_table(ANSWER, out, wide=True, width=80)
        out.seek(0)
        drawn = out.read()

    assert (hidden, none_hidden) == (["attributes"], [])
    assert "\x1b" not in drawn
    assert "[bold]plain[/bold]" in drawn
    assert drawn.count("k=v l=w") == 1


@pytest.mark.parametrize("wide", [False, True])
def test_a_column_for_machines_is_never_drawn_nor_said_to_be_left_out(wide):
    answer = answer_of(body="b", position="17-4")
    answer["columns"][1] |= {"wide": True, "machines": True}

    lines, left_out = draw(answer, 80, wide=wide)

    assert ([line.strip() for line in lines if line.strip("─ ")], left_out) == (["body", "b"], [])


def test_a_column_for_machines_does_not_go_into_a_pipe_as_lines(window):
    answer = answer_of(body="b", position="17-4")
    answer["columns"][1] |= {"wide": True, "machines": True}
    window.body = json.dumps(answer).encode()

    assert ask(window, "recent_logs").stdout == "body\nb\n"


TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TIME = "2026-01-01T10:20:30.123456789Z"
DAY, CLOCK = "2026-01-01", "10:20:30.123Z"
POD = "a-service-with-a-very-long-name-indeed-7d9f8b6c5d-abcde"
BODY = "no database connection within 5 s: 20 of 20 in use, and the customer went away"


def answer_of(**cells):
    """An answer of one row; numbers are numbers, dicts maps, all else strings."""
    kinds = {int: "UInt64", dict: "Map(String, String)"}
    columns = [
        {"name": name, "type": kinds.get(type(cell), "String"), "wide": isinstance(cell, dict)}
        for name, cell in cells.items()
    ]
    return {"columns": columns, "rows": [cells]}


def draw(answer, width, *, wide=False):
    out = io.StringIO()
    hidden = answer_table.write_table(answer, out, wide=wide, width=width)
    return out.getvalue().splitlines(), hidden


@pytest.mark.parametrize(
    ("width", "hidden"), [(65, ["root_span", "duration_ms"]), (80, ["duration_ms"]), (120, []), (400, [])]
)
def test_columns_without_room_are_left_out_from_the_right_and_named(width, hidden):
    answer = answer_of(
        trace_id=TRACE_ID, start=TIME, service="front", root_span="POST /checkout/{id}", duration_ms=12345
    )

    lines, left_out = draw(answer, width)

    assert left_out == hidden
    assert len(lines) == 4  # names, the day, a rule, the row: nothing is wrapped
    assert all(len(line) <= width for line in lines)
    assert lines[3].split()[:3] == [TRACE_ID, CLOCK, "front"]
    assert ("duration_ms" in lines[1]) == ("duration_ms" not in hidden)


@pytest.mark.parametrize("width", [80, 105])
def test_prose_is_folded_into_the_room_there_is_and_nothing_else(width):
    lines, left_out = draw(answer_of(time=TIME, severity="ERROR", service="payment", body=BODY, pod=POD), width)

    assert left_out == ["pod"]  # a name, however long, is never cut
    assert all(len(line) <= width for line in lines)
    assert lines[3].startswith(f"{CLOCK}  ERROR     payment  no database")
    assert " ".join(" ".join(line.rstrip().split("  ")[-1] for line in lines[3:]).split()) == BODY


def test_times_are_shortened_and_a_day_that_a_column_has_in_common_stands_below_its_name():
    one_day = answer_of(first_seen="2026-01-01T09:00:00.000000000Z", last_seen=TIME)
    many_days = {**one_day, "rows": [*one_day["rows"], {"first_seen": "", "last_seen": "2026-01-02T00:00:00Z"}]}

    assert [line.split() for line in draw(one_day, 80)[0][::1] if "─" not in line] == [
        ["first_seen", "last_seen"], [DAY, DAY], ["09:00:00Z", CLOCK],
    ]  # fmt: skip
    assert [line.split() for line in draw(many_days, 80)[0] if "─" not in line] == [
        ["first_seen"], [DAY, "last_seen"], ["09:00:00Z", f"{DAY}T{CLOCK}"], ["2026-01-02T00:00:00.000Z"],
    ]  # fmt: skip
    assert TIME in "\n".join(draw(one_day, 80, wide=True)[0])


@pytest.mark.parametrize("name", ["body", "message"])
@pytest.mark.parametrize("said", [BODY, "https://shop.example/checkout/a/path/that/is/one/word", "short"])
def test_what_a_row_says_stands_below_it_where_it_has_no_room_beside(name, said):
    pod = "payment-7d9f8c6b5-x2k4q"
    answer = answer_of(count=3, last_seen=TIME, pod=pod, container="payment", objects=1, **{name: said})

    lines, left_out = draw(answer, 64)

    assert left_out == ["objects"]
    assert all(len(line) <= 64 for line in lines)
    assert lines[3].split() == ["3", CLOCK, pod, "payment"]
    assert all(line.startswith("    ") for line in lines[4:])
    assert " ".join(line.strip() for line in lines[4:]) == said


def test_numbers_stand_right_and_empty_texts_take_no_line_where_texts_stand_below():
    answer = answer_of(pod=POD, count=3, container="c" * 20, message=BODY)
    answer["rows"].append({"pod": "p", "count": 1234567, "container": "", "message": ""})

    lines, _ = draw(answer, 80)

    assert lines[0].split() == ["pod", "count"]
    assert lines[2].endswith("        3")
    assert lines[-1].split() == ["p", "1234567"]
    assert len({len(lines[0]), len(lines[2]), len(lines[-1])}) == 1


def test_ids_and_keys_stay_whole_in_what_is_folded():
    labels = {"db.client.connection.pool.name": "payments", "state": "used", "trace": TRACE_ID}

    lines, left_out = draw(answer_of(time=TIME, service="payment", attributes=labels), 80, wide=True)

    assert left_out == []
    assert len(lines) == 5
    for name, value in labels.items():
        assert sum(f"{name}={value}" in line for line in lines) == 1


@pytest.mark.parametrize("width", [20, 40, 45])
def test_where_not_even_the_first_columns_have_room_each_row_is_a_block(width):
    lines, left_out = draw(answer_of(trace_id=TRACE_ID, start=TIME, n=7), width)

    assert lines == [f"trace_id: {TRACE_ID}", f"start: {TIME}", "n: 7"]
    assert left_out == []


@pytest.mark.parametrize(("width", "blocks"), [(80, True), (120, False)])
def test_wide_shows_every_column_whatever_the_width(width, blocks):
    lines, left_out = draw(answer_of(trace_id=TRACE_ID, start=TIME, attributes={"k": "v" * 60}), width, wide=True)

    assert left_out == []
    assert (f"attributes: k={'v' * 60}" in lines) == blocks
    assert sum(line.count("v") for line in lines) == 60


def test_the_questions_are_listed_one_a_line():
    lines = CliRunner().invoke(cli, ["handlers", "list"]).stdout.splitlines()

    assert [line.split()[0] for line in lines] == list(load_catalogue().behind("cli"))
    assert any(line.startswith("recent_logs ") and "newest log records" in line for line in lines)


def test_a_question_is_shown_with_its_parameters():
    result = CliRunner().invoke(cli, ["handlers", "show", "recent_logs"])

    assert "min_severity" in result.stdout
    assert result.exit_code == 0


def test_a_question_that_does_not_exist_is_not_shown():
    result = CliRunner().invoke(cli, ["handlers", "show", "recent_log"])

    assert result.exit_code == 2
    assert "Did you mean `recent_logs`?" in result.stderr


def test_a_question_is_shown_as_the_statement_that_clickhouse_is_asked():
    result = CliRunner().invoke(cli, ["handlers", "show", "recent_logs", "--sql"])

    assert result.stdout.strip() == load_catalogue()["recent_logs"].sql


def test_the_routes_and_the_user_are_exported_each_in_its_file(tmp_path):
    file = tmp_path / "routes.xml"
    digest = sha256(b"secret").hexdigest()

    routes = CliRunner().invoke(cli, ["handlers", "export", "--out", str(file)])
    user = CliRunner().invoke(cli, ["handlers", "export", "user", "--user", "portal", "--password-sha256", digest])

    urls = [element.text for element in ET.fromstring(file.read_text()).iter("url")]  # noqa: S314  our own text
    assert (routes.exit_code, routes.stdout, user.exit_code) == (0, "", 0)
    assert {"/ping", "/events", "/api/v1/questions/recent_logs"} <= set(urls)
    assert next(url for url in urls if url.startswith("regex:^/events/"))
    told = ET.fromstring(user.stdout)  # noqa: S314  our own text
    assert told.findtext("users/portal/password_sha256_hex") == digest
    assert told.findtext("profiles/portal/readonly") == "1"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["user", "--user", "a b"], "cannot be the name"),
        (["user", "--password-sha256", "secret"], "64 hexadecimal digits"),
        (["--out", "/no/such/folder/x.xml"], "cannot be written"),
        (["everything"], "is not one of"),
    ],
)
def test_an_export_that_cannot_be_is_refused_with_the_reason(words, problem):
    result = CliRunner().invoke(cli, ["handlers", "export", *words])

    assert result.exit_code in {1, 2}
    assert problem in result.stderr


def completed(*words: str) -> list[str]:
    """What a shell offers behind these words."""
    complete = ShellComplete(cli, {}, "otelhouse", "_OTELHOUSE_COMPLETE")
    return [item.value for item in complete.get_completions(list(words[:-1]), words[-1])]


def test_a_shell_completes_commands_without_loading_them():
    assert completed("qu") == ["query", "query-user"]
    assert {"up", "query", "handlers"} <= set(completed(""))


def test_a_shell_completes_questions():
    assert completed("query", "recent") == ["recent_logs"]
    assert completed("query", "") == list(load_catalogue().behind("cli"))
    assert "recent_logs" in completed("handlers", "show", "rec")


def test_a_shell_completes_the_parameters_of_the_question_that_were_not_given():
    offered = completed("query", "recent_logs", "--min-severity", "warn", "--")

    assert {"--since", "--trace-id", "--format", "--watch"} <= set(offered)
    assert "--min-severity" not in offered
    assert completed("query", "recent_logs", "--min") == ["--min-severity"]


def test_a_shell_completes_words_to_choose_from_and_moments():
    assert completed("query", "recent_logs", "--min-severity", "") == [
        "trace", "debug", "info", "warn", "error", "fatal",
    ]  # fmt: skip
    assert completed("query", "recent_logs", "--min-severity", "f") == ["fatal"]
    assert "15m" in completed("query", "recent_logs", "--since", "1")
    assert completed("query", "no_such_question", "--x", "") == []


def test_watching_asks_again_until_it_is_ended_and_goes_on_when_one_asking_fails():
    asked = []

    def ask_once() -> None:
        asked.append(len(asked))
        if len(asked) == 2:
            raise click.ClickException("gone for a while")
        if len(asked) == 4:
            raise KeyboardInterrupt

    watching.watch(ask_once, 0.001, "services")

    assert asked == [0, 1, 2, 3]


def test_watching_ends_with_what_the_first_asking_ends_with(window):
    window.status, window.headers, window.body = 404, {}, json.dumps(REFUSED).encode()

    assert ask(window, "services", "--watch", "1").exit_code == 2
    assert len(window.asked) == 1
