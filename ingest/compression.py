"""Bounded decompression of request bodies: gzip, deflate, zstd.

In: a whole compressed body and the name of its coding. Out: the plain bytes.
Refuses with `MalformedError` what is truncated, corrupt or followed by something else, and with
`TooLargeError` what comes out longer than the limit, without ever holding more than the limit plus one step
of it.

A gzip body may have several members and a zstd body several frames (RFC 1952 section 2.2, RFC 8878 section
3). "deflate" is the zlib format (RFC 9110 section 8.4.1.2); bare deflate, which some senders mean by it, is
read as well. zstd windows are at most 8 MiB, as RFC 9659 lays down for HTTP.
"""

import asyncio
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Protocol

from ingest.admission import Reservation
from ingest.errors import MalformedError, TooLargeError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP_MAGIC = b"\x1f\x8b"

_SLICE = 256 * 1024
"""Compressed bytes given to the codec at once: what it does not take it copies, so they must not be the whole
body."""
_STEP = 4 * 1024 * 1024
"""Plain bytes taken from the codec at once: most requests are one step, and the memory is asked for before
each."""
_FIRST_STEP = 256 * 1024
"""The same for small bodies: what the event loop can do without, about a millisecond."""
_ON_LOOP = 32 * 1024
"""Compressed bytes below which a thread would cost more than it frees."""
_MAX_PARTS = 4096
"""Members or frames in one body: each costs the codec a new start, and 64 MiB of empty ones would cost half a
minute. Block-wise gzip writers make one member of each 64 KiB, 1,024 for the largest request."""
_ZSTD_WINDOW_LOG = 23


class Coding(StrEnum):
    """A content coding, by its name in HTTP."""

    IDENTITY = "identity"
    GZIP = "gzip"
    DEFLATE = "deflate"
    ZSTD = "zstd"


ACCEPTED = ", ".join((Coding.GZIP, Coding.ZSTD, Coding.DEFLATE))
"""For `Accept-Encoding`."""

_NAMES = {coding.value: coding for coding in Coding} | {
    "": Coding.IDENTITY,
    "x-gzip": Coding.GZIP,  # RFC 9110 section 8.4.1.3
    "zlib": Coding.DEFLATE,  # what an OpenTelemetry Collector with `compression: zlib` sends
}


def coding_named(content_encoding: str) -> Coding | None:
    """Read a `Content-Encoding`; None for one that is not known, and for several codings on top of each
    other."""
    return _NAMES.get(content_encoding.strip().lower())


class _Part(Protocol):
    """One gzip member, zlib stream or zstd frame on its way; shaped like the standard library's zstd
    object."""

    @property
    def needs_input(self) -> bool: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: memoryview, max_length: int) -> bytes: ...


class _ZlibPart:
    """zlib's object, which leaves its caller to keep what it could not use yet."""

    def __init__(self, window_bits: int) -> None:
        self._codec = zlib.decompressobj(window_bits)

    @property
    def needs_input(self) -> bool:
        return not self._codec.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._codec.eof

    @property
    def unused_data(self) -> bytes:
        return self._codec.unused_data

    def decompress(self, data: memoryview, max_length: int) -> bytes:
        return self._codec.decompress(data or self._codec.unconsumed_tail, max_length)


def _gzip_part() -> _Part:
    return _ZlibPart(16 + zlib.MAX_WBITS)


def _zlib_part() -> _Part:
    return _ZlibPart(zlib.MAX_WBITS)


def _bare_deflate_part() -> _Part:
    return _ZlibPart(-zlib.MAX_WBITS)


def _zstd_part() -> _Part:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


