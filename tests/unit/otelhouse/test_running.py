"""How a house ends: in order at the first signal, at once at the second. Real processes, real signals."""

import signal
import subprocess
import sys
import textwrap

import pytest

HOUSE = """
import asyncio, sys
from otelhouse import running

class House:
    async def open(self):
        print("opening", flush=True)
        if "slow-open" in sys.argv:
            await asyncio.Event().wait()
        if "broken" in sys.argv:
            raise LookupError("no store")
    async def close(self):
        print("closing", flush=True)
        if "slow-close" in sys.argv:
            await asyncio.Event().wait()
        print("closed", flush=True)

within = 0.05 if "hurry" in sys.argv else 30
try:
    running.run(House, close_within=within, opened=lambda house: print("open", flush=True))
except TimeoutError:
    print("out of time", flush=True)
    sys.exit(3)
print("ended", flush=True)
"""


@pytest.fixture
def house():
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOUSE), *arguments], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(process, word):
    for line in process.stdout:
        if line.strip() == word:
            return
    pytest.fail(f"the process ended without saying {word!r}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_closes_in_order(house, number):
    process = house()
    until(process, "open")

    process.send_signal(number)

    assert process.communicate(timeout=20)[0].split() == ["closing", "closed", "ended"]
    assert process.returncode == 0


def test_the_second_signal_ends_at_once(house):
    process = house("slow-close")
    until(process, "open")
    process.send_signal(signal.SIGTERM)
    until(process, "closing")

    process.send_signal(signal.SIGTERM)

    assert process.communicate(timeout=20)[0] == ""
    assert process.returncode == 128 + signal.SIGTERM


def test_a_signal_while_it_opens_gives_the_start_up(house):
    process = house("slow-open")
    until(process, "opening")

    process.send_signal(signal.SIGTERM)

    assert process.communicate(timeout=20)[0].split() == ["ended"]


def test_closing_that_takes_too_long_is_an_error(house):
    process = house("slow-close", "hurry")
    until(process, "open")

    process.send_signal(signal.SIGTERM)

    assert "out of time" in process.communicate(timeout=20)[0]
    assert process.returncode == 3


def test_what_cannot_open_raises(house):
    process = house("broken")

    assert process.wait(20) == 1
