"""OTLP/HTTP senders get the answers that the specification asks for."""

import gzip
import http.client
import json
import re
import socket
import sys
import zlib
from collections.abc import Iterator

import pytest
from door_harness import MEBIBYTE, PATIENCE, Opened, opened
from google.rpc import code_pb2, error_details_pb2, status_pb2
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from identity.sender import Sender as Identified
from ingest import http_door
from ingest.errors import BusyError, MalformedError
from ingest.http_door import HttpDoor
from ingest.intake import Accepted, Encoding
from ingest.settings import HttpSettings, IngestSettings
from sql.signals import Signal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
BOTH = pytest.mark.parametrize("content_type", [PROTOBUF, JSON])


def settings(**values) -> IngestSettings:
    values = {"max_request_bytes": 2 * MEBIBYTE, "memory_bytes": 16 * MEBIBYTE} | values
    return IngestSettings(http=HttpSettings(port=0), **values)


@pytest.fixture(scope="module")
def standing() -> Iterator[Opened]:
    """One house for most tests, since uvicorn takes its time to stop."""
    with opened(HttpDoor, settings()) as house:
        yield house


@pytest.fixture
def house(standing) -> Opened:
    standing.forget()
    return standing


@pytest.fixture
def new_house() -> Iterator[Opened]:
    """For tests that stop it, or look at the most memory it ever held."""
    with opened(HttpDoor, settings()) as house:
        yield house


@pytest.fixture
def sender(house) -> Iterator["Sender"]:
    with Sender(house) as sender:
        yield sender


class Answer:
    """A response that was read to its end."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.content_type = response.headers["content-type"]

    @property
    def error(self) -> status_pb2.Status:
        """The google.rpc.Status of a refusal in protobuf."""
        assert self.content_type == PROTOBUF
        return status_pb2.Status.FromString(self.body)


class Sender:
    """One keep-alive connection."""

    def __init__(self, house: Opened) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=PATIENCE)

    def __enter__(self) -> "Sender":
        self.connection.connect()
        self.socket = self.connection.sock
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def post(self, body, path="/v1/logs", content_type=PROTOBUF, method="POST", chunked=False, **headers) -> Answer:
        """Send and read the answer, on the same connection every time."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type:
            names["content-type"] = content_type
        self.connection.request(method, path, body, names, encode_chunked=chunked)
        answer = Answer(self.connection.getresponse())
        assert self.connection.sock is self.socket, "the house closed the connection"
        return answer


def raw(house: Opened) -> socket.socket:
    return socket.create_connection(("127.0.0.1", house.port), timeout=PATIENCE)