class Decoder:
    """Reads one compressed body piece by piece. Not for two threads at once, but for one after the other."""

    def __init__(self, data: bytes, coding: Coding) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._coding = coding
        self._parts = 0
        self._new_part = _part_maker(data, coding)
        self._part = self._new_part()
        self.finished = False

    def read(self, limit: int) -> bytes:
        """Give the next plain bytes: as many as `limit` (at least 1), fewer only when the body ends with
        them.

        Raises `MalformedError`.
        """
        pieces: list[bytes] = []
        room = limit
        while room > 0 and not self.finished:
            try:
                piece = self._step(room)
            except (zlib.error, zstd.ZstdError) as error:
                what = f"cannot be decompressed: {error}"
                raise self._malformed(what) from error
            pieces.append(piece)
            room -= len(piece)
        return b"".join(pieces)

    def _step(self, limit: int) -> bytes:
        part = self._part
        window = self._data[self._at : self._at + _SLICE] if part.needs_input else self._data[:0]
        self._at += len(window)
        piece = part.decompress(window, limit)
        if part.eof:
            self._at -= len(part.unused_data)
            self._end_part()
        elif not piece and not window:
            raise self._malformed("is truncated: it ends before its last block")
        return piece

    def _end_part(self) -> None:
        self._parts += 1
        if self._at == len(self._data):
            self.finished = True
            return
        if self._parts == _MAX_PARTS:
            what = f"has more than {_MAX_PARTS} members: write larger ones"
            raise self._malformed(what)
        if self._coding is Coding.DEFLATE or not _continues(self._data[self._at :], self._coding):
            what = f"is followed by {len(self._data) - self._at} bytes that are not {self._coding}"
            raise self._malformed(what)
        self._part = self._new_part()

    def _malformed(self, what: str) -> MalformedError:
        return MalformedError(f"the {self._coding} body {what}")


def _part_maker(data: bytes, coding: Coding) -> Callable[[], _Part]:
    if coding is Coding.GZIP:
        return _gzip_part
    if coding is Coding.ZSTD:
        return _zstd_part
    if coding is Coding.DEFLATE:
        return _zlib_part if looks_like_zlib(data) else _bare_deflate_part
    message = f"{coding} needs no decoder"
    raise ValueError(message)


def looks_like_zlib(data: bytes) -> bool:
    """Whether the first two bytes are a zlib header (RFC 1950 section 2.2)."""
    return len(data) >= 2 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0


def _continues(rest: memoryview, coding: Coding) -> bool:
    """Whether another member follows; zstd finds out itself, since it has two kinds of frames."""
    return coding is not Coding.GZIP or rest[:2] == GZIP_MAGIC


def too_large(max_bytes: int, when: str = "") -> TooLargeError:
    """Say that a request is over `max_bytes`; `when` completes the sentence."""
    return TooLargeError(f"the request is larger than {max_bytes} bytes{when}: send it in smaller parts")


class Decompressor:
    """Decompresses bodies for the doors: small ones at once, larger ones on a thread, without the
    interpreter's lock."""

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes` is the limit of one body after decompression."""
        self._max_bytes = max_bytes
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="otelhouse-decompress")

    def close(self) -> None:
        """Let the thread go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def decompress(self, data: bytes, coding: Coding, reservation: Reservation) -> bytes:
        """Give the plain bytes of a body. Memory is reserved before it is used, beside that of `data`.

        Raises `MalformedError`, `TooLargeError`, and `BusyError` where the memory is not to be had.
        """
        if coding is Coding.IDENTITY:
            return data
        decoder = Decoder(data, coding)
        small = len(data) <= _ON_LOOP
        pieces: list[bytes] = []
        size = 0
        while not decoder.finished:
            step = min(_FIRST_STEP if small else _STEP, self._max_bytes - size + 1)
            reservation.hold(len(data) + size + step)
            piece = decoder.read(step) if small else await self._on_thread(decoder, step)
            small = False
            pieces.append(piece)
            size += len(piece)
            if size > self._max_bytes:
                raise too_large(self._max_bytes, " after decompression")
        return b"".join(pieces)

    async def _on_thread(self, decoder: Decoder, step: int) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._pool, decoder.read, step)
