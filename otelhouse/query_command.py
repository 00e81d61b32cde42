"""`otelhouse query NAME`: asks a running house a named question over REST and writes the answer.

The answer goes to standard output and nothing else does. Exit codes: 0 answered, also with no rows, which standard
error then says; 1 failed; 2 a question or parameter that does not exist or has a bad value; 3 no house there.
"""

import json
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from otelhouse import addresses, answer_table, house_client
from otelhouse.configuration import Configuration
from otelhouse.house_client import Answered
from otelhouse.invocation import Failure, Misuse, configured
from otelhouse.progress import PATIENCE

_TABLE = "table"


class NoHouse(click.ClickException):
    """Nothing answers at the address; exit code 3."""

    exit_code = 3


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("parameters", nargs=-1, type=click.UNPROCESSED, metavar="[--PARAMETER VALUE]...")
@click.option(
    "--format",
    "form",
    type=click.Choice([_TABLE, "json", "ndjson", "csv"]),
    default=_TABLE,
    show_default=True,
    help="How to write the answer; a table that goes into a pipe is lines of tab-separated values.",
)
@click.option("--wide", is_flag=True, help="Show every column, as lines where a table has no room.")
@click.option("--url", metavar="URL", help="The house to ask. [default: this house's own address]")
@configured
def query(
    configuration: Configuration, *, name: str, parameters: Sequence[str], form: str, wide: bool, url: str | None
) -> None:
    """Ask a running house the question NAME.

    `otelhouse handlers list` tells the questions, `otelhouse handlers show NAME` their parameters. Times are RFC 3339,
    seconds since 1970, how long ago (15m, 2h, 7d), or now.

    \b
    otelhouse query recent_logs --service checkout --since 15m --min-severity error
    otelhouse query slow_traces --limit 5 --format json
    """
    rest = configuration.settings.query
    written = _pairs(parameters)
    answered = _ask(url or addresses.url(rest.host, rest.port), name, written, "json" if form == _TABLE else form)
    if form == _TABLE:
        _write_table(answered, wide=wide)
    else:
        sys.stdout.buffer.write(answered.body)
        sys.stdout.buffer.flush()
    _remark(answered)


def _pairs(words: Sequence[str]) -> dict[str, str]:
    """`--min-severity warn --limit=5` as names and values; a dash in a name is an underscore."""
    pairs: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("--") or word == "--":
            raise Misuse(f"{word!r} belongs to no parameter: write --NAME VALUE")
        name, equals, value = word[2:].partition("=")
        name = name.replace("-", "_")
        if not equals:
            following = next(rest, None)
            if following is None:
                raise Misuse(f"--{name} lacks its value: write --{name} VALUE")
            value = following
        if name in pairs:
            raise Misuse(f"--{name} is given twice: give it once")
        pairs[name] = value
    return pairs


def _ask(url: str, name: str, written: dict[str, str], form: str) -> Answered:
    try:
        with _patience(f"still waiting for {name} ..."):
            return house_client.ask(url, name, written, form)
    except house_client.Unreachable as problem:
        raise NoHouse(f"{problem}\nStart one with `otelhouse up`, or name another with --url.") from problem
    except house_client.Refusal as refusal:
        raise (Misuse if refusal.users_mistake else Failure)(str(refusal)) from refusal


@contextmanager
def _patience(remark: str) -> Iterator[None]:
    """Say `remark` on standard error if this takes long."""
    timer = threading.Timer(PATIENCE, click.echo, [remark], {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _write_table(answered: Answered, *, wide: bool) -> None:
    answer = json.loads(answered.body)
    if not answered.rows:
        return
    if not sys.stdout.isatty():
        answer_table.write_lines(answer, sys.stdout)
        return
    hidden = answer_table.write_table(answer, sys.stdout, wide=wide, width=shutil.get_terminal_size().columns)
    if hidden:
        click.echo(f"not shown: {', '.join(hidden)} (--wide shows them)", err=True)


def _remark(answered: Answered) -> None:
    window = f" between {answered.window.replace('/', ' and ')}" if answered.window else ""
    if not answered.rows:
        click.echo(f"no rows{window}", err=True)
    elif answered.left_out:
        names = [f"--{one.partition('=')[0].replace('_', '-')}" for one in answered.left_out.split(", ")]
        remark = f"{answered.rows} rows{window}; left out: {answered.left_out}: raise {' and '.join(names)} or narrow"
        click.echo(remark, err=True)
    elif answered.truncated:
        click.echo(f"the first {answered.rows} rows{window}; there are more: raise --limit or narrow", err=True)
