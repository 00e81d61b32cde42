"""Why somebody was not let in.

    IdentityError
    ├── UnauthenticatedError   no credential, or none that counts: HTTP 401, gRPC UNAUTHENTICATED
    ├── LockedOutError         too many failures from this address: HTTP 429, gRPC UNAVAILABLE, after a pause
    ├── ForbiddenError         known, but not allowed this: HTTP 403, gRPC PERMISSION_DENIED
    │   └── ForeignPageError   a web page of somebody else's asks, through a browser on this machine: HTTP 403
    └── KeysUnavailableError   the key source cannot be asked, so nobody can say: HTTP 503, gRPC UNAVAILABLE

Messages name the mend and never a credential or a part of one.
"""


class IdentityError(Exception):
    """Somebody was not let in."""


class UnauthenticatedError(IdentityError):
    """No credential, or none that counts."""


class ForbiddenError(IdentityError):
    """Known, but not allowed this."""


class ForeignPageError(ForbiddenError):
    """A browser on this machine asks for a page that is not this house's."""


class LockedOutError(IdentityError):
    """Too many failures in a row from one address. `retry_after` in seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KeysUnavailableError(IdentityError):
    """The keys to check a credential with cannot be had now. `retry_after` in seconds."""

    def __init__(self, message: str, *, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
