"""A file in memory that the embedded engine reads an insert's body from.

In: the pieces of a body. Out: a path for `INSERT ... FROM INFILE`, good as long as the context lasts.
Why a file at all: chdb's streaming insert (`send_insert`) reports success for rows that a view, a constraint or the
table itself refused (seen with chdb 4.4.0), and a body inside the statement's text costs eight times the CPU.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def holding(pieces: Iterable[bytes]) -> Iterator[str]:
    """Write the pieces and give the file's path; the memory is free again after."""
    if not hasattr(os, "memfd_create"):  # macOS: a file that the system keeps in its cache
        with tempfile.NamedTemporaryFile(prefix="otelhouse-insert-", buffering=0) as file:
            _write(file.fileno(), pieces)
            yield file.name
        return
    descriptor = os.memfd_create("otelhouse-insert", os.MFD_CLOEXEC)
    try:
        _write(descriptor, pieces)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _write(descriptor: int, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
