"""The parameters of a question as an HTTP request gives them."""

import asyncio
import json

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from query.errors import BadParameterError, TooLargeError
from query.request_parameters import written

JSON = "application/json"


def read(query: str = "", body: object = None, content_type: str = JSON, *, most: int = 1000, chunk: int = 7):
    method = "GET" if body is None else "POST"
    sent = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    chunks = [sent[at : at + chunk] for at in range(0, len(sent), chunk)] or [b""]

    async def receive():
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    headers = [(b"content-type", content_type.encode())]
    scope = {"type": "http", "method": method, "query_string": query.encode(), "headers": headers}
    found = asyncio.run(written(Request(scope, receive), most))
    return *found, b"".join(chunks)


def test_the_url_gives_texts_and_the_format_is_none_of_them():
    assert read("service=a%20b&limit=5&format=csv")[:2] == ({"service": "a b", "limit": "5"}, "")


def test_a_cursor_is_apart_from_the_parameters_by_get_and_by_post():
    assert read("limit=5&cursor=abc")[:2] == ({"limit": "5"}, "abc")
    assert read(body={"limit": 5, "cursor": "abc"})[:2] == ({"limit": 5}, "abc")


def test_a_posted_object_keeps_its_numbers_and_goes_with_the_url():
    found, _, _ = read("service=a", {"limit": 5, "share": 0.5, "text": "\u00fc"}, "Application/Json; charset=utf-8")

    assert found == {"service": "a", "limit": 5, "share": 0.5, "text": "\u00fc"}


def test_an_empty_body_needs_no_content_type():
    assert read(body=b"", content_type="")[0] == {}


@pytest.mark.parametrize(("query", "body"), [("a=1&a=2", None), ("a=1", {"a": 1}), ("cursor=x", {"cursor": "y"})])
def test_a_name_that_is_given_twice_is_refused(query, body):
    with pytest.raises(BadParameterError, match="twice"):
        read(query, body)


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[1]", b'"text"', b"[" * 5000])
def test_a_body_that_is_no_json_object_is_refused_and_the_field_is_the_body(body):
    with pytest.raises(BadParameterError) as refused:
        read(body=body, most=10_000)

    assert refused.value.field == "body"
    assert "JSON object" in refused.value.mend


@pytest.mark.parametrize("value", [[1], {"a": 1}, None])
def test_a_value_that_is_neither_text_nor_number_is_refused_by_name(value):
    with pytest.raises(BadParameterError) as refused:
        read(body={"service": value})

    assert refused.value.field == "service"


def test_a_body_of_another_type_is_415():
    with pytest.raises(HTTPException) as refused:
        read(body={"a": 1}, content_type="text/plain")

    assert refused.value.status_code == 415


def test_a_body_that_is_too_large_is_refused_before_it_is_read_to_its_end():
    with pytest.raises(TooLargeError, match="more than 100 bytes"):
        read(body=b" " * 100_000, most=100, chunk=60)
