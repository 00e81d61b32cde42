"""Bodies come out whole, or are refused before they take more memory than the limit."""

import asyncio
import gzip
import sys
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import compression
from ingest.admission import Reservation
from ingest.compression import Coding, Decompressor, coding_named
from ingest.errors import BusyError, MalformedError, TooLargeError
from ingest.memory import Budget

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MEBIBYTE = 1024 * 1024
COMPRESS = {
    Coding.IDENTITY: lambda data: data,
    Coding.GZIP: gzip.compress,
    Coding.DEFLATE: zlib.compress,
    Coding.ZSTD: zstd.compress,
}
COMPRESSED = [Coding.GZIP, Coding.DEFLATE, Coding.ZSTD]
SEVERAL_PARTS = [Coding.GZIP, Coding.ZSTD]


def decompress(data: bytes, coding: Coding, limit: int = MEBIBYTE, budget: Budget | None = None) -> bytes:
    """Decompress as the doors do; the reservation is given back at the end."""

    async def run() -> bytes:
        decompressor = Decompressor(limit)
        try:
            with Reservation(budget or Budget(1024 * MEBIBYTE)) as reservation:
                reservation.hold(len(data))
                return await decompressor.decompress(data, coding, reservation)
        finally:
            decompressor.close()

    return asyncio.run(run())


def bomb(coding: Coding, size: int = 1024 * MEBIBYTE) -> bytes:
    """Zeros, `size` bytes of them, in about a thousandth of the space; made without compressing them all."""
    if coding is Coding.ZSTD:
        return zstd.compress(bytes(MEBIBYTE)) * (size // MEBIBYTE)
    codec = zlib.compressobj(wbits=31 if coding is Coding.GZIP else 15)
    block = bytes(MEBIBYTE)
    head = codec.compress(block) + codec.flush(zlib.Z_FULL_FLUSH)
    body = codec.compress(block) + codec.flush(zlib.Z_FULL_FLUSH)
    return head + body * (size // MEBIBYTE - 1)


def incompressible(size: int) -> bytes:
    """Bytes that stay as long as they are, so that more than one slice of input is needed."""
    state = zlib.crc32(b"otelhouse")
    words = bytearray()
    while len(words) < size:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        words += state.to_bytes(8, "little")
    return bytes(words[:size])


@pytest.mark.parametrize("coding", list(Coding))
@pytest.mark.parametrize("size", [0, 1, 100, 40_000, 5 * MEBIBYTE])
def test_a_body_comes_out_as_it_went_in(coding, size):
    plain = incompressible(size)
    assert decompress(COMPRESS[coding](plain), coding, 8 * MEBIBYTE) == plain


@pytest.mark.parametrize("coding", SEVERAL_PARTS)
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=6))
def test_several_members_are_one_body(coding, parts):
    body = b"".join(COMPRESS[coding](part) for part in parts)
    assert decompress(body, coding) == b"".join(parts)


@pytest.mark.parametrize("coding", SEVERAL_PARTS)
def test_members_that_end_anywhere_in_a_slice_are_one_body(coding, monkeypatch):
    parts = [incompressible(size) for size in (1, 63, 64, 65, 1000)]
    body = b"".join(COMPRESS[coding](part) for part in parts)
    for slice_size in range(1, 40):
        monkeypatch.setattr(compression, "_SLICE", slice_size)
        assert decompress(body, coding) == b"".join(parts)


def test_deflate_without_its_zlib_wrapper_is_read_as_well():
    codec = zlib.compressobj(wbits=-15)
    bare = codec.compress(b"telemetry" * 50) + codec.flush()
    assert decompress(bare, Coding.DEFLATE) == b"telemetry" * 50


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_body_cut_anywhere_is_truncated_and_not_half_read(coding):
    whole = COMPRESS[coding](b"the quick brown fox" * 20)
    for length in range(len(whole)):
        with pytest.raises(MalformedError):
            decompress(whole[:length], coding)


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_truncated_large_body_says_that_it_is_truncated(coding):
    whole = COMPRESS[coding](incompressible(500_000))
    with pytest.raises(MalformedError, match=f"the {coding} body is truncated"):
        decompress(whole[: len(whole) // 2], coding)


@pytest.mark.parametrize("coding", COMPRESSED)
def test_garbage_after_the_body_is_refused(coding):
    with pytest.raises(MalformedError, match=r"followed by|cannot be decompressed"):
        decompress(COMPRESS[coding](b"telemetry") + b"garbage", coding)


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_plain_body_that_calls_itself_compressed_is_refused(coding):
    with pytest.raises(MalformedError):
        decompress(b"\x0a\x03abc", coding)


def test_a_wrong_checksum_is_refused():
    body = bytearray(gzip.compress(b"telemetry"))
    body[-6] ^= 1
    with pytest.raises(MalformedError, match="incorrect data check"):
        decompress(bytes(body), Coding.GZIP)


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_body_may_be_as_long_as_the_limit_and_not_a_byte_longer(coding):
    limit = 300_000
    assert len(decompress(COMPRESS[coding](bytes(limit)), coding, limit)) == limit
    with pytest.raises(TooLargeError, match="larger than 300000 bytes after decompression"):
        decompress(COMPRESS[coding](bytes(limit + 1)), coding, limit)


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_bomb_of_a_gibibyte_is_refused_within_the_limits_own_memory(coding):
    body = bomb(coding)
    assert len(body) < 2 * MEBIBYTE
    budget = Budget(64 * MEBIBYTE)
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            decompress(body, coding, 8 * MEBIBYTE, budget)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert budget.used == 0
    assert budget.peak <= len(body) + 8 * MEBIBYTE + 1
    assert peak < 20 * MEBIBYTE


def test_a_flood_of_empty_members_is_refused():
    with pytest.raises(MalformedError, match="more than 4096 members"):
        decompress(gzip.compress(b"") * 5000, Coding.GZIP)


def test_a_zstd_window_beyond_that_of_http_is_refused():
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    body = zstd.compress(incompressible(9 * MEBIBYTE), options=options)
    with pytest.raises(MalformedError, match="too much memory"):
        decompress(body, Coding.ZSTD, 16 * MEBIBYTE)


def test_a_body_for_which_there_is_no_memory_is_put_off_and_leaves_nothing_behind():
    budget = Budget(3 * MEBIBYTE)
    taken = budget.reserve(2 * MEBIBYTE)
    with pytest.raises(BusyError):
        decompress(gzip.compress(bytes(2 * MEBIBYTE)), Coding.GZIP, 2 * MEBIBYTE, budget)
    assert budget.used == taken.size


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", Coding.IDENTITY),
        ("identity", Coding.IDENTITY),
        ("gzip", Coding.GZIP),
        (" GZip ", Coding.GZIP),
        ("x-gzip", Coding.GZIP),
        ("deflate", Coding.DEFLATE),
        ("zlib", Coding.DEFLATE),
        ("zstd", Coding.ZSTD),
        ("br", None),
        ("snappy", None),
        ("gzip, gzip", None),
    ],
)
def test_a_content_encoding_is_known_by_its_names(header, coding):
    assert coding_named(header) is coding
