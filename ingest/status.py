"""How an error looks on the wire: gRPC status, HTTP status, google.rpc.Status with details.

In: an `ingest.errors.IngestError`, or a `Failure` that a door states itself. Out: numbers, headers and
bodies. Refuses nothing; a fault of the house itself is UNAVAILABLE / 503 like a busy house, since INTERNAL / 500
would make the sender drop data for a mistake that is not its own.

Source: OTLP specification, "Failures" of OTLP/gRPC and of OTLP/HTTP,
https://opentelemetry.io/docs/specs/otlp/. What a sender repeats: UNAVAILABLE and 429, 502, 503, 504. What it
drops: everything used here beside these. RESOURCE_EXHAUSTED is repeated only with RetryInfo, so a request
over the size limit never carries one.
"""

import math
from dataclasses import dataclass

from google.protobuf import json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2

from ingest.errors import BusyError, IngestError, MalformedError, NotStorableError, TooLargeError
from ingest.intake import Encoding

MAX_MESSAGE_BYTES = 1024
"""Of an error's message: gRPC carries it twice in trailers, percent-encoded and base64, within 8 KiB."""

FAULT_PAUSE = 5.0
"""Seconds a sender waits after a fault of the house itself: somebody may have to mend it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request was refused, in the terms of both transports."""

    code: int
    """google.rpc.Code, the same numbers as gRPC's status codes."""
    http_status: int
    reason: str
    """A short fixed word for counters."""
    message: str
    bad_request: bool = False
    """The fault is in the request's data: say so in a google.rpc.BadRequest."""
    field: str = ""
    """The place of the fault, in OTLP's own words."""
    retry_after: float | None = None
    """Seconds after which to send the same again; None for never."""


def failure_of(error: IngestError) -> Failure:
    """Translate an error of ingest."""
    message = str(error)
    match error:
        case MalformedError():
            return Failure(code_pb2.INVALID_ARGUMENT, 400, "malformed", message, bad_request=True, field=error.field)
        case NotStorableError():
            return Failure(code_pb2.INVALID_ARGUMENT, 400, "not_storable", message, bad_request=True)
        case TooLargeError():
            return Failure(code_pb2.RESOURCE_EXHAUSTED, 413, "too_large", message)
        case BusyError():
            return Failure(code_pb2.UNAVAILABLE, 503, "busy", message, retry_after=error.retry_after)
        case _:
            return internal_failure()


def internal_failure() -> Failure:
    """For a fault of the house itself; the sender learns no more, the log does.

    Whether the request was stored is not known then; sent again, its rows may stand twice, which is better than not
    at all.
    """
    message = "the house made a mistake of its own, and logged it: send the same again"
    return Failure(code_pb2.UNAVAILABLE, 503, "internal", message, retry_after=FAULT_PAUSE)


def status_bytes(failure: Failure) -> bytes:
    """A serialised google.rpc.Status: the value of `grpc-status-details-bin`, and an HTTP body in
    protobuf."""
    return bytes(_status(failure).SerializeToString())


def status_body(failure: Failure, encoding: Encoding) -> bytes:
    """A google.rpc.Status as an HTTP body in the request's own encoding."""
    if encoding is Encoding.PROTOBUF:
        return status_bytes(failure)
    return json_format.MessageToJson(_status(failure), indent=None, ensure_ascii=False).encode()


def retry_after_header(seconds: float) -> bytes:
    """`Retry-After`: whole seconds (RFC 9110 section 10.2.3), rounded up and never 0, which would be no pause
    at all."""
    return b"%d" % max(1, math.ceil(seconds))


def clip(text: str, max_bytes: int) -> str:
    """Cut `text` to `max_bytes` of UTF-8, at the end of a character, with an ellipsis where something was
    cut.

    Lone surrogates, which no protobuf string can hold, become question marks.
    """
    data = text.encode(errors="replace")
    if len(data) <= max_bytes:
        return data.decode()
    ellipsis = "…".encode()
    return (data[: max(0, max_bytes - len(ellipsis))].decode(errors="ignore").encode() + ellipsis).decode()


def _status(failure: Failure) -> status_pb2.Status:
    message = clip(failure.message, MAX_MESSAGE_BYTES)
    status = status_pb2.Status(code=failure.code, message=message)
    if failure.bad_request:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field=clip(failure.field, MAX_MESSAGE_BYTES // 4), description=message)
        status.details.add().Pack(bad)
    if failure.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(max(1, round(failure.retry_after * 1000)))
        status.details.add().Pack(retry)
    return status
