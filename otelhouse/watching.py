"""Asking again and again, until somebody presses Ctrl-C.

In: what to do each time, and the seconds between. Out: nothing; on a terminal each answer takes the place of the one
before, into a pipe they follow each other. A first time that fails ends it; later ones are told, and it goes on.
"""

import sys
import threading
import time
from collections.abc import Callable

import click

LEAST = 0.5
"""Seconds between two askings."""

Ask = Callable[[], None]


def watch(ask: Ask, seconds: float, what: str) -> None:
    """Ask until Ctrl-C. Raises what the first time raises."""
    stop = threading.Event()
    first = True
    try:
        while first or not stop.wait(seconds):
            _once(ask, what, seconds, fails=first)
            first = False
    except KeyboardInterrupt:
        click.echo("", err=True)


def _once(ask: Ask, what: str, seconds: float, *, fails: bool) -> None:
    if sys.stdout.isatty():
        click.clear()
    click.echo(f"{time.strftime('%H:%M:%S')}  {what}, every {seconds:g} s; Ctrl-C ends", err=True)
    try:
        ask()
    except click.ClickException as problem:
        if fails:
            raise
        problem.show()