def head(length: int | None = None, *more: str, path: str = "/v1/logs") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: test", f"content-type: {PROTOBUF}", *more]
    if length is not None:
        lines.append(f"content-length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def read_to_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def read_answer(connection: socket.socket) -> Answer:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return Answer(response)


def retry_info(status: status_pb2.Status) -> error_details_pb2.RetryInfo:
    info = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    return info


@BOTH
@pytest.mark.parametrize("signal", list(Signal))
def test_each_signal_comes_through_and_is_answered_in_its_own_encoding(house, sender, signal, content_type):
    answer = sender.post(b"body", f"/v1/{signal.value}", content_type)
    assert (answer.status, answer.content_type) == (200, content_type)
    assert answer.body == (b"{}" if content_type == JSON else b"")
    received = house.intake.next()
    encoding = Encoding.JSON if content_type == JSON else Encoding.PROTOBUF
    assert (received.signal, received.body, received.encoding) == (signal, b"body", encoding)
    assert received.sender == Identified("127.0.0.1")


def test_an_empty_request_is_fine(house, sender):
    assert sender.post(b"").status == 200
    assert house.intake.next().body == b""


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON ;a=b"])
def test_parameters_of_a_content_type_are_tolerated(house, sender, content_type):
    answer = sender.post(b"{}", content_type=content_type)
    assert (answer.status, answer.content_type) == (200, JSON)
    assert house.intake.next().encoding is Encoding.JSON


@pytest.mark.parametrize(
    ("coding", "compress"),
    [("gzip", gzip.compress), ("zstd", zstd.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
@pytest.mark.parametrize("repeats", [10, 200_000])
def test_a_compressed_body_comes_through_plain(house, sender, coding, compress, repeats):
    plain = b"telemetry" * repeats
    assert sender.post(compress(plain), content_encoding=coding).status == 200
    assert house.intake.next().body == plain


def test_a_chunked_body_comes_through_whole(house, sender):
    parts = [bytes([number]) * 70_000 for number in range(20)]
    assert sender.post(iter(parts), chunked=True).status == 200
    assert house.intake.next().body == b"".join(parts)


def test_partial_success_says_how_many_and_why(house, sender):
    house.intake.answer = Accepted(rejected=2, message="metric without a type")
    answer = sender.post(b"x", "/v1/metrics")
    partial = ExportMetricsServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, partial.rejected_data_points) == (200, 2)
    answer = sender.post(b"x", "/v1/metrics", JSON)
    expected = {"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "metric without a type"}}
    assert json.loads(answer.body) == expected


@pytest.mark.parametrize("error", [MalformedError("bad id", field="resourceLogs[0]"), MalformedError("bad id")])
def test_bad_data_is_400_with_a_bad_request_in_the_requests_encoding(house, sender, error):
    house.intake.answer = error
    answer = sender.post(b"\xff")
    bad = error_details_pb2.BadRequest()
    assert (answer.status, answer.error.code, answer.error.message) == (400, code_pb2.INVALID_ARGUMENT, "bad id")
    assert answer.error.details[0].Unpack(bad)
    assert bad.field_violations[0].field == getattr(error, "field", "")
    answer = sender.post(b"]", content_type=JSON)
    assert (answer.status, answer.content_type) == (400, JSON)
    assert json.loads(answer.body)["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    house.intake.answer = Accepted()
    assert sender.post(b"x").status == 200


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress), ("deflate", zlib.compress)]
)
def test_a_truncated_body_is_400_and_the_next_request_on_the_connection_succeeds(house, sender, coding, compress):
    answer = sender.post(compress(b"telemetry" * 1000)[:-5], content_encoding=coding)
    assert (answer.status, answer.error.code) == (400, code_pb2.INVALID_ARGUMENT)
    assert "truncated" in answer.error.message
    assert house.intake.requests.empty()
    assert sender.post(b"x").status == 200


def test_a_bomb_is_413_and_takes_no_memory(new_house):
    codec = zlib.compressobj(wbits=31)
    block = codec.compress(bytes(MEBIBYTE)) + codec.flush(zlib.Z_FULL_FLUSH)
    bomb = block + (codec.compress(bytes(MEBIBYTE)) + codec.flush(zlib.Z_FULL_FLUSH)) * 1023
    with Sender(new_house) as sender:
        answer = sender.post(bomb, content_encoding="gzip")
        assert (answer.status, answer.error.code) == (413, code_pb2.RESOURCE_EXHAUSTED)
        assert not answer.error.details
        assert "retry-after" not in answer.headers
        assert new_house.budget.peak < 5 * MEBIBYTE
        assert new_house.budget.used == 0
        assert sender.post(b"x").status == 200


def test_a_body_of_the_limits_own_size_is_taken(house, sender):
    assert sender.post(bytes(2 * MEBIBYTE)).status == 200
    assert len(house.intake.next().body) == 2 * MEBIBYTE


@BOTH
def test_an_oversized_body_is_refused_with_413_and_the_next_request_succeeds(house, sender, content_type):
    answer = sender.post(bytes(2 * MEBIBYTE + 1), content_type=content_type)
    assert (answer.status, answer.content_type) == (413, content_type)
    assert house.counters.next_refusal() == ("logs", "http", "too_large")
    assert sender.post(b"x").status == 200


def test_an_announced_oversize_is_refused_before_the_body_is_sent(new_house):
    with raw(new_house) as connection:
        connection.sendall(head(100 * 1024 * MEBIBYTE, "expect: 100-continue"))
        assert read_answer(connection).status == 413
    assert new_house.budget.peak == 0


def test_a_chunked_body_is_refused_with_413_once_it_is_over_the_limit(new_house):
    with Sender(new_house) as sender:
        answer = sender.post(iter([bytes(500_000)] * 6), chunked=True)
        assert answer.status == 413
        assert new_house.budget.peak <= 2 * MEBIBYTE
        assert sender.post(b"x").status == 200


def test_a_sender_that_expects_to_be_asked_is_asked(house):
    with raw(house) as connection:
        connection.sendall(head(4, "expect: 100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"body")
        assert read_answer(connection).status == 200
    assert house.intake.next().body == b"body"


@pytest.mark.parametrize("path", ["/", "/v1/log", "/v1/logs/", "/v1development/profiles"])
def test_another_path_is_404_with_a_status_in_the_requests_encoding(sender, path):
    answer = sender.post(b"x", path)
    assert (answer.status, answer.error.code) == (404, code_pb2.NOT_FOUND)
    assert "/v1/traces" in answer.error.message
    assert json.loads(sender.post(b"x", path, JSON).body)["code"] == code_pb2.NOT_FOUND


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_another_method_is_405_and_says_which_is_allowed(sender, method):
    answer = sender.post(None, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.body == b"" if method == "HEAD" else answer.error.code == code_pb2.UNIMPLEMENTED


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-protobuffer", "", None])
def test_another_content_type_is_415_with_a_status_in_json(house, sender, content_type):
    answer = sender.post(b"x", content_type=content_type)
    assert (answer.status, answer.content_type) == (415, JSON)
    assert PROTOBUF in json.loads(answer.body)["message"]
    assert answer.headers["accept"] == f"{PROTOBUF}, {JSON}"
    assert house.counters.next_refusal() == ("logs", "http", "unsupported_media_type")


@pytest.mark.parametrize("coding", ["br", "snappy", "gzip, gzip"])
def test_another_content_encoding_is_415_and_says_which_are_known(sender, coding):
    answer = sender.post(b"x", content_encoding=coding)
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "gzip, zstd, deflate")
    assert answer.error.code == code_pb2.INVALID_ARGUMENT


@BOTH
def test_a_busy_house_is_503_and_says_when_to_come_again(house, sender, content_type):
    house.intake.answer = BusyError("not now", retry_after=1.2)
    answer = sender.post(b"x", content_type=content_type)
    assert (answer.status, answer.headers["retry-after"], answer.content_type) == (503, "2", content_type)
    if content_type == PROTOBUF:
        assert retry_info(answer.error).retry_delay.ToMilliseconds() == 1200
    house.intake.answer = Accepted()
    assert sender.post(b"x").status == 200


def test_a_body_without_memory_is_503_before_it_reaches_the_seam(house, sender):
    lease = house.budget.reserve(16 * MEBIBYTE - 10)
    answer = sender.post(bytes(100))
    assert (answer.status, answer.error.code) == (503, code_pb2.UNAVAILABLE)
    assert house.intake.requests.empty()
    lease.release()
    assert sender.post(bytes(100)).status == 200


def test_above_the_bound_of_requests_a_sender_is_told_to_come_again():
    with opened(HttpDoor, settings(max_concurrent_requests=1)) as house, Sender(house) as second, raw(house) as first:
        house.intake.released.clear()
        first.sendall(head(1) + b"x")
        house.intake.next()
        answer = second.post(bytes(MEBIBYTE))
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        house.intake.released.set()
        assert read_answer(first).status == 200
        assert second.post(bytes(MEBIBYTE)).status == 200


def test_a_fault_of_the_house_is_503_and_keeps_its_reason_in_the_log(house, sender, caplog):
    house.intake.answer = RuntimeError("secret")
    answer = sender.post(b"x")
    assert (answer.status, answer.error.code) == (503, code_pb2.UNAVAILABLE)
    assert int(answer.headers["retry-after"]) >= 1
    assert b"secret" not in answer.body
    assert "secret" in caplog.text


def test_a_sender_that_goes_away_midway_harms_nothing(house, sender):
    with raw(house) as connection:
        connection.sendall(head(MEBIBYTE) + bytes(500_000))
    assert house.counters.next_refusal() == ("logs", "http", "disconnected")
    assert house.budget.used == 0
    assert house.intake.requests.empty()
    assert sender.post(b"x").status == 200


def test_a_body_that_stalls_is_503_so_that_it_is_sent_again():
    with opened(HttpDoor, settings(read_timeout_s=0.1)) as house, raw(house) as connection:
        connection.sendall(head(100) + b"half")
        answer = read_answer(connection)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert house.budget.used == 0


@pytest.mark.parametrize("start", [b"", b"POST /v1/lo", head(100)[:-2]])
def test_a_request_that_never_becomes_whole_has_its_connection_closed(monkeypatch, start):
    monkeypatch.setattr(http_door, "_GRACE_AFTER_TIMEOUT", 0.0)
    with opened(HttpDoor, settings(read_timeout_s=0.1)) as house, raw(house) as connection:
        connection.sendall(start)
        assert read_to_end(connection) == b""


def test_the_rest_of_a_refused_body_is_thrown_away_only_for_so_long(monkeypatch):
    monkeypatch.setattr(http_door, "_GRACE_AFTER_TIMEOUT", 0.0)
    with opened(HttpDoor, settings(read_timeout_s=0.2)) as house, raw(house) as connection:
        connection.sendall(head(4 * MEBIBYTE) + bytes(MEBIBYTE))
        assert read_to_end(connection).startswith(b"HTTP/1.1 413 ")


def test_headers_without_end_are_refused(house, sender):
    with raw(house) as connection:
        connection.sendall(b"POST /v1/logs HTTP/1.1\r\nx: " + b"y" * 200_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")
    assert sender.post(b"x").status == 200


def test_trailers_are_not_kept(house):
    with raw(house) as connection:
        connection.sendall(head(None, "transfer-encoding: chunked") + b"1\r\nx\r\n0\r\n" + b"a: b\r\n" * 100 + b"\r\n")
        assert read_answer(connection).status == 200
    assert house.intake.next().body == b"x"


def test_what_is_not_http_is_refused_and_the_next_request_succeeds(house, sender):
    with raw(house) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert sender.post(b"x").status == 200


def test_two_requests_sent_at_once_are_answered_in_their_order(house):
    with raw(house) as connection:
        connection.sendall(head(1) + b"x" + head(1, "connection: close", path="/v1/nowhere") + b"y")
        answers = read_to_end(connection)
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404"]


def test_a_stop_lets_requests_under_way_end(new_house):
    with raw(new_house) as connection:
        new_house.intake.released.clear()
        connection.sendall(head(1) + b"x")
        new_house.intake.next()
        wait = new_house.stop(PATIENCE)
        new_house.intake.released.set()
        assert read_answer(connection).status == 200
        wait()


def test_a_request_cut_off_by_a_stop_is_503_so_that_it_is_sent_again(new_house):
    with raw(new_house) as connection:
        new_house.intake.released.clear()
        connection.sendall(head(1) + b"x")
        new_house.intake.next()
        new_house.stop(0.05)()
        answer = read_answer(connection)
        assert (answer.status, answer.error.code) == (503, code_pb2.UNAVAILABLE)


def test_a_stop_does_not_wait_for_idle_connections(new_house):
    with Sender(new_house) as sender:
        assert sender.post(b"x").status == 200
        new_house.stop(PATIENCE)()


def test_a_taken_port_stops_the_start_with_its_address(house):
    taken = IngestSettings(http=HttpSettings(port=house.port))
    with pytest.raises(OSError, match=rf"127\.0\.0\.1:{house.port}.*http\.port"), opened(HttpDoor, taken):
        pytest.fail("two doors on one port")


def test_no_answer_tells_what_serves_it(sender):
    assert "server" not in sender.post(b"x").headers
