"""The fsync proof finds an OK that was sent too early: strace logs in which it was, and in which it was not."""

import pytest

from bench.chaos import syscalls
from bench.chaos.faults import fsync_proof

SPOOL = "/spool"
TEMPORARY, FINAL = f"{SPOOL}/1.tmp", f"{SPOOL}/1.spool"
HTTP, GRPC = "TCP:[127.0.0.1:4318->127.0.0.1:5000]", "TCPv6:[[::1]:4317->[::1]:6000]"


def text(data):
    return "".join(f"\\x{byte:02x}" for byte in (data.encode() if isinstance(data, str) else data))


def read(connection=HTTP, body=b"00000007/00000"):
    return f'10 read(5<{connection}>, "{text(body)}", 100) = 14'


WRITTEN = f'11 writev(6<{text(TEMPORARY)}>, [{{iov_base="{text("00000007/00000")}", iov_len=14}}], 1) = 14'
SYNCED = f"11 fsync(6<{text(TEMPORARY)}>) = 0"
RENAMED = f'11 rename("{text(TEMPORARY)}", "{text(FINAL)}") = 0'
FOLDER_SYNCED = f"11 fsync(7<{text(SPOOL)}>) = 0"
ANSWERED = f'10 write(5<{HTTP}>, "{text("HTTP/1.1 200 OK")}", 15) = 15'
GOOD = (read(), WRITTEN, SYNCED, RENAMED, FOLDER_SYNCED, ANSWERED)


def judged(*lines):
    trace = fsync_proof.Trace(SPOOL)
    trace.follow(syscalls.read(lines))
    return fsync_proof.judge([7], trace)


def test_an_ok_after_both_fsyncs_is_as_promised():
    assert judged(*GOOD) == []


@pytest.mark.parametrize("missing", [SYNCED, RENAMED, FOLDER_SYNCED])
def test_an_ok_without_one_of_the_steps_is_found(missing):
    assert "never synced" in judged(*(line for line in GOOD if line is not missing))[0]


def test_an_ok_before_the_folder_is_synced_is_found():
    assert "was acknowledged at line 4, synced at line 5" in judged(*GOOD[:4], ANSWERED, FOLDER_SYNCED)[0]


def test_an_ok_while_the_folders_fsync_has_not_returned_is_found():
    begun, ended = f"11 fsync(7<{text(SPOOL)}> <unfinished ...>", "11 <... fsync resumed>) = 0"
    assert judged(*GOOD[:4], begun, ended, ANSWERED) == []
    assert "was acknowledged" in judged(*GOOD[:4], begun, ANSWERED, ended)[0]


def test_a_folders_fsync_that_began_before_the_rename_does_not_count():
    begun, ended = f"11 fsync(7<{text(SPOOL)}> <unfinished ...>", "11 <... fsync resumed>) = 0"
    rename = RENAMED.replace("11 ", "12 ", 1)
    assert "never synced" in judged(*GOOD[:3], begun, rename, ended, ANSWERED)[0]


def test_a_failed_fsync_does_not_count():
    failed = SYNCED.replace("= 0", "= -1 EIO (Input/output error)")
    assert "never synced" in judged(*GOOD[:2], failed, *GOOD[3:])[0]


def test_over_grpc_the_ok_is_the_frame_that_ends_the_stream():
    settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    head, trailers = b"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88", b"\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88"

    def sent(frames):
        return f'10 sendmsg(5<{GRPC}>, {{msg_iov=[{{iov_base="{text(frames)}", iov_len=9}}]}}, 0) = 9'

    on_disk = (WRITTEN, SYNCED, RENAMED, FOLDER_SYNCED)
    assert judged(read(GRPC), sent(settings + head), *on_disk, sent(trailers)) == []
    assert "was acknowledged" in judged(read(GRPC), sent(settings + head + trailers), *on_disk)[0]


def test_connections_are_told_apart():
    other = HTTP.replace("5000", "5001")
    early = ANSWERED.replace(HTTP, other)
    assert judged(read(), read(other, b"00000008/00000"), early, *GOOD[1:]) == []
