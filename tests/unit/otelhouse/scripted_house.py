"""A house's REST window that answers as a test tells it."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class ScriptedHouse:
    """Answers each path with what is scripted for it, one after the other; the last for ever."""

    script: dict[str, list[tuple[int, object]]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, object]] = field(default_factory=list)
    """``POST /path`` and the JSON that came with it, None without a body."""
    tokens: set[str] = field(default_factory=set)
    """What `Authorization` said."""
    url: str = ""

    def answers(self, path: str, *bodies: object, status: int = 200) -> None:
        self.script[path] = [(status, body) for body in bodies]

    def refuses(self, path: str, status: int, code: str = "denied", message: str = "no", mend: str = "mend it") -> None:
        error = {"error": {"code": code, "message": message, "field": "", "mend": mend}}
        self.script[path] = [(status, error)]

    def bodies(self, path: str) -> list[object]:
        return [body for asked, body in self.asked if asked == path]

    def take(self, request: str) -> tuple[int, object]:
        answers = self.script[request.partition("?")[0]]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def running(house: ScriptedHouse) -> Iterator[ScriptedHouse]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked = f"{self.command} {self.path}"
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            house.asked.append((asked, json.loads(body) if body else None))
            house.tokens.add(self.headers.get("authorization", ""))
            status, told = house.take(asked)
            self.send_response(status)
            for name, value in house.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told if isinstance(told, bytes) else json.dumps(told).encode())

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        house.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield house
        finally:
            server.shutdown()
            thread.join()
