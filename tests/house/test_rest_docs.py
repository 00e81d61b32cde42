"""docs/rest.md tells what there is: routes, formats, error codes, settings; and its examples are understood."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from prometheus_client import CollectorRegistry

from identity import asgi_guard
from query import errors, rest
from query.desk import Desk
from query.rendering import MEDIA_TYPES, Format
from query.settings import QuerySettings
from sql import http_handlers
from sql.catalogue import RESERVED, load_catalogue

PAGE = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")
CATALOGUE = load_catalogue()
EXAMPLES = re.findall(r"'localhost:8080(/[^']*)'", PAGE)


@pytest.fixture(scope="module")
def paths():
    desk = Desk(None, CATALOGUE, QuerySettings())
    app = rest.build_app(desk, {}, CollectorRegistry())
    yield {re.sub(r"\{\w+\}", "ID", route.path) for route in app.routes}
    app.state.readiness.close()
    desk.close()


def test_every_route_of_the_page_is_there_and_every_other_one_is_a_question(paths):
    table = PAGE.partition("## What an answer says")[0]
    told = {urlsplit(route).path for route in re.findall(r"(?<=[`/ ])(/[A-Za-z0-9_/.]+)", table)}
    told = {route.replace("NAME", "recent_logs") for route in told if not route.startswith(("/notif", "/api/v1/tail"))}

    assert told <= paths
    assert {path for path in paths - told if not path.startswith(f"{rest.ROOT}/")} == set()


def test_the_examples_ask_questions_that_exist_with_parameters_that_they_have():
    assert len(EXAMPLES) >= 2
    for example in EXAMPLES:
        address = urlsplit(example)
        names = {one.name for one in CATALOGUE[address.path.removeprefix(f"{rest.ROOT}/")].parameters}
        assert {name for name, _ in parse_qsl(address.query)} <= names | RESERVED


def test_every_error_code_is_told_with_its_status():
    told = {
        code: statuses
        for statuses, codes in re.findall(r"^\| ([0-9, ]{3,}) \| (`[^|]+) \|", PAGE, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    }
    for error in errors.of_questions():
        assert str(int(error.status)) in told.pop(error.code)
    refusals = {"unauthenticated", "foreign_page", "locked_out", "keys_unavailable"}
    source = Path(asgi_guard.__file__).read_text(encoding="utf-8")
    assert all(f'"{code}"' in source for code in refusals)
    assert told.keys() == {*refusals, *rest._CODES.values(), "internal"}


def test_every_format_is_told_with_its_media_type():
    for form in Format:
        assert f"| `{form.value}` | `{MEDIA_TYPES[form].partition(';')[0]}` |" in PAGE


def test_the_settings_that_it_names_exist():
    named = set(re.findall(r"`(?:query\.)?((?:max|port)\w*)`", PAGE))
    of_clickhouse = {
        f"max_{what}" for what in ("execution_time", "bytes_to_read", "memory_usage", "result_bytes", "result_rows")
    }

    assert named - of_clickhouse <= QuerySettings.model_fields.keys()
    assert len(named) > 5


def test_the_routes_that_clickhouse_answers_are_those_that_are_exported():
    exported = http_handlers.routes(CATALOGUE)

    assert "/ping" in exported
    assert "/events" in exported
    assert f"{http_handlers.ROOT}/recent_logs" in exported
