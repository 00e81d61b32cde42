"""MCP over stdio for a house that runs already: each line goes to its port, each answer comes back as a line.

In: JSON-RPC messages, one a line, from standard input; the address of the house and what to show it. Out: the house's
messages, one a line, on standard output, and nothing else there. This keeps no state but which requests are under way
and which version of the protocol was agreed on, since HTTP wants that in a header. A request that is cancelled has its
connection closed, by which the house stops its question.

Refused, as JSON-RPC errors to the client: a message while the house does not answer, a line that is no message.
"""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from otelhouse.house_access import Access

AT_ONCE = 16
"""Requests under way; more wait."""

TIMEOUT_S = 300.0
_LONGEST_LINE = 4 * 1024 * 1024
_VERSION_IN_META = "io.modelcontextprotocol/protocolVersion"
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Methods whose subject HTTP wants in a header, in the protocol of 2026-07-28."""
_INTERNAL_ERROR = -32603
_NO_MESSAGE = {"code": -32700, "message": "this line is no message: it must be one JSON object"}

Message = dict[str, Any]


class _Request:
    """A message on its way, which one thread sends and another may cancel at any moment."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection
        self.cancelled = False

    def connect(self) -> bool:
        """Connect; false if the request was cancelled before, which then is not sent."""
        if not self.cancelled:
            self.connection.connect()
        # Looked at once there is a socket: a cancelling before found none to close, one behind finds it.
        return not self.cancelled

    def cancel(self) -> None:
        """Hang up, or see to it that nothing is sent."""
        self.cancelled = True
        self.hang_up()

    def hang_up(self) -> None:
        """Close a connection that another thread reads from."""
        if self.connection.sock is not None:
            with contextlib.suppress(OSError):  # it may have ended by itself
                self.connection.sock.shutdown(socket.SHUT_RDWR)


class Bridge:
    """Carries messages between a client and a house."""

    def __init__(self, url: str, access: Access, write: Callable[[bytes], None]) -> None:
        """`url`: of the house's MCP port, with its path. `write` takes one line and is called from several threads."""
        self._parts = urlsplit(url)
        self._url = url
        self._access = access
        self._write = write
        self._writing = threading.Lock()
        self._under_way: dict[object, _Request] = {}
        self._version = ""

    def run(self, lines: Iterable[bytes]) -> None:
        """Carry every line until there are no more; requests under way are then given up."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mcp-bridge") as threads:
            for line in lines:
                if line.strip():
                    self._take(line, threads)
            for request in list(self._under_way.values()):
                request.hang_up()

    def _take(self, line: bytes, threads: ThreadPoolExecutor) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict) or len(line) > _LONGEST_LINE:
            self._say({"jsonrpc": "2.0", "id": None, "error": _NO_MESSAGE})
            return
        if message.get("method") == "notifications/cancelled":
            request = self._under_way.get((message.get("params") or {}).get("requestId"))
            if request is not None:
                request.cancel()
            return
        request = _Request(self._connection())
        identity = message.get("id")
        if identity is not None:
            self._under_way[identity] = request  # known before a thread has it, so that no cancelling comes too early
        if message.get("method") == "initialize":
            self._carry(message, line, request)  # its answer says in which version the next ones are
        else:
            threads.submit(self._carry, message, line, request)

    def _carry(self, message: Message, line: bytes, request: "_Request") -> None:
        """Send one message and hand on what comes back, unless it is cancelled."""
        identity = message.get("id")
        connection = request.connection
        try:
            with contextlib.closing(connection):
                if not request.connect():
                    return
                connection.request("POST", self._parts.path, line.strip(), self._headers(message))
                self._hand_on(connection.getresponse(), identity)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            if identity is not None and not request.cancelled:
                why = problem or type(problem).__name__
                said = f"the house at {self._url} does not answer ({why}): start `otelhouse up`"
                self._say({"jsonrpc": "2.0", "id": identity, "error": {"code": _INTERNAL_ERROR, "message": said}})
        finally:
            if self._under_way.get(identity) is request:
                del self._under_way[identity]

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._access.context())
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)

    def _headers(self, message: Message) -> dict[str, str]:
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        headers |= self._access.headers
        params = message.get("params")
        params = params if isinstance(params, Mapping) else {}
        meta = params.get("_meta")
        modern = str(meta.get(_VERSION_IN_META, "")) if isinstance(meta, Mapping) else ""
        if modern:
            method = str(message.get("method", ""))
            headers |= {"mcp-protocol-version": modern, "mcp-method": method}
            if (name := _NAMED.get(method)) and name in params:
                headers["mcp-name"] = str(params[name])
        elif self._version:
            headers["mcp-protocol-version"] = self._version
        return {name: value for name, value in headers.items() if value.isascii() and value.isprintable()}

    def _hand_on(self, response: http.client.HTTPResponse, identity: object) -> None:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/event-stream":
            for data in _events(response):
                self._say(json.loads(data))
            return
        body = response.read()
        if response.status == http.client.ACCEPTED or not body:
            return
        answer = json.loads(body)
        if "jsonrpc" in answer:
            self._note_version(answer)
            self._say(answer)
        elif identity is not None:
            self._say({"jsonrpc": "2.0", "id": identity, "error": _as_rpc(response.status, answer)})

    def _note_version(self, answer: Message) -> None:
        result = answer.get("result")
        if isinstance(result, Mapping) and "protocolVersion" in result and "capabilities" in result:
            self._version = str(result["protocolVersion"])

    def _say(self, message: Message) -> None:
        line = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._writing:
            self._write(line)


def _as_rpc(status: int, answer: Message) -> Message:
    """A refusal of the house (no token, say) in terms of JSON-RPC."""
    error = answer.get("error", {})
    said = f"{error.get('message', status)}. {error.get('mend', '')}".strip()
    return {"code": _INTERNAL_ERROR, "message": said, "data": {"status": status, "code": error.get("code", "")}}


def _events(response: http.client.HTTPResponse) -> Iterable[str]:
    """The data of each event of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    data: list[str] = []
    while line := response.readline(_LONGEST_LINE):
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text.startswith("data:"):
            data.append(text[5:].removeprefix(" "))
        elif not text and data:
            yield "\n".join(data)
            data = []
