"""A house that receives broken requests says what the OTLP specification asks for, and goes on with the next one.

Each test uses one connection, ends with a good request on it, and reads that one back.
"""

import gzip
import zlib

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2
from otlp_requests import deep, log_request, log_request_json, then_a_good_request_is_stored
from raw_senders import JSON, PROTOBUF

LIMIT = 64 * 1024 * 1024
"""Bytes of a request, before and after decompression: the house's default, as the specification recommends it."""


@pytest.fixture(scope="module")
def database():
    """The embedded engine alone: what is refused here never comes as far as ClickHouse."""


MALFORMED = {
    "no protobuf": b"this is not protobuf",
    "cut off": log_request("cut off", "malformed").SerializeToString()[:-3],
    "a field of an impossible type": b"\x0f" + log_request("x", "malformed").SerializeToString(),
    "json called protobuf": log_request_json("json called protobuf"),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_protobuf_is_bad_data(house, sender, body):
    said = sender.send(body)

    assert said.code == code_pb2.INVALID_ARGUMENT
    assert said.http_status in (0, 400)
    assert "not a protobuf" in said.message
    assert said.detail(error_details_pb2.BadRequest).field_violations[0].description == said.message
    assert said.detail(error_details_pb2.RetryInfo) is None
    then_a_good_request_is_stored(house, sender)
    assert house.question("recent_logs", service="malformed") == []


MALFORMED_JSON = {
    "no json": (b"{", "not JSON"),
    "a list": (b"[]", "must be an object"),
    "not utf-8": (b'{"resourceLogs": "\xff"}', "not UTF-8"),
    "a number for a list": (b'{"resourceLogs": 1}', "resource_logs must be a list"),
    "a text for a time": (log_request_json("x", timeUnixNano="noon"), "time_unix_nano must be an integer"),
    "bad hex": (log_request_json("x", traceId="xyz" + 29 * "0"), "trace_id must be 32 hex digits"),
    "base64 for hex": (log_request_json("x", traceId="AQIDBAUGBwgJCgsMDQ4PEA=="), "trace_id must be 32 hex digits"),
    "short hex": (log_request_json("x", spanId="0102030405"), "span_id must be 16 hex digits"),
    "too deep": (log_request_json("x", body=deep(200)), "nested too deeply"),
}


@pytest.mark.parametrize(("body", "reason"), MALFORMED_JSON.values(), ids=MALFORMED_JSON)
def test_malformed_json_is_bad_data_and_the_field_is_named(house, over_http, body, reason):
    said = over_http.send(body, content_type=JSON)

    assert (said.http_status, said.content_type, said.code) == (400, JSON, code_pb2.INVALID_ARGUMENT)
    assert reason in said.message
    then_a_good_request_is_stored(house, over_http)


@pytest.mark.parametrize("cut", [5, 30])
@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_truncated_compressed_body_is_bad_data(house, over_http, coding, compress, cut):
    body = compress(log_request("truncated " * 100, "truncated").SerializeToString())[:-cut]

    said = over_http.send(body, content_encoding=coding)

    assert (said.http_status, said.content_type, said.code) == (400, PROTOBUF, code_pb2.INVALID_ARGUMENT)
    assert "truncated" in said.message
    then_a_good_request_is_stored(house, over_http)
    assert house.question("recent_logs", service="truncated") == []


def test_a_truncated_gzip_message_is_bad_data_over_grpc_too(house, over_grpc):
    # No gRPC client sends one by itself. The door looks at the bytes, not at what the client calls them.
    said = over_grpc.send(gzip.compress(log_request("x" * 1000, "truncated").SerializeToString())[:-5])

    assert said.code == code_pb2.INVALID_ARGUMENT
    assert "truncated" in said.message
    then_a_good_request_is_stored(house, over_grpc)


def test_what_is_called_gzip_and_is_none_is_bad_data(house, over_http):
    said = over_http.send(log_request("x").SerializeToString(), content_encoding="gzip")

    assert (said.http_status, said.code) == (400, code_pb2.INVALID_ARGUMENT)
    then_a_good_request_is_stored(house, over_http)


def test_a_decompression_bomb_is_too_large_over_http(house, over_http):
    bomb = gzip.compress(bytes(2 * LIMIT), 1)
    assert len(bomb) < LIMIT / 10

    said = over_http.send(bomb, content_encoding="gzip")

    assert_too_large(said)
    assert said.http_status == 413
    assert "retry-after" not in said.headers
    then_a_good_request_is_stored(house, over_http)


def test_a_decompression_bomb_is_too_large_over_grpc(house, over_grpc):
    said = over_grpc.send(bytes(2 * LIMIT), compression=grpc.Compression.Gzip)

    assert_too_large(said)
    then_a_good_request_is_stored(house, over_grpc)


def test_an_oversized_request_is_too_large(house, sender):
    said = sender.send(bytes(LIMIT + 1))

    assert_too_large(said)
    assert said.http_status in (0, 413)
    then_a_good_request_is_stored(house, sender)


def assert_too_large(said):
    """Not to be sent again: gRPC's senders repeat RESOURCE_EXHAUSTED where it comes with RetryInfo, and only there."""
    assert said.code == code_pb2.RESOURCE_EXHAUSTED
    assert said.detail(error_details_pb2.RetryInfo) is None
    assert str(LIMIT) in said.message


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_another_content_type_is_not_supported(house, over_http, content_type):
    said = over_http.send(log_request("x").SerializeToString(), content_type=content_type)

    assert (said.http_status, said.content_type) == (415, JSON)
    assert PROTOBUF in said.message
    assert JSON in said.message
    then_a_good_request_is_stored(house, over_http)


def test_another_content_encoding_is_not_supported(house, over_http):
    said = over_http.send(b"x", content_encoding="br")

    assert said.http_status == 415
    assert said.headers["accept-encoding"] == "gzip, zstd, deflate"
    then_a_good_request_is_stored(house, over_http)


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_another_path_and_another_method_are_told_in_the_requests_encoding(house, over_http, content_type):
    lost = over_http.send(b"", path="/v1/log", content_type=content_type)
    assert (lost.http_status, lost.code, lost.content_type) == (404, code_pb2.NOT_FOUND, content_type)
    got = over_http.send(None, method="GET", content_type=content_type)
    assert (got.http_status, got.content_type, got.headers["allow"]) == (405, content_type, "POST")
    then_a_good_request_is_stored(house, over_http)


def test_another_service_is_unimplemented_over_grpc(house, over_grpc):
    said = over_grpc.send(b"", method="/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export")

    assert said.code == code_pb2.UNIMPLEMENTED
    then_a_good_request_is_stored(house, over_grpc)
