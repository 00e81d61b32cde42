"""A house as the canary meets it: four doors on loopback, and what ClickHouse would hold. Each leg can be broken."""

import contextlib
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from canary.beating import Ways
from canary.doors import Door
from canary.finding import LookError, Past, StoredRow
from canary.grpc_sender import GrpcSender
from canary.http_sender import HttpSender
from canary.items import EVENT, LOG, SPAN, Item, read_lines
from sql.parameter import iso_time

WAIT = 30
FEED_OF = {"logs": LOG, "spans": SPAN, "events": EVENT}


def closed_port():
    """A port where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class ScriptedHouse:
    """Keeps what is sent, and shows it, but for what a test breaks."""

    def __init__(self):
        self.refusing = {}
        """By door (grpc, http, rest, stream, mcp), the status with which it answers."""
        self.partial = False
        self.keep = lambda _: True
        """Which rows are stored."""
        self.stored_as = lambda rows: rows
        """What ClickHouse shows of its rows."""
        self.shows = {"rest": lambda line: [line], "mcp": lambda line: [line], "stream": lambda line: [line]}
        """By window, what it shows for a line."""
        self.text_shows = lambda line: line
        """What the text of a tool's answer has for a line that its tables show."""
        self.hush = 0.0
        """Seconds for which a row stays unseen in ClickHouse."""
        self.broken = ""
        """Why ClickHouse does not answer, to nobody."""
        self.asked_directly = 0
        """How often ClickHouse itself was asked for rows."""
        self.page = 1000
        """Rows of one answer, over REST and as a tool."""
        self.missing_shards = {}
        """By window, shards that its answers lack."""
        self.unknown_question = False
        """Whether it is older than the canary's question."""
        self.silent_streams = False
        self.gap = False
        self.rows = []
        self.written = []
        self.pasts = []
        self.pings = []
        self._came = threading.Condition()
        self._http = _serve(self)
        self.port = self._http.server_address[1]
        self._grpc = grpc.server(ThreadPoolExecutor(4))
        self._grpc.add_generic_rpc_handlers((_Exports(self),))
        self.grpc_port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()

    def close(self):
        self._grpc.stop(None)
        with self._came:
            self._came.notify_all()
        self._http.shutdown()
        self._http.server_close()

    def ways(self, **other):
        """The ways in; `other` puts something else in the place of one."""
        url = f"http://127.0.0.1:{self.port}"
        grpc_door = Door(f"http://127.0.0.1:{other.pop('grpc_port', self.grpc_port)}")
        http_door = Door(f"http://127.0.0.1:{other.pop('http_port', self.port)}")
        ways = {
            "senders": {"grpc": lambda: GrpcSender(grpc_door), "http": lambda: HttpSender(http_door)},
            "rest": Door(url),
            "mcp": Door(f"{url}/mcp"),
            "records": Records(self),
        }
        return Ways(**ways | other)

    def take(self, signal, body):
        """Store a request's items."""
        sent = _sent(signal, body)
        with self._came:
            for line in read_lines(body.decode("latin-1")):
                item = Item(line.identity, "", sent)
                known = {row.line for row in self.rows}
                if item.line not in known and self.keep(item):
                    self.rows.append(StoredRow(item.kind, item.line, item.fields, time.time_ns()))
            self._came.notify_all()

    def stored(self):
        """The rows that ClickHouse shows."""
        old = time.time_ns() - int(self.hush * 1e9)
        return self.stored_as([row for row in self.rows if row.ingested <= old])

    def shown(self, window):
        """The rows that a window shows."""
        return [replace(row, line=line) for row in self.stored() for line in self.shows[window](row.line)]

    def follow(self, kind):
        """Yield lines as they come."""
        told = len(self.rows)  # a stream begins with what comes from now on
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            with self._came:
                self._came.wait(0.05)
            now, told = self.rows[told:], len(self.rows)
            for row in now:
                if row.kind == kind:
                    yield from self.shows["stream"](row.line)
            yield ""


class Records:
    """What ClickHouse shows."""

    def __init__(self, house):
        self._house = house

    def rows(self, since, until):
        if self._house.broken:
            raise LookError(self._house.broken)
        self._house.asked_directly += 1
        return self._house.stored()

    def past(self, since, until, every):
        return [one for one in (Past(*past) for past in self._house.pasts) if since <= one.sent]

    def write(self, beaten):
        if self._house.broken:
            raise LookError(self._house.broken)
        self._house.written.append(beaten)


def _sent(signal, body):
    if signal == "logs":
        return (
            ExportLogsServiceRequest.FromString(body)
            .resource_logs[0]
            .scope_logs[0]
            .log_records[0]
            .observed_time_unix_nano
        )
    if signal == "traces":
        return ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano
    metric = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0].metrics[0]
    return metric.gauge.data_points[0].time_unix_nano


