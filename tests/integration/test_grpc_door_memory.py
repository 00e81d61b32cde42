"""What the OTLP/gRPC door takes while many large messages arrive at once, measured on the process."""

import subprocess
import sys
from pathlib import Path

import pytest
from door_harness import MEBIBYTE, PATIENCE, opened

from ingest.grpc_door import GrpcDoor
from ingest.settings import GrpcSettings, IngestSettings

SENDERS = 24
MESSAGE = 15 * MEBIBYTE

SENDING = """
import asyncio, sys
import grpc

async def send(port, body):
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        for _ in range(3):
            try:
                await export(body)
            except grpc.RpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE, error

async def main(port, senders, size):
    await asyncio.gather(*(send(port, bytes(size)) for _ in range(senders)))

asyncio.run(main(*map(int, sys.argv[1:])))
"""


def resident(line: str) -> int:
    """Bytes of this process in memory: `VmRSS` now, `VmHWM` at most since it was last forgotten."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition(f"{line}:")[2].split()[0])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self")
def test_many_large_messages_at_once_take_a_few_times_the_budget_and_not_their_sum():
    bounds = IngestSettings(
        grpc=GrpcSettings(port=0), max_request_bytes=16 * MEBIBYTE, memory_bytes=32 * MEBIBYTE, read_timeout_s=PATIENCE
    )
    with opened(GrpcDoor, bounds) as house:
        # The intake of the harness remembers bodies; here they must be let go.
        house.intake.requests.put = lambda _received: None
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = resident("VmRSS")
        command = [sys.executable, "-c", SENDING, *map(str, (house.port, SENDERS, MESSAGE))]
        subprocess.run(command, check=True, timeout=6 * PATIENCE)
        grown = resident("VmHWM") - before
    assert grown < SENDERS * MESSAGE / 2, f"{grown / MEBIBYTE:.0f} MiB"
