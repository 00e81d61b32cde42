"""The front door OTLP/HTTP, as a sender sees it.

In: a door and serialised requests. Out: nothing once they are acknowledged; else `NotAcceptedError`, which says whether
to come again, in the terms of https://opentelemetry.io/docs/specs/otlp/#otlphttp-response.
"""

import contextlib

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from canary.doors import Door, Line, Request, UnreachableError
from canary.sending import NotAcceptedError

_AGAIN = frozenset({429, 502, 503, 504})
_PROTOBUF = {"content-type": "application/x-protobuf"}


class HttpSender:
    """Sends by one door, over a connection of its own for as long as a beat lasts."""

    def __init__(self, door: Door) -> None:
        self._line = Line(door)

    def ready(self, seconds: float) -> None:
        """Open the connection, where it is not."""
        with contextlib.suppress(UnreachableError):  # `send` tells
            self._line.open(seconds)

    def send(self, signal: str, request: bytes, seconds: float) -> None:
        """Send once. Raises `NotAcceptedError`."""
        try:
            wanted = Request("POST", f"/v1/{signal}", request, _PROTOBUF)
            status, headers, body = self._line.ask(wanted, seconds)
        except UnreachableError as problem:
            raise NotAcceptedError(str(problem), again_after=0.0) from problem
        if status in _AGAIN:
            raise NotAcceptedError(f"it says {status}", again_after=_seconds(headers.get("retry-after", "")))
        if status != 200:
            raise NotAcceptedError(f"it says {status}: {_words(body)}")
        check_whole(body)

    def close(self) -> None:
        """End the connection."""
        self._line.close()


def check_whole(response: bytes) -> None:
    """Refuse a partial success, which has one form for all signals. Raises `NotAcceptedError`."""
    try:
        told = ExportLogsServiceResponse.FromString(response).partial_success
    except DecodeError as problem:
        raise NotAcceptedError(f"it says yes in words that are no OTLP: {_words(response)}") from problem
    if told.rejected_log_records:
        raise NotAcceptedError(f"it rejected {told.rejected_log_records} items: {told.error_message[:200]}")


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0


def _words(body: bytes) -> str:
    """What can be read of an answer that is a `google.rpc.Status`, or something else."""
    return "".join(char if char.isprintable() else " " for char in body[:200].decode("utf-8", "replace")).strip()