class _Exports(grpc.GenericRpcHandler):
    def __init__(self, house):
        self._house = house

    def service(self, call):
        signal = {"Logs": "logs", "Trac": "traces", "Metr": "metrics"}.get(call.method.rsplit(".", 1)[1][:4])
        if signal is None:  # nobody says how it is
            return None

        def export(body, context):
            if code := self._house.refusing.get("grpc"):
                context.abort(code, "not today")
            self._house.take(signal, body)
            return b""

        return grpc.unary_unary_rpc_method_handler(export)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    house: ScriptedHouse

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path.startswith("/v1/"):
            self._otlp(body)
        elif self.path.startswith("/api/v1/questions/"):
            self._question(json.loads(body))
        else:
            self._tool(json.loads(body))

    def do_GET(self):
        if self.path.startswith("/ping"):
            self.house.pings.append(self.path)
            self._answer(self.house.refusing.get("ping", 200), b"OK")
        elif self.path == "/drip":
            self._drip()
        elif status := self.house.refusing.get("stream"):
            self._answer(status, b"{}")
        else:
            self._stream(FEED_OF[self.path.partition("signal=")[2].partition("&")[0]])

    def _drip(self):
        self.send_response(200)
        self.send_header("connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):  # who asked has left
            for _ in range(WAIT * 20):
                self.wfile.write(b"x")
                time.sleep(0.05)  # slowness is what is tested

    def _otlp(self, body):
        if status := self.house.refusing.get("http"):
            self._answer(status, b"not today")
            return
        self.house.take(self.path.rsplit("/", 1)[1], body)
        told = ExportLogsServiceResponse()
        if self.house.partial:
            told.partial_success.rejected_log_records = 1
            told.partial_success.error_message = "too old"
        self._answer(200, told.SerializeToString())

    def _question(self, asked):
        rows = [
            {"kind": row.kind, "line": row.line, "fields": row.fields, "ingested_at": iso_time(row.ingested)}
            for row in self.house.shown("rest")
        ]
        page, cursor = self._page(rows, asked)
        missing = self.house.missing_shards.get("rest", [])
        told = {"rows": page, "next_cursor": cursor, "partial": bool(missing), "missing_shards": missing}
        status = 503 if self.house.broken else self.house.refusing.get("rest", 200)
        if self.house.unknown_question:
            status, told = 404, {"error": {"code": "unknown_question"}}
        self._answer(status, json.dumps(told).encode())

    def _tool(self, call):
        page, cursor = self._page(self.house.shown("mcp"), call["params"]["arguments"])
        missing = self.house.missing_shards.get("mcp", [])
        table = _table(page, full=call["params"]["arguments"].get("detail") == "full")
        said = {"tables": [table], "next_cursor": cursor, "partial": bool(missing), "missing_shards": missing}
        text = "\n".join(self.house.text_shows(row.line) for row in page)
        result = {"content": [{"type": "text", "text": text}], "structuredContent": said, "isError": False}
        told = {"jsonrpc": "2.0", "id": call["id"], "result": result}
        if self.house.unknown_question:
            told = {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32602, "message": "Unknown tool: 'x'."}}
        status = 503 if self.house.broken else self.house.refusing.get("mcp", 200)
        self._answer(status, json.dumps(told).encode())

    def _page(self, rows, asked):
        """A page and the cursor of the next one."""
        begin = int(asked.get("cursor", 0))
        end = begin + self.house.page
        return rows[begin:end], str(end) if end < len(rows) else None

    def _stream(self, kind):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):  # the canary left
            self.wfile.write(b": connected\n\n")
            if self.house.gap:
                self.wfile.write(b'event: gap\ndata: {"reason": "flood"}\n\n')
            for line in self.house.follow(kind):
                data = (
                    f"data: {json.dumps({'body': line})}\n\n"
                    if line and not self.house.silent_streams
                    else ": alive\n\n"
                )
                self.wfile.write(data.encode())

    def _answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _table(rows, *, full):
    """Rows as the window for agents writes them: each cell a text, the day of all times once."""
    told = [
        [iso_time(row.ingested)[11:-1], row.kind, row.line, json.dumps(row.fields, separators=(",", ":"))]
        for row in rows
    ]
    most = 4 if full else 3
    table = {"columns": ["ingested_at", "kind", "line", "fields"][:most], "rows": [row[:most] for row in told]}
    return {**table, "more": False, "day": iso_time(time.time_ns())[:10]}


def _serve(house):
    handler = type("Handler", (_Handler,), {"house": house})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server
