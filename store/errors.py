"""What can go wrong between the house and ClickHouse, sorted by what the caller should do next.

    StoreError
    ├── RetryableError           the same bytes, sent again later, may well succeed
    │   ├── NotReachableError    nobody answered: down, not yet there, or the connection broke
    │   │   └── ShardsMissingError   a shard of a cluster did not, and the rest is not wanted without it
    │   └── OverloadedError      ClickHouse asks for a pause (too many parts, memory, queries)
    ├── BadDataError             these rows can never be stored as they are
    └── PermanentError           nothing about the rows; somebody has to change something
        ├── MisconfiguredError   wrong schema, credentials, rights or settings
        └── LimitError           a question went over its rows, bytes or time, or was cancelled

A retry of an insert whose outcome is not known (`NotReachableError` after the bytes were sent) is safe only with the
same `Insert.token`: ClickHouse drops what it already holds.
`store.codes` maps ClickHouse's own error codes onto this tree.
"""


class StoreError(Exception):
    """ClickHouse did not do what it was asked.

    `code` is ClickHouse's own number, or None where ClickHouse never answered.
    """

    def __init__(self, message: str, *, code: int | None = None, query_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.query_id = query_id


class RetryableError(StoreError):
    """Try the same again later."""


class NotReachableError(RetryableError):
    """Nobody answered: check that ClickHouse runs and that its address is right."""


class ShardsMissingError(NotReachableError):
    """The server answered, and shards of its cluster did not; `shards` has their names."""

    def __init__(self, message: str, shards: tuple[str, ...], *, code: int | None = None, query_id: str = "") -> None:
        super().__init__(message, code=code, query_id=query_id)
        self.shards = shards


class OverloadedError(RetryableError):
    """ClickHouse is over one of its limits: send less for a while."""


class BadDataError(StoreError):
    """The rows can never be stored as they are."""


class PermanentError(StoreError):
    """Sending the same again will fail the same way until somebody changes something."""


class MisconfiguredError(PermanentError):
    """The schema, the credentials, the rights or a setting are wrong."""


class LimitError(PermanentError):
    """The question went over its limit of rows, bytes or time: narrow it, or raise the limit."""
