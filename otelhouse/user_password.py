"""The password of a ClickHouse user that a command writes: asked for, or read from a pipe, and never shown.

In: standard input. Out: the password. Refused with `Misuse`: a pipe with nothing in it.
"""

import sys

import click

from otelhouse.invocation import Misuse


def asked() -> str:
    """The password; a person gives it twice."""
    if sys.stdin.isatty():
        return str(click.prompt("Password of the user", hide_input=True, confirmation_prompt=True, err=True))
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Misuse("give the user's password on standard input, or run this in a terminal")
    return password
