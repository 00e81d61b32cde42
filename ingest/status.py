"""How an error looks on the wire: gRPC status, HTTP status, google.rpc.Status with details.

In: an `ingest.errors.IngestError`, an `identity.errors.IdentityError`, or a `Failure` that a door states itself. Out:
numbers, headers and bodies. Refuses nothing; a fault of the house itself is UNAVAILABLE / 503 like a busy house, since
INTERNAL / 500 would make the sender drop data for a mistake that is not its own.

Over gRPC a sender over its share or its limits, and one that is locked out, hears UNAVAILABLE and not
RESOURCE_EXHAUSTED: all SDKs repeat the former, while the latter is repeated only by those that look for a RetryInfo.
Over HTTP it is 429, which all repeat. No pause is longer than `LONGEST_PAUSE`, a lock-out's end or not: an SDK that is
told to wait for longer than its export may take, 10 seconds by default, drops what it holds at once.

Source: OTLP specification, "Failures" of OTLP/gRPC and of OTLP/HTTP,
https://opentelemetry.io/docs/specs/otlp/. What a sender repeats: UNAVAILABLE and 429, 502, 503, 504. What it
drops: everything used here beside these. RESOURCE_EXHAUSTED is repeated only with RetryInfo, so a request
over the size limit never carries one.
"""

import functools
import math
from dataclasses import dataclass

from google.protobuf import json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2

from identity.errors import ForbiddenError, IdentityError, KeysUnavailableError, LockedOutError, UnauthenticatedError
from ingest.errors import (
    BusyError,
    IngestError,
    MalformedError,
    OverLimitError,
    OverShareError,
    TooLargeError,
)
from ingest.intake import Encoding
from ingest.memory import LONGEST_PAUSE

MAX_MESSAGE_BYTES = 1024
"""Of an error's message: gRPC carries it twice in trailers, percent-encoded and base64, within 8 KiB."""

FAULT_PAUSE = 5.0
"""Seconds a sender waits after a fault of the house itself: somebody may have to mend it."""


_NOT_NOW: dict[type[BusyError | LockedOutError | KeysUnavailableError], tuple[int, str]] = {
    OverShareError: (429, "over_share"),
    OverLimitError: (429, "over_limit"),
    BusyError: (503, "busy"),
    LockedOutError: (429, "locked_out"),
    KeysUnavailableError: (503, "keys_unavailable"),
}
"""HTTP status and reason of what may be sent again; the special before the general."""


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


def failure_of(error: IngestError | IdentityError) -> Failure:
    """Translate an error of ingest, or of who is let in."""
    message = str(error)
    match error:
        case MalformedError():
            return Failure(code_pb2.INVALID_ARGUMENT, 400, "malformed", message, bad_request=True, field=error.field)
        case TooLargeError():
            return Failure(code_pb2.RESOURCE_EXHAUSTED, 413, "too_large", message)
        case BusyError() | LockedOutError() | KeysUnavailableError():
            http_status, reason = next(found for kind, found in _NOT_NOW.items() if isinstance(error, kind))
            pause = min(error.retry_after, LONGEST_PAUSE)
            return Failure(code_pb2.UNAVAILABLE, http_status, reason, message, retry_after=pause)
    if isinstance(error, IdentityError):
        return _not_let_in(error)
    return internal_failure()


def _not_let_in(error: IdentityError) -> Failure:
    message = str(error)
    match error:
        case UnauthenticatedError():
            return Failure(code_pb2.UNAUTHENTICATED, 401, "unauthenticated", message)
        case ForbiddenError():
            return Failure(code_pb2.PERMISSION_DENIED, 403, "forbidden", message)
        case _:
            return internal_failure()


def internal_failure() -> Failure:
    """For a fault of the house itself; the sender learns no more, the log does.

    Whether the request was stored is not known then; sent again, its rows may stand twice, which is better than not
    at all.
    """
    message = "the house made a mistake of its own, and logged it: send the same again"
    return Failure(code_pb2.UNAVAILABLE, 503, "internal", message, retry_after=FAULT_PAUSE)


@functools.lru_cache(maxsize=256)
def status_bytes(failure: Failure) -> bytes:
    """A serialised google.rpc.Status: the value of `grpc-status-details-bin`, and an HTTP body in
    protobuf."""
    return bytes(_status(failure).SerializeToString())


@functools.lru_cache(maxsize=256)
def retry_info_bytes(seconds: float) -> bytes:
    """A serialised google.rpc.RetryInfo: the value of `google.rpc.retryinfo-bin`."""
    return bytes(_retry_info(seconds).SerializeToString())


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
        status.details.add().Pack(_retry_info(failure.retry_after))
    return status


def _retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(max(1, round(seconds * 1000)))
    return retry
