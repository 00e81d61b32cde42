"""How a command speaks with a running house: it asks, waits, writes the answer, and says what went wrong.

In: the house's address and an `Access`, what is asked, a format. Out: the answer on standard output, remarks on
standard error. Exit codes, the same for every command that speaks with a house: 0 answered, also with nothing, which
standard error then says; 1 failed; 2 refused for what was asked or who asks; 3 no house there.
"""

import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import click

from otelhouse import answer_table, house_access, house_client, no_rows
from otelhouse.configuration import Configuration
from otelhouse.house_access import Access
from otelhouse.house_client import Answered
from otelhouse.invocation import Failure, Misuse
from otelhouse.progress import PATIENCE

P = ParamSpec("P")
R = TypeVar("R")

TABLE = "table"


class NoHouse(click.ClickException):
    """Nothing answers at the address; exit code 3."""

    exit_code = 3


url_option = click.option("--url", metavar="URL", help="The house to ask. [default: this house's own address]")


def format_option(*forms: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """`--format`, given to the command as `form`: a table, or one of `forms`."""
    return click.option(
        "--format",
        "form",
        type=click.Choice([TABLE, *forms]),
        default=TABLE,
        show_default=True,
        help="How to write the answer; a table that goes into a pipe is lines of tab-separated values.",
    )


@dataclass(frozen=True, slots=True)
class RunningHouse:
    """The house that a command speaks with."""

    url: str
    access: Access

    def question(self, name: str, written: Mapping[str, str], form: str) -> Answered:
        """Ask the question NAME; gives the answer as it came."""
        with told(), patience(f"still waiting for {name} ..."):
            return house_client.ask(self.url, name, written, form, self.access)

    def request(self, method: str, path: str, content: object = None, *, waiting_for: str) -> Any:  # noqa: ANN401  JSON
        """One request to a route of the operators'; gives the answer's JSON. Raises what a command ends with."""
        with told(), patience(f"still waiting for {waiting_for} ..."):
            return house_client.call(self.url, method, path, content, self.access)


def house_of(configuration: Configuration, url: str | None) -> RunningHouse:
    """The house at `url`, or without one the house that has these settings."""
    settings = configuration.settings
    return RunningHouse(url or house_access.rest_url(settings), house_access.access_of_command(settings))


@contextmanager
def told() -> Iterator[None]:
    """Say what a house refuses, or that there is none, as a command ends."""
    try:
        yield
    except house_client.Unreachable as problem:
        raise NoHouse(f"{problem}\nStart one with `otelhouse up`, or name another with --url.") from problem
    except house_client.Refusal as refusal:
        raise (Misuse if refusal.users_mistake else Failure)(str(refusal)) from refusal


@contextmanager
def patience(remark: str) -> Iterator[None]:
    """Say `remark` on standard error if this takes long."""
    timer = threading.Timer(PATIENCE, click.echo, [remark], {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def answer(house: RunningHouse, name: str, written: Mapping[str, str], form: str, *, wide: bool) -> None:
    """Ask the question NAME and write what comes."""
    answered = house.question(name, written, "json" if form == TABLE else form)
    if form != TABLE:
        sys.stdout.buffer.write(answered.body)
        sys.stdout.buffer.flush()
    elif answered.rows:
        write_table(json.loads(answered.body), wide=wide)
    _remark(answered)
    if not answered.rows:
        for remark in no_rows.remarks(name, written):
            click.echo(remark, err=True)


def write_table(table: Mapping[str, object], *, wide: bool) -> None:
    """Write an answer's `columns` and `rows` for people, or as lines where they go into a pipe."""
    if not sys.stdout.isatty():
        answer_table.write_lines(table, sys.stdout)
        return
    hidden = answer_table.write_table(table, sys.stdout, wide=wide, width=shutil.get_terminal_size().columns)
    if hidden:
        click.echo(f"not shown: {', '.join(hidden)} (--wide shows them)", err=True)


def _remark(answered: Answered) -> None:
    if answered.scope:
        click.echo(f"narrowed to what your token may see: {answered.scope}", err=True)
    if answered.missing_shards:
        click.echo(f"PARTIAL: {answered.missing_shards} did not answer; what they hold is not in this", err=True)
    window = f" between {answered.window.replace('/', ' and ')}" if answered.window else ""
    if not answered.rows:
        click.echo(f"no rows{window}", err=True)
    elif answered.left_out:
        names = [f"--{one.partition('=')[0].replace('_', '-')}" for one in answered.left_out.split(", ")]
        remark = f"{answered.rows} rows{window}; left out: {answered.left_out}: raise {' and '.join(names)} or narrow"
        click.echo(remark, err=True)
    elif answered.truncated:
        more = f", or go on with --cursor {answered.next_cursor}" if answered.next_cursor else ""
        click.echo(f"{answered.rows} rows{window}; there are more: raise --limit or narrow{more}", err=True)
