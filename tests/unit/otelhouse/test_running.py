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

COMMAND = """
import threading
from otelhouse import up_command
from otelhouse.house import Roles
from otelhouse.configuration import load

class House:
    def __init__(self, settings, roles, progress, first_deed):
        pass
    async def open(self):
        for name, work in (("quick", lambda: None), ("insert-that-hangs", threading.Event().wait)):
            threading.Thread(target=work, name=name).start()
        pass
    async def close(self):
        print("closed")

up_command.House = House
up_command.banner = lambda house, seconds: "open"
up_command.THREAD_GRACE = 0.05
up_command.run(load(), Roles(), "up")
"""


@pytest.fixture
def house():
    started = []

    def start(*arguments, program=HOUSE):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
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


def test_the_command_ends_without_an_insert_that_hangs_and_says_so(house):
    process = house(program=COMMAND)
    until(process, "open")

    process.send_signal(signal.SIGTERM)

    heard = process.communicate(timeout=20)[0]
    assert "closed" in heard
    assert "ending without what still runs: insert-that-hangs" in heard
    assert process.returncode == 0
