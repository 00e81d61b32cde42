"""Tokens files for the tests, and a clock that the test moves."""

from identity import token_format, tokens_file
from identity.token_format import Kind
from identity.token_record import TokenRecord


class Clock:
    """Monotonic seconds that pass when the test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def at_once(work):
    """Do in the foreground what a `TokenBook` does on a thread."""
    work()


def made(name="prod-eu", kind=Kind.INGEST, **fields):
    """A new token, and its record."""
    token = token_format.mint(kind, name)
    if kind is Kind.READ:
        fields.setdefault("role", "viewer")
    record = {"id": name, "kind": kind, "hash": f"sha256:{token_format.digest(token).hex()}", **fields}
    return token, TokenRecord.model_validate(record)


def write(path, *records):
    tokens_file.write(path, records)
    return path
