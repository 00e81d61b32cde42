"""Placeholders are filled in, guarded lines come and go, and nothing unknown passes."""

import pytest

from sql import rendering
from sql.rendering import RenderError, Rendering


def render(text, /, **flags):
    return Rendering({"database": "`otel`", "days": "30"}, lambda condition: flags[condition.replace(".", "_")])(text)


def test_a_placeholder_is_filled_in():
    assert render("FROM ${database}.otel_logs\n") == "FROM `otel`.otel_logs"


def test_an_unknown_placeholder_is_refused_by_name():
    with pytest.raises(RenderError, match=r"\$\{table\}; known: database, days"):
        render("FROM ${table}")


def test_a_lone_dollar_sign_is_refused_and_a_double_one_is_a_dollar_sign():
    with pytest.raises(RenderError, match=r"write \$\$"):
        render("match(Body, '^$')")
    assert render("match(Body, '^$$')") == "match(Body, '^$')"


def test_a_line_stays_when_its_condition_holds():
    assert render("a,\nb, -- when: text\nc", text=True) == "a,\nb,\nc"
    assert render("a,\nb, -- when: text\nc", text=False) == "a,\nc"


def test_a_line_goes_unless_its_condition_fails():
    assert render("a,\nb, -- unless: t.Column\nc", t_Column=True) == "a,\nc"
    assert render("a,\nb, -- unless: t.Column\nc", t_Column=False) == "a,\nb,\nc"


def test_a_placeholder_in_a_line_that_goes_needs_no_value():
    assert render("a\nTTL ${unknown} -- when: keep", keep=False) == "a"


def test_an_ordinary_comment_is_no_guard():
    assert render("a -- when it rains") == "a -- when it rains"


@pytest.mark.parametrize("name", ["otel", "_x", "my-db", "v1.2", "A" * 200])
def test_an_identifier_is_quoted(name):
    assert rendering.identifier(name) == f"`{name}`"


@pytest.mark.parametrize("name", ["", "a`b", "a b", "a;DROP", "1a", "a\n", "ä", "A" * 201, "a\\"])
def test_what_would_need_escaping_is_no_identifier(name):
    with pytest.raises(RenderError, match="is no name"):
        rendering.identifier(name)


def test_a_number_is_digits_and_never_negative():
    assert rendering.number(30) == "30"
    with pytest.raises(RenderError, match="must not be negative"):
        rendering.number(-1)
