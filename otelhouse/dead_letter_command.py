"""`otelhouse deadletter`: what could not be stored, why, and sending it again.

In: a running house, asked over REST. Out: answers on standard output, remarks on standard error. Exit codes as in
`otelhouse.asking`: a letter that does not exist and letters that are refused once more are failures (1).
"""

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import click

from otelhouse import answer_table, asking, dead_letter_text
from otelhouse.asking import TABLE, RunningHouse, format_option, url_option
from otelhouse.configuration import Configuration
from otelhouse.house_access import access_options
from otelhouse.invocation import Failure, Misuse, configured

ROOT = "/api/v1/ingest/dead_letters"
PAGE = 100
"""Letters sent again in one request: some seconds of work, then it is said how far it is."""
_SIGNALS = click.Choice(["logs", "traces", "metrics"])

_say = partial(click.echo, err=True)


@click.group()
def deadletter() -> None:
    """List, show and retry what could not be stored."""


@deadletter.command(name="list")
@click.option("--counts", is_flag=True, help="Count by reason and service instead.")
@click.option("--since", metavar="TIME", help="Arrived from then on: RFC 3339, or how long ago. [default: 1d]")
@click.option("--until", metavar="TIME", help="Arrived before. [default: now]")
@click.option("--state", type=click.Choice(["open", "stored", "any"]), help="[default: open]")
@click.option("--signal", type=_SIGNALS, help="Only this signal.")
@click.option("--service", metavar="NAME", help="Only this service.")
@click.option("--cluster", metavar="NAME", help="Only this Kubernetes cluster.")
@click.option("--sender", metavar="NAME", help="Only this sender.")
@click.option("--reason", "text", metavar="TEXT", help="Only letters whose reason holds this.")
@click.option("--limit", metavar="N", help="The most rows. [default: 100]")
@format_option("json", "ndjson", "csv")
@click.option("--wide", is_flag=True, help="Show every column.")
@url_option
@access_options
@configured
def list_letters(
    configuration: Configuration, /, *, counts: bool, form: str, wide: bool, url: str | None, **given: str | None
) -> None:
    """List what could not be stored, newest first, with the reason."""
    written = {name: value for name, value in given.items() if value is not None}
    if counts and (narrowing := written.keys() - {"since", "until", "state", "limit"}):
        raise Misuse(f"--counts counts all letters of a time: leave out {', '.join(sorted(map(_flag, narrowing)))}")
    name = "dead_letter_counts" if counts else "dead_letters"
    asking.answer(asking.house_of(configuration, url), name, written, form, wide=wide)


@deadletter.command()
@click.argument("letter_id", metavar="ID")
@format_option("json")
@url_option
@access_options
@configured
def show(configuration: Configuration, *, letter_id: str, form: str, url: str | None) -> None:
    """Show one letter whole, its item in OTLP's JSON."""
    answered = asking.house_of(configuration, url).question("dead_letter", {"id": letter_id}, "json")
    rows = json.loads(answered.body)["rows"]
    if not rows:
        raise Failure(f"there is no dead letter {letter_id}; `otelhouse deadletter list` says which there are")
    letter = rows[0]
    item = base64.b64decode(letter.pop("item"))
    try:
        told = dead_letter_text.in_words(letter["signal"], item) if item else None
    except ValueError as error:
        raise Failure(f"dead letter {letter_id}: {error}") from error
    if form == TABLE:
        _write(letter, told)
    else:
        click.echo(json.dumps(letter | {"item": told}))


@deadletter.command()
@click.option("--ids", metavar="ID[,ID...]", multiple=True, help="These letters; may be repeated.")
@click.option("--signal", type=_SIGNALS, help="Only this signal.")
@click.option("--service", metavar="NAME", help="Only this service.")
@click.option("--reason", "text", metavar="TEXT", help="Only letters whose reason holds this.")
@click.option("--all", "everything", is_flag=True, help="Every open letter.")
@click.option("--yes", is_flag=True, help="Do not ask whether that is meant.")
@format_option("json")
@url_option
@access_options
@configured
def retry(
    configuration: Configuration,
    /,
    *,
    ids: Sequence[str],
    everything: bool,
    yes: bool,
    form: str,
    url: str | None,
    **given: str | None,
) -> None:
    """Send open letters again, once what kept them out is mended: a longer retention, a clock, a newer release.

    Each is stored or refused once more; one that was stored already is not stored twice.
    """
    body: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if named := [one.strip() for several in ids for one in several.split(",") if one.strip()]:
        body["ids"] = named
    if everything == bool(body):
        raise Misuse("say which letters: --ids, --signal, --service, --reason; or --all for every open one")
    house = asking.house_of(configuration, url)
    run = _Run(house, body | ({"all": True} if everything else {}))
    letters = run.count()
    if letters and not yes:
        click.confirm(f"Send {letters:,} dead letters again?", abort=True, err=True)
    if letters:
        run.send(letters)
    _tell(run, form)


@dataclass(slots=True)
class _Run:
    """Sends letters again, page by page."""

    house: RunningHouse
    body: Mapping[str, Any]
    stored: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self) -> int:
        told = self.house.request("POST", f"{ROOT}/count", self.body, waiting_for="the house")
        return int(told["letters"])

    def send(self, letters: int) -> None:
        """Send until nothing is left that was there at the first request."""
        after = None
        while after != "":
            page = dict(self.body) | {"limit": PAGE} | ({"after": after} if after else {})
            try:
                told = self.house.request("POST", f"{ROOT}/retry", page, waiting_for="letters to be stored")
            except click.ClickException:
                _say(f"broken off: {self.stored:,} stored, {self.refused:,} refused once more")
                raise
            self.stored += told["stored"]
            self.refused += told["refused"]
            self.reasons.update(told["reasons"])
            after = told["after"]
            if after:
                _say(f"{self.stored + self.refused:,} of {letters:,} sent ...")


def _tell(run: _Run, form: str) -> None:
    if form != TABLE:
        told = {"stored": run.stored, "refused": run.refused, "reasons": dict(run.reasons.most_common())}
        click.echo(json.dumps(told))
    elif run.reasons:
        columns = [{"name": "letters", "type": "UInt64", "wide": False}]
        columns += [{"name": "reason", "type": "String", "wide": False}]
        rows = [{"letters": count, "reason": reason} for reason, count in run.reasons.most_common()]
        asking.write_table({"columns": columns, "rows": rows}, wide=True)
    if run.refused:
        raise Failure(f"{run.stored:,} stored, {run.refused:,} refused once more; they stay open")
    _say(f"{run.stored:,} stored" if run.stored else "no open letters match")


def _write(letter: Mapping[str, object], item: object) -> None:
    """One letter for people: a line a field, then the item."""
    for name, value in letter.items():
        click.echo(f"{name}: {answer_table.cell_text(value)}")
    if item is None:
        click.echo("item: not kept, it was too large")
        return
    click.echo("item:")
    for line in json.dumps(item, ensure_ascii=False, indent=2).split("\n"):
        click.echo(answer_table.cell_text(line))


def _flag(name: str) -> str:
    return "--reason" if name == "text" else f"--{name}"
