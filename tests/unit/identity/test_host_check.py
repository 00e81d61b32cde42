"""Which names and pages a house answers to that asks nobody who they are."""

import asyncio
import json

import pytest
from pydantic import ValidationError

from identity.asgi_guard import AsgiGuard
from identity.errors import ForeignPageError
from identity.host_check import HostCheck
from identity.reader import Reader, Role
from identity.settings import IdentitySettings

LOCAL, ELSEWHERE = ("127.0.0.1", 4711), ("192.0.2.7", 4711)


def scope(host="127.0.0.1:8080", origin=None, *, method="GET", client=LOCAL, kind="http", scheme="http"):
    headers = [(b"host", host.encode())] if host is not None else []
    headers += [(b"origin", origin.encode())] if origin is not None else []
    asked = {"type": kind, "scheme": scheme, "path": "/api", "headers": headers, "client": client, "query_string": b""}
    return asked | ({"method": method} if kind == "http" else {})


def passes(asked, allowed=()):
    try:
        HostCheck(allowed).check(asked)
    except ForeignPageError:
        return False
    return True


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8080", "localhost:8080", "LOCALHOST", "localhost.", "a.localhost", "[::1]:8080",
     "10.0.0.5", None],
)  # fmt: skip
def test_names_of_this_machine_and_addresses_in_digits_are_answered(host):
    assert passes(scope(host))


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost", "", ":8080",
     "[", "127.0.0.1:x", "127.0.0.1@evil.example", "1270.0.0.1"],
)  # fmt: skip
def test_a_name_that_was_made_to_mean_this_machine_is_refused(host):
    assert not passes(scope(host))


def test_of_two_hosts_both_must_be_right():
    asked = scope("localhost")
    asked["headers"].append((b"host", b"evil.example"))

    assert not passes(asked)


def test_names_can_be_allowed_in_any_case_and_nothing_below_them_is():
    allowed = ("host.docker.internal", "House")

    assert passes(scope("HOST.docker.internal.:8080"), allowed)
    assert passes(scope("house"), allowed)
    assert not passes(scope("evil.host.docker.internal"), allowed)


def test_who_comes_from_another_machine_may_call_the_house_what_it_likes():
    assert passes(scope("otelhouse.monitoring.svc", client=ELSEWHERE))
    assert passes(scope("otelhouse.monitoring.svc", "http://evil.example", method="POST", client=ELSEWHERE))
    assert not passes(scope("otelhouse.monitoring.svc", client=("::ffff:127.0.0.1", 1)))
    assert not passes(scope("otelhouse.monitoring.svc", client=None)), "a Unix socket is on this machine"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:3000", "http://localhost:8080",
     "https://[", "file://", "chrome-extension://abc", "http://127.0.0.1:8080.evil.example", "http://127.0.0.1:x"],
)  # fmt: skip
def test_a_page_of_another_origin_changes_nothing(method, origin):
    assert not passes(scope("127.0.0.1:8080", origin, method=method))


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost", "http://localhost"),
        ("localhost", "https://localhost:80"),
        ("LOCALHOST:8080", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("127.0.0.1:8080", None),
    ],
)
def test_the_houses_own_pages_and_programs_change_what_they_may(host, origin):
    assert passes(scope(host, origin, method="POST"))


def test_a_page_of_another_origin_may_look_since_its_browser_shows_it_nothing():
    assert passes(scope("127.0.0.1:8080", "http://evil.example", method="GET"))


def test_a_websocket_which_no_such_rule_protects_is_refused_to_it():
    assert not passes(scope("127.0.0.1:8080", "http://evil.example", kind="websocket", scheme="ws"))
    assert passes(scope("127.0.0.1:8080", "http://127.0.0.1:8080", kind="websocket", scheme="ws"))


class Gate:
    """Lets everybody in."""

    def __init__(self):
        self.asked = 0

    async def admit(self, credential, peer):
        self.asked += 1
        return Reader("anonymous", Role.ADMIN, peer=peer)


def guarded(asked, gate):
    sent = []

    async def behind(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    guard = AsgiGuard(behind, gate, lambda why: json.dumps([why.code, why.mend]).encode(), hosts=HostCheck())
    asyncio.run(guard(asked, None, send))
    return sent


def test_the_guard_says_no_with_403_and_the_mend_before_anybody_is_asked_who_they_are():
    gate = Gate()

    start, body = guarded(scope("evil.example"), gate)

    code, mend = json.loads(body["body"])
    assert (start["status"], code, gate.asked) == (403, "foreign_page", 0)
    assert "identity.allowed_hosts" in mend
    assert guarded(scope(), gate)[0]["status"] == 200


def test_health_is_told_by_any_name():
    asked = scope("otelhouse.evil.example") | {"path": "/livez"}

    assert guarded(asked, Gate())[0]["status"] == 200


@pytest.mark.parametrize("name", ["http://a.example", "a.example:8080", "*.example", "", "a b"])
def test_what_is_no_name_cannot_be_allowed(name):
    with pytest.raises(ValidationError, match="allowed_hosts"):
        IdentitySettings(allowed_hosts=(name,))
