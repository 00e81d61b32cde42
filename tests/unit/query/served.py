"""An ASGI application behind a real uvicorn on a free port, and a client that speaks plain HTTP to it."""

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

PATIENCE = 10.0


@dataclass(frozen=True)
class Heard:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The error, after seeing that it has the one shape that errors have."""
        assert self.headers["content-type"] == "application/json"
        assert list(self.json) == ["error"]
        assert list(self.json["error"]) == ["code", "message", "field", "mend"]
        assert all(isinstance(value, str) for value in self.json["error"].values())
        assert self.json["error"]["message"]
        assert self.json["error"]["mend"]
        return self.json["error"]


@dataclass(frozen=True)
class Served:
    """Where the application listens."""

    port: int

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Heard:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        response = connection.getresponse()
        heard = Heard(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return heard

    def post(self, path: str, what: object, content_type: str = "application/json") -> Heard:
        body = what if isinstance(what, bytes) else json.dumps(what).encode()
        return self.ask(path, "POST", body, content_type=content_type)

    def hang_up_on(self, path: str, begun: threading.Event) -> None:
        """Ask, and close the connection once `begun` is set."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            assert begun.wait(PATIENCE)


@contextmanager
def serve(app: FastAPI) -> Iterator[Served]:
    """Listen until the end of the block."""
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([bound])))
    thread.start()
    try:
        yield Served(bound.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        bound.close()
