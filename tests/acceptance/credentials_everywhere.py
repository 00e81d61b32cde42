"""Requests with credentials in every place where somebody may put one, good and bad, to every door of a house.

Each secret has a mark of its own, so that what is found says where it leaked from.
"""

import base64
import http.client
import itertools
import json
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
from otlp_requests import log_request
from raw_senders import GrpcSender
from running_house import WAIT

from identity import token_format
from identity.token_format import Kind

AT_ONCE = 16
"""Requests side by side."""


class Secrets:
    """Makes secrets and remembers them: what of a credential nobody may find again, by what it was made for."""

    def __init__(self):
        self.made = {}

    def plain(self, what):
        """A word that nothing marks as a secret, as a password or an opaque token is."""
        return self._keep(what, f"s3cr3t{secrets.token_hex(8)}")

    def token(self, what, kind):
        """A token as the house makes them, that this house does not know."""
        token = token_format.mint(kind, "stranger")
        self._keep(what, token.rpartition("_")[2])
        return token

    def known(self, what, token):
        """A token of this house."""
        self._keep(what, token.rpartition("_")[2])
        return token

    def jwt(self, what):
        """Three parts as a JWT has them."""
        head, claims = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (
            {"alg": "RS256", "kid": "k"}, {"sub": "anna", "n": secrets.token_hex(4)}))  # fmt: skip
        return f"{head}.{claims}.{self.plain(what)}"

    def basic(self, what):
        """A user's name and a password in Base64."""
        return self._keep(
            what, base64.b64encode(f"anna:{self.plain(f'{what} in clear')}".encode()).decode().rstrip("=")
        )

    def _keep(self, what, secret):
        self.made[secret] = what
        return secret


def bad_headers(mint, door):
    """Header lines with credentials that do not count."""
    for kind in Kind:
        yield ("Authorization", f"Bearer {mint.token(f'{door}: unknown {kind} token', kind)}")
    yield ("Authorization", f"Bearer ohi_{mint.plain(f'{door}: malformed token')}")
    yield ("Authorization", f"Bearer {mint.plain(f'{door}: opaque token')}")
    yield ("Authorization", f"bearer  {mint.jwt(f'{door}: JWT')}")
    yield ("Authorization", f"Basic {mint.basic(f'{door}: Basic')}")
    yield ("Authorization", f"Weird {mint.plain(f'{door}: unknown scheme')}")
    yield ("Authorization", mint.plain(f"{door}: no scheme"))
    yield ("Authorization", f"Bearer {mint.plain(f'{door}: too long')}" + 9_000 * "x")
    yield ("Authorization", f"Bearer {mint.plain(f'{door}: odd')} \x80\xff\t\"quoted' {mint.plain(f'{door}: odd end')}")
    yield ("Proxy-Authorization", f"Bearer {mint.plain(f'{door}: proxy')}")
    yield (
        "Cookie",
        f"otelhouse_session={mint.token(f'{door}: cookie', Kind.READ)}; a={mint.plain(f'{door}: cookie 2')}",
    )
    yield ("X-Api-Key", mint.plain(f"{door}: API key"))


def bad_queries(mint, door):
    """Query strings with credentials in them."""
    yield f"token={mint.token(f'{door}: token=', Kind.READ)}"
    yield f"access_token={mint.jwt(f'{door}: access_token=')}"
    yield f"since=1h&Access%5FToken={mint.plain(f'{door}: encoded name')}"
    yield f"token={mint.plain(f'{door}: twice')}&token={mint.plain(f'{door}: twice again')}"
    yield f"token=%C3%28{mint.plain(f'{door}: bad UTF-8')}"
    yield f"x={mint.token(f'{door}: unknown name', Kind.INGEST)}"


def over_http(house, what, paths, mint):
    """GET and POST each path with each bad credential, then bytes that are no HTTP. Gives the statuses."""
    port = house.ports[what]
    places = [(path, header) for path in paths for header in bad_headers(mint, f"{what} {path}")]
    places += [(f"{path}?{query}", None) for path in paths for query in bad_queries(mint, f"{what} {path}")]
    requests = [(port, method, place, header) for (place, header), method in itertools.product(places, ("GET", "POST"))]
    # Side by side, since a refusal takes its time at the OTLP doors.
    with ThreadPoolExecutor(AT_ONCE) as threads:
        statuses = list(threads.map(request, *zip(*requests, strict=True)))
    for raw in malformed(mint, what):
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as stranger:
            stranger.sendall(raw)
            stranger.shutdown(socket.SHUT_WR)
            while stranger.recv(1 << 16):
                pass
    return statuses


def request(port, method, place, header):
    """Send one request on a connection of its own; gives the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    connection.putrequest(method, place)
    if header is not None:
        connection.putheader(header[0], header[1].encode("latin-1"))
    connection.putheader("Accept", "text/event-stream, application/json")
    connection.putheader("Content-Length", "2")
    connection.endheaders(b"{}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def malformed(mint, what):
    """Bytes that hold a credential and are no request."""
    yield f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {mint.plain(f'{what}: no colon')}\r\n\r\n".encode()
    yield f"Bearer {mint.plain(f'{what}: as method')} HTTP/1.1\r\n\r\n".encode()
    yield f"GET /?token={mint.plain(f'{what}: no version')}\r\n\r\n".encode()
    yield f"GET / HTTP/1.1\r\nAuthorization: Bearer {mint.plain(f'{what}: cut off')}".encode()
    yield f"GET / HTTP/1.1\r\nAuthorization: Bearer \x00{mint.plain(f'{what}: zero byte')}\r\n\r\n".encode()
    yield f"POST / HTTP/1.1\r\nContent-Length: token={mint.plain(f'{what}: as length')}\r\n\r\n".encode()


def over_grpc(house, mint, good):
    """Export with each bad credential in the metadata, and with the good one. Gives the codes."""
    metadata = [
        ((name.lower(), value),) for name, value in bad_headers(mint, "gRPC") if value.isascii() and value.isprintable()
    ]
    metadata += [(("authorization-bin", mint.plain("gRPC: binary").encode()),)]
    metadata += [(("authorization", f"Bearer {mint.plain('gRPC: twice')}"), ("authorization", f"Bearer {good}"))]
    metadata += [(("authorization", f"Bearer {good}"),)]
    in_path = f"{GrpcSender.METHODS['logs']}?token={mint.plain('gRPC: in the path')}"
    with grpc.insecure_channel(f"127.0.0.1:{house.ports['OTLP/gRPC']}") as channel:
        export, nothing = channel.unary_unary(GrpcSender.METHODS["logs"]), channel.unary_unary(in_path)
        body = log_request("hello").SerializeToString()
        calls = [export.future(body, timeout=WAIT, metadata=one) for one in metadata]
        calls.append(nothing.future(b"", timeout=WAIT))
        return [call.code() for call in calls]
