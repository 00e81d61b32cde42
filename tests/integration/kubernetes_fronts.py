"""What stands between a test's watcher and the API server: a wire that can be cut, a recorder, or a recording.

    Wire       raw bytes to the real API server; TLS goes through
    Recorder   HTTP to the real API server; keeps what it answered
    Replay     HTTP out of a recording, and no API server

A recording has a line for each answer and for each event of a watch, with the step of the test in which it came: steps
are what the test's administrator did. Replay releases an event when the test has come to its step, and answers what the
API server answered last by then. `managedFields` are not kept, since nobody reads them and they are most of the bytes.
"""

import contextlib
import json
import selectors
import socket
import ssl
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

PATIENCE = 10.0


class Wire:
    """Carries bytes between clients and one port."""

    def __init__(self, target):
        self._target = target
        self._open = set()
        self._lock = threading.Lock()
        self._down = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Break all connections; new ones are carried."""
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def down(self):
        """Break all connections, and carry no new ones."""
        self._down.set()
        self.cut()

    def up(self):
        self._down.clear()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._down.is_set():
                client.close()
                continue
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client):
        with contextlib.ExitStack() as ends, contextlib.suppress(OSError):
            ends.enter_context(client)
            server = ends.enter_context(socket.create_connection(("127.0.0.1", self._target), timeout=PATIENCE))
            server.settimeout(None)
            with self._lock:
                self._open |= {client, server}
            try:
                _pump(client, server)
            finally:
                with self._lock:
                    self._open -= {client, server}


def _pump(one, other):
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                chunk = key.fileobj.recv(65_536)
                if not chunk:
                    return
                key.data.sendall(chunk)


class _HttpFront:
    """An HTTP server whose connections can be cut, and that can be down."""

    def __init__(self):
        self._connections = set()
        self._down = threading.Event()
        self.errors = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                front._connections.add(self.connection)

            def finish(self):
                front._connections.discard(self.connection)
                with contextlib.suppress(OSError):
                    super().finish()

            def do_GET(self):
                self._answer(None)

            def do_POST(self):
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, body):
                if front._down.is_set():
                    self.close_connection = True  # nobody is there: not a byte of an answer
                    return
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    front.answer(self, body)

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.handle_error = self._note_error
        self.port = self._server.server_port
        threading.Thread(target=lambda: self._server.serve_forever(0.01), daemon=True).start()

    def _note_error(self, *_arguments):
        error = sys.exception()
        if not isinstance(error, OSError):  # a connection that was cut is no error
            self.errors.append(repr(error))

    def cut(self):
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def down(self):
        self._down.set()
        self.cut()

    def up(self):
        self._down.clear()

    def close(self):
        self.down()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request, body):
        raise NotImplementedError


def _send(request, status, body):
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def _begin_stream(request):
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()


def _send_line(request, line):
    request.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
    request.wfile.flush()


def _end_stream(request):
    request.wfile.write(b"0\r\n\r\n")


def _asked(request):
    """What a request is about: path, query, and the last letters of its token."""
    parts = urlsplit(request.path)
    query = dict(parse_qsl(parts.query))
    return parts.path, query, request.headers.get("Authorization", "")[-8:]


def _key(method, path, query, who, body):
    kept = {name: value for name, value in query.items() if name not in {"timeoutSeconds", "allowWatchBookmarks"}}
    text = body.decode() if body else ""
    return f"{method} {path} {json.dumps(kept, sort_keys=True)} {who} {text}".strip()


class Recorder(_HttpFront):
    """Hands requests on to a real API server, and keeps the answers."""

    def __init__(self, server):
        self._upstream = server
        self.step = 0
        self.entries = []
        super().__init__()

    def answer(self, request, body):
        path, query, who = _asked(request)
        upstream = urllib.request.Request(self._upstream.url + request.path, data=body, method=request.command)
        for name in ("Accept", "Authorization", "Content-Type"):
            if name in request.headers:
                upstream.add_header(name, request.headers[name])
        tls = ssl.create_default_context(cafile=str(self._upstream.ca_file))
        try:
            with urllib.request.urlopen(upstream, timeout=60, context=tls) as answer:
                if "watch" in query:
                    self._watch(request, answer, (path, query, who))
                    return
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            status, content = refusal.code, refusal.read()
        except OSError:
            request.close_connection = True
            return
        key = _key(request.command, path, query, who, body)
        if "watch" in query:
            self._refused((path, query, who), status, content)
        else:
            self._keep(kind="answer", key=key, status=status, body=content)
        _send(request, status, content)

    def _watch(self, request, answer, asked):
        path, query, who = asked
        self._keep(kind="watch", path=path, who=who, version=query["resourceVersion"])
        _begin_stream(request)
        try:
            for line in answer:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    self._refused(asked, 200, line)
                else:
                    self._keep(kind="event", path=path, body=line)
                _send_line(request, line)
        except (OSError, ValueError):
            request.close_connection = True
        else:
            _end_stream(request)

    def _refused(self, asked, status, body):
        path, query, who = asked
        self._keep(kind="refusal", path=path, who=who, version=query["resourceVersion"], status=status, body=body)

    def _keep(self, body=None, **entry):
        if body is not None:
            entry["body"] = _without_managed_fields(json.loads(body))
        self.entries.append({"step": self.step, **entry})


def _without_managed_fields(value):
    if isinstance(value, dict):
        return {
            name: _without_managed_fields(one)
            for name, one in value.items()
            if name not in {"managedFields", "description"}
        }
    return [_without_managed_fields(one) for one in value] if isinstance(value, list) else value


class Replay(_HttpFront):
    """Answers out of a recording."""

    def __init__(self, entries):
        self._entries = entries
        self._changed = threading.Condition()
        self._step = 0
        self.unknown = []
        """Requests that the recording knows no answer to."""
        super().__init__()

    def advance(self, step):
        """The test has come to a step: what came in it may come now."""
        with self._changed:
            self._step = step
            self._changed.notify_all()

    def answer(self, request, body):
        path, query, who = _asked(request)
        if "watch" in query:
            self._watch(request, path, query, who)
            return
        found = self._find(request.command, path, query, who, body)
        if found is None:
            self.unknown.append(f"{request.command} {request.path}")
            _send(request, 599, b'{"kind": "Status", "reason": "NotRecorded"}')
            return
        _send(request, found["status"], json.dumps(found["body"]).encode())

    def _find(self, method, path, query, who, body):
        """What was answered last by this step; where nothing was, what came next."""
        key = _key(method, path, query, who, body)
        answers = [entry for entry in self._entries if entry["kind"] == "answer" and entry["key"] == key]
        if not answers and query.get("limit") == "1":  # asked for its resourceVersion, at moments of chance
            start = f"{method} {path} {{"
            answers = [one for one in self._entries if one["kind"] == "answer" and one["key"].startswith(start)]
        past = [entry for entry in answers if entry["step"] <= self._step]
        return past[-1] if past else next(iter(answers), None)

    def _watch(self, request, path, query, who):
        refusal = self._refusal(path, query["resourceVersion"], who)
        if refusal is not None and refusal["status"] != 200:
            _send(request, refusal["status"], json.dumps(refusal["body"]).encode())
            return
        _begin_stream(request)
        if refusal is not None:
            _send_line(request, json.dumps(refusal["body"]).encode() + b"\n")
        else:
            self._tell(request, path, int(query["resourceVersion"]), float(query["timeoutSeconds"]))
        _end_stream(request)

    def _tell(self, request, path, version, seconds):
        """Every event after a version, as its step comes, for some seconds."""
        over = threading.Event()
        alarm = threading.Timer(seconds, lambda: (over.set(), self._wake()))
        alarm.daemon = True
        alarm.start()
        told = 0
        events = [one for one in self._entries if one["kind"] == "event" and one["path"] == path]
        events = [one for one in events if _version(one["body"]) > version]
        first = True
        while not over.is_set() and not self._down.is_set() and request.connection in self._connections:
            due = [one for one in events if one["step"] <= self._step]
            for one in due[told:]:
                body = one["body"]
                if first and "columnDefinitions" in body["object"]:
                    body = {**body, "object": {**body["object"], "columnDefinitions": self._columns(path)}}
                first = False
                _send_line(request, json.dumps(body).encode() + b"\n")
            told = len(due)
            with self._changed:
                self._changed.wait(0.05)
        alarm.cancel()

    def _columns(self, path):
        """A watch names the columns of a table in its first event; ours may begin at another."""
        lists = [one["body"] for one in self._entries if one.get("key", "").startswith(f"GET {path} ")]
        events = [one["body"]["object"] for one in self._entries if one["kind"] == "event" and one["path"] == path]
        return next(table["columnDefinitions"] for table in (*lists, *events) if table.get("columnDefinitions"))

    def _refusal(self, path, version, who):
        """The refusal in force: 410 for all that is as old; another where it was the last outcome."""
        of_path = [
            entry
            for entry in self._entries
            if entry["kind"] in {"watch", "refusal"} and entry["path"] == path and entry["who"] == who
        ]
        of_path = [entry for entry in of_path if entry["step"] <= self._step]
        for entry in of_path:
            too_old = entry["kind"] == "refusal" and _is_gone(entry)
            if too_old and int(version) <= int(entry["version"]):
                return entry
        last = of_path[-1] if of_path else None
        return last if last is not None and last["kind"] == "refusal" and not _is_gone(last) else None

    def _wake(self):
        with self._changed:
            self._changed.notify_all()


def _is_gone(entry):
    body = entry["body"]
    return 410 in {entry["status"], body.get("code"), (body.get("object") or {}).get("code")}


def _version(event):
    return int(event["object"]["metadata"]["resourceVersion"])
