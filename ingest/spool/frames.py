"""The bytes inside a file of the spool: one frame for each request, and nothing between them.

In: parts, or a function that reads bytes of a file. Out: buffers to be written, or the frames that are whole. Refuses
parts that do not fit into a frame, with `ValueError`; what is damaged is left out, never raised.

A frame, little-endian:

    magic 8 | index u32 | parts u32 | items u32 | meta length u32 | payload length u64
    meta crc u32 | payload crc u32 | header crc u32
    meta:     sender length u16 | key length u16 | chunks u32 | sender | key | length of each chunk u32
    payload:  the chunks

Every byte of a file belongs to exactly one frame and is under exactly one CRC-32, so a flipped bit costs one request.
After a frame that does not hold, reading goes on at the next magic whose header CRC holds.
All CRCs start from the CRC of the batch's token. Senders cannot know it, so a request whose payload looks like a frame
is not taken for one; and contents that stand under another entry's name are not taken for that entry's.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ingest.spool.entry import Part

At = Callable[[int, int], bytes]
"""Reads up to so many bytes: `at(offset, length)`. Fewer come only at the end of the file."""

MAGIC = b"\xf5oH\x1aSp\x01\xfa"
_HEADER = struct.Struct("<8sIIIIQIII")
_META = struct.Struct("<HHI")
_CRC = struct.Struct("<I")
_SEARCHED = 1024 * 1024
"""Bytes looked through at once for the next magic."""
_LONGEST_SENDER = 1_000
_LONGEST_KEY = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """One request that is whole."""

    index: int
    """Its place in the batch, from 0."""
    part: Part
    """Without chunks, where only the keys were asked for."""
    size: int
    """Bytes in the file."""


@dataclass(frozen=True, slots=True)
class _Header:
    index: int
    items: int
    meta_size: int
    payload_size: int
    meta_crc: int
    payload_crc: int

    @property
    def size(self) -> int:
        return _HEADER.size + self.meta_size + self.payload_size


def size_of(parts: Sequence[Part]) -> int:
    """Give the bytes of the file that will hold `parts`."""
    return sum(_HEADER.size + len(_meta(part)) + part.size for part in parts)


def encode(parts: Sequence[Part], token: str) -> Iterator[bytes]:
    """Give the buffers to be written, in order; the chunks themselves are not copied."""
    seed = _seed(token)
    for index, part in enumerate(parts):
        meta = _meta(part)
        payload_crc = seed
        for chunk in part.chunks:
            payload_crc = zlib.crc32(chunk, payload_crc)
        fields = (index, len(parts), part.items, len(meta), part.size, zlib.crc32(meta, seed), payload_crc)
        head = _HEADER.pack(MAGIC, *fields, 0)[: -_CRC.size]
        yield head + _CRC.pack(zlib.crc32(head, seed)) + meta
        yield from part.chunks


def walk(at: At, size: int, token: str) -> Iterator[Frame]:
    """Give the frames that are whole, in the order of the file."""
    seed = _seed(token)
    position = 0
    while position + _HEADER.size <= size:
        header = _read_header(at(position, _HEADER.size), seed)
        whole = header is not None and position + header.size <= size
        frame = _read_body(at, position, header, seed) if header and whole else None
        if frame is None:
            position = _next_magic(at, position + 1, size)
        else:
            yield frame
            position += frame.size


def _seed(token: str) -> int:
    return zlib.crc32(token.encode())


def _meta(part: Part) -> bytes:
    if len(part.key) > _LONGEST_KEY:
        raise ValueError(f"the key of a request has {len(part.key)} bytes, {_LONGEST_KEY} at most")
    sender = part.sender.encode(errors="backslashreplace")[:_LONGEST_SENDER]
    count = len(part.chunks)
    lengths = struct.pack(f"<{count}I", *map(len, part.chunks))
    return _META.pack(len(sender), len(part.key), count) + sender + part.key + lengths


def _read_header(data: bytes, seed: int) -> _Header | None:
    if len(data) < _HEADER.size or not data.startswith(MAGIC):
        return None
    if zlib.crc32(data[: -_CRC.size], seed) != _CRC.unpack(data[-_CRC.size :])[0]:
        return None
    _, index, _, items, meta_size, payload_size, meta_crc, payload_crc, _ = _HEADER.unpack(data)
    return _Header(index, items, meta_size, payload_size, meta_crc, payload_crc)


def _read_body(at: At, position: int, header: _Header, seed: int) -> Frame | None:
    meta = at(position + _HEADER.size, header.meta_size)
    if len(meta) < header.meta_size or zlib.crc32(meta, seed) != header.meta_crc:
        return None
    payload = at(position + _HEADER.size + header.meta_size, header.payload_size)
    if len(payload) < header.payload_size or zlib.crc32(payload, seed) != header.payload_crc:
        return None
    sender_size, key_size, count = _META.unpack_from(meta)
    key_at = _META.size + sender_size
    lengths_at = key_at + key_size
    chunks = _cut(payload, struct.unpack_from(f"<{count}I", meta, lengths_at))
    sender = meta[_META.size : key_at].decode(errors="replace")
    return Frame(header.index, Part(chunks, header.items, sender, meta[key_at:lengths_at]), header.size)


def _cut(payload: bytes, lengths: Sequence[int]) -> tuple[bytes, ...]:
    if len(lengths) == 1:
        return (payload,)
    chunks = []
    start = 0
    for length in lengths:
        chunks.append(payload[start : start + length])
        start += length
    return tuple(chunks)


def _next_magic(at: At, start: int, size: int) -> int:
    while start + _HEADER.size <= size:
        window = at(start, _SEARCHED)
        found = window.find(MAGIC)
        if found >= 0:
            return start + found
        if len(window) < _SEARCHED:
            return size
        start += len(window) - len(MAGIC) + 1
    return size
