"""`otelhouse bench streams`: how soon an event reaches who watches, how many can, and what ClickHouse pays for it.

    soon     one client's stream; an event over OTLP/HTTP each quarter of a second
    browser  the same, where the client is a page in headless Chromium
    many     thousands of streams; every client must get every event
    break    the same with more and more events a second, until they come too late
    asked    questions that ClickHouse gets a second, for one viewer and for 500, in silence and while events come

In: how many and how long. Out: `Outcome`. The house runs in one process, with the embedded engine, as
`otelhouse up` does; the clients and the sender run beside it, on the same machine.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench import house_process, processes, stream_browser, stream_viewers
from bench.house_process import RunningHouse

TOO_LATE_MS = 2_000
ASKED_RATE = 2.0
"""Events a second."""
_SOON_RATE, _SOON_SECONDS = 4.0, 25.0
_QUIET_SECONDS = 3.0
"""What the last events have to reach everybody."""
_PATH = "/notifications/"
_SENDERS = 16
_ALONE = {"OTELHOUSE_CANARY_ENABLED": "false"}
"""The canary would watch as well."""


@dataclass(frozen=True, slots=True)
class Soon:
    """What one client saw of one event after the other, in milliseconds."""

    events: int
    sent: tuple[float, float]
    """p50 and p99 from the request to the client."""
    stored: tuple[float, float]
    """The same from the answer that ClickHouse has it; an event that was there before counts as 0."""


@dataclass(frozen=True, slots=True)
class Fanout:
    """What one number of viewers and one rate gave."""

    viewers: int
    rate: float
    """Events a second, as they were sent in fact."""
    complete: int
    """Viewers that got every event, once."""
    p50_ms: int
    p99_ms: int
    cpu_us: float
    """Of the house for a delivery, with all that it did beside: taking the events in, storing and finding them."""

    @property
    def deliveries(self) -> float:
        """A second."""
        return self.rate * self.viewers


@dataclass(frozen=True, slots=True)
class Outcome:
    """All of it."""

    rate: float
    """Events a second that were wanted of the first of `many`."""
    seconds: float
    """How long they were sent."""
    soon: Soon
    browser: Soon | None
    """None where there is no Chromium."""
    many: tuple[Fanout, ...]
    asked: tuple[tuple[int, float, float], ...]
    """Viewers, and questions to ClickHouse a second, while nothing comes and while some events do."""
    memory_bytes: int
    """Of the house at its peak."""
    load: float
    """Of the machine, before the house was started: what else ran there."""


def run(viewers: int, rate: float, seconds: float, rates: Sequence[float]) -> Outcome:
    """Measure. `rates`: events a second at which it is tried how far it goes."""
    chromium, load = stream_browser.find(), os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="otelhouse-bench-") as folder,
        house_process.running("up", {"OTELHOUSE_STORE_PATH": folder, **_ALONE}) as house,
    ):
        asked = tuple((number, *_asked(house, number, 10.0)) for number in (1, 500))
        soon = _soon(house, _SOON_RATE, max(_SOON_SECONDS, seconds))
        seen = stream_browser.watched(house.rest, chromium, lambda: _send(house, _SOON_RATE, _SOON_SECONDS))
        many = [_fan_out(house, viewers, rate, seconds)]
        for faster in rates:
            if many[-1].p99_ms > TOO_LATE_MS or many[-1].complete < viewers:
                break
            many.append(_fan_out(house, viewers, faster, seconds / 2))
        peak = processes.cost_of(house.pid).peak_bytes
        return Outcome(rate, seconds, soon, _soon_of(*seen) if seen else None, tuple(many), asked, peak, load)


def _soon(house: RunningHouse, rate: float, seconds: float) -> Soon:
    """Watch in a thread of this process, which does nothing else."""
    place = urlsplit(house.rest)
    seen: dict[int, int] = {}
    with socket.create_connection((str(place.hostname), place.port), timeout=60) as stream:
        stream.sendall(f"GET {_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode())
        reader = threading.Thread(target=_read, args=(stream, seen), daemon=True)
        reader.start()
        time.sleep(_QUIET_SECONDS)
        stored = _send(house, rate, seconds)
        time.sleep(_QUIET_SECONDS)
        stream.shutdown(socket.SHUT_RDWR)
        reader.join()
    return _soon_of(stored, seen)


def _soon_of(stored: Mapping[int, int], seen: Mapping[int, int]) -> Soon:
    return Soon(
        len(stored),
        _both([(seen[sent] - sent) / 1e6 for sent in stored]),
        _both([max(0, seen[sent] - known) / 1e6 for sent, known in stored.items()]),
    )


def _read(stream: socket.socket, seen: dict[int, int]) -> None:
    rest = b""
    while part := stream.recv(65_536):
        now = time.time_ns()
        rest += part
        for found in stream_viewers.NAME.finditer(rest):
            seen.setdefault(int(found[1]), now)
        rest = rest[-4_096:]


def _both(milliseconds: list[float]) -> tuple[float, float]:
    ordered = sorted(milliseconds)
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]


def _fan_out(house: RunningHouse, viewers: int, rate: float, seconds: float) -> Fanout:
    crowd = _watched(house, viewers, rate, seconds)
    told = crowd.told
    complete = sum(events == crowd.sent for events in told["events"]) if not told["twice"] else 0
    return Fanout(
        viewers,
        crowd.sent / crowd.seconds,
        complete,
        _percentile(told["milliseconds"], 0.50),
        _percentile(told["milliseconds"], 0.99),
        1e6 * crowd.cpu_seconds / max(1, sum(told["events"])),
    )


@dataclass(frozen=True, slots=True)
class _Watched:
    """One run of events past some viewers."""

    sent: int
    seconds: float
    cpu_seconds: float
    """Of the house."""
    told: dict[str, list[int]]


def _watched(house: RunningHouse, viewers: int, rate: float, seconds: float) -> _Watched:
    with _watching(house, viewers) as clients:
        time.sleep(_QUIET_SECONDS)
        before, began = processes.cost_of(house.pid).cpu_seconds, time.monotonic()
        sent = len(_send(house, rate, seconds))
        took = time.monotonic() - began
        time.sleep(_QUIET_SECONDS)
        cpu = processes.cost_of(house.pid).cpu_seconds - before
        return _Watched(sent, took, cpu, _stop(clients))


@contextmanager
def _watching(house: RunningHouse, viewers: int) -> Iterator[subprocess.Popen[str]]:
    place = urlsplit(house.rest)
    words = [str(place.hostname), str(place.port), _PATH, str(viewers)]
    clients = subprocess.Popen(
        [sys.executable, "-m", "bench.stream_viewers", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if clients.stdout is None or clients.stdout.readline() != "open\n":
            raise RuntimeError(f"{viewers} streams could not be opened; see `ulimit -n`")
        yield clients
    finally:
        clients.kill()
        clients.communicate()


def _stop(clients: subprocess.Popen[str]) -> dict[str, list[int]]:
    if clients.stdin is None or clients.stdout is None:
        raise RuntimeError("the clients were started without pipes")
    clients.stdin.write("stop\n")
    clients.stdin.flush()
    told: dict[str, list[int]] = json.loads(clients.stdout.readline())
    return told


def _send(house: RunningHouse, rate: float, seconds: float) -> dict[int, int]:
    """Send events over OTLP/HTTP at even distances, however long each takes; gives when each was sent, and stored."""
    place = urlsplit(f"http://{house.http}")
    mine = threading.local()

    def send(due: float) -> tuple[int, int]:
        if not hasattr(mine, "connection"):
            mine.connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.time_ns()
        mine.connection.request("POST", "/v1/logs", _event(now), {"content-type": "application/json"})
        answer = mine.connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"an event was refused with {answer.status}")
        return now, time.time_ns()

    begin = time.monotonic()
    with ThreadPoolExecutor(_SENDERS) as senders:
        return dict(senders.map(send, [begin + one / rate for one in range(int(rate * seconds))]))


def _event(now: int) -> bytes:
    """A Kubernetes event, flat as the k8sevents receiver sends it; its object's name says when it was sent."""

    def attributes(**values: str) -> list[object]:
        named = ((key.replace("__", "/").replace("_", "."), value) for key, value in values.items())
        return [{"key": key, "value": {"stringValue": value}} for key, value in named]

    record = {
        "timeUnixNano": str(now),
        "body": {"stringValue": "Back-off restarting failed container"},
        "attributes": attributes(k8s_event_reason="BackOff", k8s_event_uid=str(now), k8s_namespace_name="shop"),
    }
    resource = attributes(k8s_object_kind="Pod", k8s_object_name=f"at-{now}", krateo_composition_id="c-1")
    body = {"resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": [{"logRecords": [record]}]}]}
    return json.dumps(body).encode()


def _asked(house: RunningHouse, viewers: int, seconds: float) -> tuple[float, float]:
    """Questions a second that ClickHouse gets from the streams, while nothing comes and while events do."""
    with _watching(house, viewers):
        time.sleep(_QUIET_SECONDS)
        before, began = _queries(house), time.monotonic()
        time.sleep(seconds)
        between, middle = _queries(house), time.monotonic()
        _send(house, ASKED_RATE, seconds)
        after, ended = _queries(house), time.monotonic()
        return (between - before) / (middle - began), (after - between) / (ended - middle)


def _queries(house: RunningHouse) -> float:
    with urllib.request.urlopen(f"{house.rest}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("otelhouse_stream_queries_total"))


def _percentile(counted: Sequence[Sequence[int]] | Sequence[int], share: float) -> int:
    """Of counts by milliseconds."""
    pairs = [pair for pair in counted if not isinstance(pair, int)]
    wanted = share * sum(count for _, count in pairs)
    for milliseconds, count in pairs:
        wanted -= count
        if wanted <= 0:
            return milliseconds
    return 0
