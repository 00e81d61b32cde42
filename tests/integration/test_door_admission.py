"""Who is not let in costs the house nothing, and one sender's flood costs the others nothing, at both doors."""

import http.client
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import grpc
import pytest
from door_harness import MEBIBYTE, PATIENCE, Opened, opened
from google.rpc import code_pb2, error_details_pb2, status_pb2

from identity.errors import ForbiddenError, KeysUnavailableError, LockedOutError, UnauthenticatedError
from identity.sender import Sender, SenderLimits
from ingest import admission, grpc_door
from ingest.grpc_door import GrpcDoor
from ingest.http_door import HttpDoor
from ingest.settings import GrpcSettings, HttpSettings, IngestSettings

LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
TRANSPORTS = {"grpc": GrpcDoor, "http": HttpDoor}
BOTH = pytest.mark.parametrize("transport", TRANSPORTS)
ERRORS = {
    "Bearer unknown": UnauthenticatedError("this token is not known: ask for one"),
    "Bearer forbidden": ForbiddenError("this token may not send"),
    "Bearer locked": LockedOutError("too many failures from this address", retry_after=600.0),
    "Bearer keyless": KeysUnavailableError("the keys cannot be had", retry_after=3.0),
}
LIMITS = {"one-at-once": SenderLimits(requests_at_once=1), "slow": SenderLimits(bytes_per_second=10)}


def gatekeeper(authorization: str | None, peer: str, _certificate_subject: str) -> Sender:
    """Lets in whoever names itself, but for those in `ERRORS`."""
    if authorization is None:
        raise UnauthenticatedError("no token: send `authorization: Bearer ...`")
    if authorization in ERRORS:
        raise ERRORS[authorization]
    name = authorization.removeprefix("Bearer ")
    return Sender(peer, name, limits=LIMITS.get(name, SenderLimits()))


@dataclass
class Reply:
    """What both transports say, in the words of HTTP."""

    status: int
    error: status_pb2.Status = field(default_factory=status_pb2.Status)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def pause(self) -> float:
        """Seconds after which to send the same again."""
        info = error_details_pb2.RetryInfo()
        assert self.error.details[0].Unpack(info)
        return info.retry_delay.ToMilliseconds() / 1000


def over_grpc(house: Opened, token: str | None, body: bytes = b"x") -> Reply:
    metadata = [] if token is None else [("authorization", f"Bearer {token}")]
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{house.port}", options) as channel:
        try:
            channel.unary_unary(LOGS)(body, metadata=metadata, timeout=PATIENCE)
        except grpc.RpcError as error:
            refusal = error
        else:
            return Reply(200)
    status = status_pb2.Status.FromString(dict(refusal.trailing_metadata())["grpc-status-details-bin"])
    assert status.code == refusal.code().value[0]
    return Reply(0, status)


def over_http(house: Opened, token: str | None, body: bytes = b"x") -> Reply:
    headers = {"content-type": "application/x-protobuf"} | (
        {} if token is None else {"Authorization": f"Bearer {token}"}
    )
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=PATIENCE)
    try:
        connection.request("POST", "/v1/logs", body, headers)
        response = connection.getresponse()
        body = response.read()
        error = status_pb2.Status.FromString(body) if response.status != 200 else status_pb2.Status()
        return Reply(response.status, error, {name.lower(): value for name, value in response.getheaders()})
    finally:
        connection.close()


SEND: dict[str, Callable[..., Reply]] = {"grpc": over_grpc, "http": over_http}


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch):
    monkeypatch.setattr(admission, "DELAY", 0.0)


def settings(**values: object) -> IngestSettings:
    values = {"max_request_bytes": 2 * MEBIBYTE, "memory_bytes": 16 * MEBIBYTE} | values
    return IngestSettings(grpc=GrpcSettings(port=0), http=HttpSettings(port=0), **values)


@pytest.fixture
def house(transport) -> Iterator[Opened]:
    with opened(TRANSPORTS[transport], settings(), gatekeeper) as house:
        yield house


@pytest.fixture
def send(transport) -> Callable[..., Reply]:
    return SEND[transport]


@BOTH
def test_a_known_sender_comes_through_with_its_name_and_its_address(house, send):
    assert send(house, "agent").status == 200
    assert house.intake.next().sender == Sender("127.0.0.1", "agent")


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (None, (code_pb2.UNAUTHENTICATED, 401, "unauthenticated")),
        ("unknown", (code_pb2.UNAUTHENTICATED, 401, "unauthenticated")),
        ("forbidden", (code_pb2.PERMISSION_DENIED, 403, "forbidden")),
        ("locked", (code_pb2.UNAVAILABLE, 429, "locked_out")),
        ("keyless", (code_pb2.UNAVAILABLE, 503, "keys_unavailable")),
    ],
)
@BOTH
def test_who_is_not_let_in_is_told_why_in_the_transports_own_terms(house, send, transport, token, told):
    code, http_status, reason = told
    reply = send(house, token, bytes(MEBIBYTE))
    assert reply.error.code == code
    assert reply.status in {0, http_status}
    assert house.counters.next_refusal() == ("logs", transport, reason)
    assert house.intake.requests.empty()
    assert house.budget.peak == 0, "the body was taken in"
    if transport == "http":
        assert reply.headers.get("www-authenticate") == ("Bearer" if http_status == 401 else None)


@pytest.mark.parametrize(("token", "pause"), [("locked", 5.0), ("keyless", 3.0)])
@BOTH
def test_who_is_kept_out_for_a_while_is_told_a_pause_that_no_sender_finds_too_long(
    house, send, transport, token, pause
):
    reply = send(house, token)
    assert reply.pause == pause
    if transport == "http":
        assert reply.headers["retry-after"] == f"{pause:g}"


