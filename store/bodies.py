"""The body of an insert, in pieces of a size that is cheap to send.

In: chunks of any size. Out: the same bytes in the same order. A chunk that is large already passes uncopied; small ones
are joined, since each piece costs a system call (2 to 3 us) whatever its size.
"""

from collections.abc import Iterable, Iterator

PIECE_BYTES = 64 * 1024


def coalesced(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join neighbours smaller than `PIECE_BYTES` into pieces of about that size."""
    small: list[bytes] = []
    size = 0
    for chunk in chunks:
        if len(chunk) >= PIECE_BYTES:
            if small:
                yield b"".join(small)
                small, size = [], 0
            yield chunk
            continue
        small.append(chunk)
        size += len(chunk)
        if size >= PIECE_BYTES:
            yield b"".join(small)
            small, size = [], 0
    if small:
        yield b"".join(small)
