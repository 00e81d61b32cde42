"""Why a request was not taken, in the terms a sender can act on.

    IngestError
    ├── MalformedError     the bytes are not what they claim to be: never send them again
    ├── TooLargeError      over the size limit, before or after decompression: never send them again
    └── BusyError          not now: send the same again after `retry_after` seconds
        ├── OverShareError   because this sender holds its share of the house, and others want theirs
        └── OverLimitError   because this sender is over the limits of its own token

How each looks on the wire (gRPC status, HTTP status, google.rpc.Status details) is `ingest.status`'s business.
Source: OTLP specification, "Failures" and "OTLP/HTTP Response", https://opentelemetry.io/docs/specs/otlp/
"""


class IngestError(Exception):
    """The request was not stored."""


class MalformedError(IngestError):
    """The request cannot be read.

    `field` names the place, in OTLP's own words (``resource_logs[0].scope_logs[0]``), empty where none is known.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class TooLargeError(IngestError):
    """The request is over the size limit."""


class BusyError(IngestError):
    """The request may be sent again.

    `retry_after` is in seconds: long enough to recover in, short enough that senders do not drop what they hold.
    """

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OverShareError(BusyError):
    """One sender wants more than its share while others are active."""


class OverLimitError(BusyError):
    """One sender is over what its token allows."""
