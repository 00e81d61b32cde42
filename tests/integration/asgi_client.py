"""A client that asks an ASGI application in this process, as a server would hand it a request."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Said:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Client:
    """Asks `application` with a token."""

    application: object
    token: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def get(self, path: str, **headers: str) -> Said:
        return self._loop.run_until_complete(self._ask("GET", path, b"", headers))

    def post(self, path: str, body: object, **headers: str) -> Said:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._loop.run_until_complete(
            self._ask("POST", path, data, {"content-type": "application/json", **headers})
        )

    def together(self, path: str, times: int) -> list[Said]:
        """The same request several times at once."""

        async def all_of_them() -> list[Said]:
            return await asyncio.gather(*(self._ask("GET", path, b"", {}) for _ in range(times)))

        return self._loop.run_until_complete(all_of_them())

    def close(self) -> None:
        self._loop.close()

    async def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Said:
        path, _, query = path.partition("?")
        named = {"authorization": f"Bearer {self.token}", **headers} if self.token else dict(headers)
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 4711),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in named.items()],
        }
        requests = [{"type": "http.request", "body": body, "more_body": False}]
        answered = asyncio.Event()
        sent: list[dict[str, object]] = []

        async def receive() -> dict[str, object]:
            if requests:
                return requests.pop()
            await answered.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        answered.set()
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Said(sent[0]["status"], told, b"".join(part["body"] for part in sent[1:]))
