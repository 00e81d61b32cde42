"""Which format a request wants."""

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from query.errors import BadParameterError
from query.negotiation import choose_format
from query.rendering import Format


def chosen(accept: str | None = None, query: str = "") -> Format:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return choose_format(Request({"type": "http", "query_string": query.encode(), "headers": headers}))


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, Format.JSON),
        ("*/*", Format.JSON),
        ("application/*", Format.JSON),
        ("Application/JSON; charset=utf-8", Format.JSON),
        ("text/csv", Format.CSV),
        ("text/*", Format.CSV),
        ("application/x-ndjson", Format.NDJSON),
        ("application/jsonl", Format.NDJSON),
        ("application/vnd.apache.arrow.stream", Format.ARROW),
        ("text/html, application/xhtml+xml, */*;q=0.8", Format.JSON),
        ("text/csv;q=0.5, application/x-ndjson;q=0.9", Format.NDJSON),
        ("text/csv, application/json", Format.CSV),
        ("text/csv;q=0, application/json;q=0.1", Format.JSON),
        ("text/csv;q=much, application/json", Format.JSON),
    ],
)
def test_the_accept_header_chooses_by_weight_and_then_by_order(accept, form):
    assert chosen(accept) is form


@pytest.mark.parametrize("accept", ["text/html", "image/png, text/html;q=0.5", "application/json;q=0", ""])
def test_an_accept_header_that_wants_none_of_ours_is_told_which_there_are(accept):
    with pytest.raises(HTTPException) as refused:
        chosen(accept)

    assert refused.value.status_code == 406
    for media in ("application/json", "text/csv", "application/x-ndjson", "arrow"):
        assert media in refused.value.detail


@pytest.mark.parametrize("form", list(Format))
def test_a_format_that_is_named_goes_before_the_header(form):
    assert chosen("image/png", f"limit=1&format={form.value}") is form


@pytest.mark.parametrize("query", ["format=xml", "format=", "format=JSON", "format=json&format=csv"])
def test_a_word_that_is_no_format_and_two_of_them_are_refused_by_name(query):
    with pytest.raises(BadParameterError) as refused:
        chosen(query=query)

    assert refused.value.field == "format"
    assert "json, ndjson, csv, arrow" in refused.value.mend
