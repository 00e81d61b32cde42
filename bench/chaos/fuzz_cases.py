"""Bodies for the front doors: random bytes, mutated requests, broken compression, wrong headers.

In: chance. Out: a `Case`, with the answers that are right for it. Which those are is decided here and not by the house:
what the protobuf library of this process cannot read as an Export request must be refused as malformed; what it can
must be taken, though perhaps not every item of it; what is no OTLP at all must be told so.
"""

import functools
import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc import code_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench import workloads
from bench.chaos import fuzz_oracle, numbered
from bench.chaos.clients import JSON, PROTOBUF
from sql.signals import Signal

RUN = "chaos-fuzz"
_REQUESTS: Mapping[Signal, Any] = {
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
_SMALL = 4000
"""Bytes up to which a request is walked, field by field."""
_GOOD, _BAD = 200, 400
_GRPC_GOOD, _GRPC_BAD = code_pb2.OK, code_pb2.INVALID_ARGUMENT


@dataclass(frozen=True, slots=True)
class Case:
    """One request and the answers that are right."""

    kind: str
    transport: str
    signal: Signal
    body: bytes
    allowed: frozenset[int]
    """HTTP statuses, or gRPC codes."""
    path: str = ""
    method: str = "POST"
    content_type: str = PROTOBUF
    coding: str = ""


def case(draw: random.Random) -> Case:
    """Make one."""
    transport = draw.choice(("http", "grpc"))
    makers, weights = (_HTTP, _HTTP_WEIGHTS) if transport == "http" else (_GRPC, _GRPC_WEIGHTS)
    return draw.choices(makers, weights)[0](draw, draw.choice(tuple(Signal)), transport)


@functools.cache
def seeds(signal: Signal) -> Sequence[bytes]:
    """Good requests to mutate: plain ones, and such with arrays, maps and events."""
    draw = random.Random(7)
    plain = [numbered.request(signal, RUN, number, items) for number, items in enumerate((1, 3, 10))]
    more: Mapping[Signal, Callable[[], workloads.Workload]] = {
        Signal.LOGS: lambda: workloads.kubernetes_events(items=2, requests=2),
        Signal.TRACES: lambda: workloads.spans(items=3, requests=2),
        Signal.METRICS: lambda: workloads.number_points(items=64, requests=1),
    }
    return (*plain, *more[signal]().requests, _nested(draw, signal))


def _nested(draw: random.Random, signal: Signal) -> bytes:
    """A resource whose attributes are arrays and maps, forty deep."""
    request = _REQUESTS[signal].FromString(numbered.request(signal, RUN, 3, 2))
    resources = request.ListFields()[0][1]
    value = resources[0].resource.attributes.add(key="nested").value
    for _ in range(draw.randrange(10, 40)):
        value = value.array_value.values.add()
    value.string_value = "deep"
    return bytes(request.SerializeToString())


def mutated(draw: random.Random, data: bytes) -> bytes:
    """Change a few things: bits, bytes, lengths, order."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        place = draw.randrange(len(out) + 1)
        end = min(len(out), place + draw.choice((1, 2, 8, 64)))
        match draw.randrange(7):
            case 0 if place < len(out):
                out[place] ^= 1 << draw.randrange(8)
            case 1:
                out[place:end] = draw.randbytes(end - place)
            case 2:
                del out[place:end]
            case 3:
                out[place:place] = draw.randbytes(draw.randrange(1, 16))
            case 4:
                out[place:place] = out[place:end]
            case 5 if place < len(out):
                out[place] = draw.choice((0x00, 0x7F, 0x80, 0xFF))  # the edges of a varint
            case _:
                del out[max(1, place) :]
    return bytes(out)


def _right(signal: Signal, transport: str, body: bytes) -> frozenset[int]:
    if fuzz_oracle.readable(signal, body):
        return _good(transport)
    return frozenset({_BAD if transport == "http" else _GRPC_BAD})


def _good(transport: str) -> frozenset[int]:
    return frozenset({_GOOD if transport == "http" else _GRPC_GOOD})


def _random(draw: random.Random, signal: Signal, transport: str) -> Case:
    body = draw.randbytes(draw.choice((0, 1, 3, 20, 200, 2000)))
    if transport == "grpc" and body[:1] in (b"\x1f", b"\x78"):  # looks compressed to the door
        body = b"\x00" + body
    return Case("random bytes", transport, signal, body, _right(signal, transport, body))


def _mutated(draw: random.Random, signal: Signal, transport: str) -> Case:
    body = mutated(draw, draw.choice(seeds(signal)))
    if transport == "grpc" and body[:1] in (b"\x1f", b"\x78"):
        body = b"\x0a" + body[1:]
    return Case("mutated protobuf", transport, signal, body, _right(signal, transport, body))


def _strange(draw: random.Random, signal: Signal, transport: str) -> Case:
    """A well-formed request with values at the edges: it must be taken, though perhaps not each of its items."""
    small = [seed for seed in seeds(signal) if len(seed) < _SMALL]
    request = _REQUESTS[signal].FromString(draw.choice(small))
    places = list(_scalars(request))
    for message, field in draw.sample(places, min(len(places), draw.choice((1, 2, 5)))):
        edges = _BYTES if field.type == FieldDescriptor.TYPE_BYTES else _EDGES[field.cpp_type]
        if field.is_repeated:
            getattr(message, field.name).append(draw.choice(edges))
        else:
            setattr(message, field.name, draw.choice(edges))
    return Case("strange values", transport, signal, bytes(request.SerializeToString()), _good(transport))


def _scalars(message: Message) -> Iterator[tuple[Message, Any]]:
    """Every place of a scalar, in every message that is there."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None:
            yield message, field
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else (value,):
                yield from _scalars(inner)


_NUMBERS = (0, 1, 2, 7, 2**31 - 1)
_EDGES: Mapping[int, Sequence[object]] = {
    FieldDescriptor.CPPTYPE_STRING: ("", "\x00", "\u2028\U0001f600", "x" * 5000),
    FieldDescriptor.CPPTYPE_INT32: (*_NUMBERS, -1, -(2**31)),
    FieldDescriptor.CPPTYPE_INT64: (*_NUMBERS, -1, -(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (*_NUMBERS, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (*_NUMBERS, 2**63, 2**64 - 1, 4 * 10**18),
    FieldDescriptor.CPPTYPE_DOUBLE: (0.0, -0.0, float("nan"), float("inf"), float("-inf"), 5e-324, 1.8e308),
    FieldDescriptor.CPPTYPE_BOOL: (False, True),
    FieldDescriptor.CPPTYPE_ENUM: (0, 1, -1, 99, 2**31 - 1),
}
_BYTES = (b"", b"\x00", b"1234567", bytes(8), bytes(16), b"x" * 17)


def _other_signal(draw: random.Random, signal: Signal, transport: str) -> Case:
    body = draw.choice(seeds(draw.choice([other for other in Signal if other is not signal])))
    return Case("another signal's request", transport, signal, body, _right(signal, transport, body))


def _packed(draw: random.Random, signal: Signal, transport: str) -> Case:
    """Compressed, and then perhaps damaged; over gRPC compression shows by its first bytes."""
    inner = draw.choice(seeds(signal))
    inner = mutated(draw, inner) if draw.random() < 0.5 else inner
    coding = draw.choice(("gzip", "deflate"))
    body = gzip.compress(inner, 1) if coding == "gzip" else zlib.compress(inner)
    broken = draw.random() < 0.6
    if broken:
        body = body[: draw.randrange(3, len(body))] if draw.random() < 0.5 else _bent(draw, body)
    unpacked = _unpacked(body, coding)
    bad = _BAD if transport == "http" else _GRPC_BAD
    allowed = frozenset({bad}) if unpacked is None else _right(signal, transport, unpacked)
    return Case(f"{coding}, {'broken' if broken else 'whole'}", transport, signal, body, allowed, coding=coding)


def _bent(draw: random.Random, body: bytes) -> bytes:
    out = bytearray(body)
    out[draw.randrange(2, len(out))] ^= 1 << draw.randrange(8)
    return bytes(out)


def _unpacked(body: bytes, coding: str) -> bytes | None:
    try:
        if coding == "deflate":
            return zlib.decompress(body)
        zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body)  # unlike Python's gzip it refuses what RFC 1952 does
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return None


def _json(draw: random.Random, signal: Signal, transport: str) -> Case:
    """OTLP/JSON, then mutated: what is no JSON is malformed, the rest is the house's to judge."""
    good = numbered.log_request_as_json(RUN, draw.randrange(1000), 2)
    body = mutated(draw, good) if draw.random() < 0.9 else good
    try:
        whole = isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        whole = False
    allowed = frozenset({_GOOD, _BAD}) if whole else frozenset({_BAD})
    return Case("mutated JSON", transport, signal, body, allowed, content_type=JSON)


def _no_json(draw: random.Random, signal: Signal, transport: str) -> Case:
    body = draw.choice((b"", b"[" * 5000, b"null", b'{"resourceLogs":', b"\xff\xfe", draw.randbytes(100)))
    return Case("no JSON", transport, signal, body, frozenset({_BAD}), content_type=JSON)


def _wrong_headers(draw: random.Random, signal: Signal, transport: str) -> Case:
    body = draw.choice(seeds(signal))
    match draw.randrange(4):
        case 0:
            kind = draw.choice(("text/plain", "", "application/x-www-form-urlencoded", "a/b;c=" + "x" * 500))
            return Case("content type", transport, signal, body, frozenset({415}), content_type=kind)
        case 1:
            coding = draw.choice(("br", "compress", "gzip, gzip", "x" * 300))
            return Case("content coding", transport, signal, body, frozenset({415}), coding=coding)
        case 2:
            path = draw.choice(
                ("/", "/v1", "/v1/profiles", "/v1/logs/", "/v2/logs", "/%2e%2e/etc/passwd", "/" + "a" * 900)
            )
            return Case("path", transport, signal, body, frozenset({404}), path=path)
        case _:
            method = draw.choice(("GET", "PUT", "DELETE", "PATCH", "OPTIONS"))
            return Case("method", transport, signal, body, frozenset({405}), method=method)


Maker = Callable[[random.Random, Signal, str], Case]
_HTTP: tuple[Maker, ...] = (_random, _mutated, _strange, _other_signal, _packed, _json, _no_json, _wrong_headers)
_HTTP_WEIGHTS = (8, 30, 20, 3, 14, 13, 4, 8)
_GRPC: tuple[Maker, ...] = (_random, _mutated, _strange, _other_signal, _packed)
_GRPC_WEIGHTS = (8, 40, 35, 3, 14)
