"""Why the spool did not do what it was asked.

    SpoolError
    ├── SpoolFullError     no room, by bytes, age or free disk: come again after `retry_after` seconds
    ├── SpoolLockedError   another process holds the folder
    └── SpoolBrokenError   the disk or the folder failed: nothing was acknowledged, come again as well

How each looks to a sender is the business of `ingest.spooling`.
"""


class SpoolError(Exception):
    """The spool did not do what it was asked; what it had acknowledged before is still there."""


class SpoolFullError(SpoolError):
    """There is no room. It mends itself as soon as the spool drains or the disk has room again."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SpoolLockedError(SpoolError):
    """Another process holds the folder; the message names the folder and the mend."""


class SpoolBrokenError(SpoolError):
    """The operating system refused; the message names the file or folder, the reason and the mend."""

    def __init__(self, message: str, *, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