def test_a_json_sender_hears_of_its_token_in_json():
    with opened(HttpDoor, settings(), gatekeeper) as house:
        connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=PATIENCE)
        connection.request("POST", "/v1/logs", b"{}", {"content-type": "application/json"})
        response = connection.getresponse()
        assert json.loads(response.read())["code"] == code_pb2.UNAUTHENTICATED
        connection.close()


@BOTH
def test_who_is_not_let_in_hears_so_although_all_places_are_taken(transport, send):
    with opened(TRANSPORTS[transport], settings(max_concurrent_requests=1), gatekeeper) as house:
        house.intake.released.clear()
        inside = in_background(send, house, "agent")
        house.intake.next()
        assert send(house, "unknown").error.code == code_pb2.UNAUTHENTICATED
        house.intake.released.set()
        assert inside().status == 200


def test_the_health_check_asks_nobody_who_they_are():
    with opened(GrpcDoor, settings(), gatekeeper) as house, grpc.insecure_channel(f"127.0.0.1:{house.port}") as channel:
        assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=PATIENCE) == b"\x08\x01"


@BOTH
def test_no_log_has_a_token_or_a_header_in_it(house, send, caplog):
    caplog.set_level("DEBUG")
    for token in ("unknown", "forbidden", "locked", "secret-but-fine"):
        send(house, token)
    house.intake.answer = RuntimeError("broken")
    send(house, "secret-but-fine")
    assert "refused 127.0.0.1 over" in caplog.text
    assert "unknown" not in caplog.text
    assert "Bearer" not in caplog.text


@BOTH
def test_a_token_has_no_more_requests_at_once_than_it_allows(house, send, transport):
    house.intake.released.clear()
    inside = in_background(send, house, "one-at-once")
    house.intake.next()
    reply = send(house, "one-at-once")
    assert (reply.error.code, reply.status in {0, 429}) == (code_pb2.UNAVAILABLE, True)
    assert reply.pause == 1.0
    assert house.counters.next_refusal() == ("logs", transport, "over_limit")
    house.intake.released.set()
    assert inside().status == 200
    assert send(house, "one-at-once").status == 200


@BOTH
def test_a_token_sends_no_more_bytes_than_it_allows(house, send, transport):
    assert send(house, "slow", bytes(200)).status == 200
    reply = send(house, "slow")
    assert (reply.error.code, reply.pause) == (code_pb2.UNAVAILABLE, 5.0)
    assert house.counters.next_refusal() == ("logs", transport, "over_limit")
    assert send(house, "another", bytes(100)).status == 200


@BOTH
def test_a_flood_that_holds_its_share_of_the_memory_is_refused_unread_and_the_polite_sender_is_not(
    house, send, transport
):
    flood = house.budget.reserve(15 * MEBIBYTE, "flood")
    assert send(house, "polite", bytes(MEBIBYTE // 2)).status == 200
    peak = house.budget.peak
    reply = send(house, "flood", bytes(MEBIBYTE))
    assert (reply.error.code, reply.pause) == (code_pb2.UNAVAILABLE, 1.0)
    assert "this sender" in reply.error.message
    assert house.counters.next_refusal() == ("logs", transport, "over_share")
    assert house.budget.peak == peak, "the body was read"
    flood.release()
    assert send(house, "flood", bytes(MEBIBYTE)).status == 200


@BOTH
def test_a_flood_that_holds_its_share_of_the_places_is_refused_and_the_polite_sender_is_not(transport, send):
    with opened(TRANSPORTS[transport], settings(max_concurrent_requests=8), gatekeeper) as house:
        house.intake.released.clear()
        inside = [in_background(send, house, name) for name in ("polite", *["flood"] * 4)]
        for _ in inside:
            house.intake.next()
        assert send(house, "flood").error.code == code_pb2.UNAVAILABLE
        assert house.counters.next_refusal() == ("logs", transport, "over_share")
        inside.append(in_background(send, house, "polite"))
        assert house.intake.next().sender.name == "polite"
        house.intake.released.set()
        assert [wait().status for wait in inside] == [200] * 6


def test_a_polite_senders_message_is_read_although_a_flood_stalls_with_twenty(monkeypatch):
    monkeypatch.setattr(grpc_door, "READ_PATIENCE", 1000.0)
    bounds = settings(memory_bytes=6 * MEBIBYTE)  # three turns
    with opened(GrpcDoor, bounds, gatekeeper) as house, stalled_flood(house, 20):
        assert over_grpc(house, "polite").status == 200


class stalled_flood:  # noqa: N801 - a context to be in
    """Calls whose messages never come, of one sender."""

    def __init__(self, house: Opened, calls: int) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{house.port}", [("grpc.use_local_subchannel_pool", 1)])
        self._house = house
        self._calls = calls
        self._end = threading.Event()

    def __enter__(self) -> None:
        call = self._channel.stream_unary(LOGS)
        metadata = [("authorization", "Bearer flood")]
        self._futures = [call.future(self._never(), metadata=metadata) for _ in range(self._calls)]

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for future in self._futures:
            future.cancel()
        self._channel.close()

    def _never(self) -> Iterator[bytes]:
        self._end.wait(PATIENCE)
        yield from itertools.repeat(b"", 0)


def in_background(send: Callable[..., Reply], *arguments: object) -> Callable[[], Reply]:
    """Send on a thread; the result waits for the answer."""
    replies: list[Reply] = []
    thread = threading.Thread(target=lambda: replies.append(send(*arguments)))
    thread.start()

    def wait() -> Reply:
        thread.join(PATIENCE)
        return replies[0]

    return wait
