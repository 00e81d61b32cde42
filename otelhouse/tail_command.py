"""`otelhouse tail`: logs, spans or Kubernetes events of a running house, as they come.

Rows go to standard output and nothing else does: in colours on a terminal, a line each in a pipe, or as JSON. It comes
back by itself when the house was away, and misses nothing that the house still has; what came before it or was missed
meanwhile, it fetches, and what it cannot fetch, it says.
"""

import itertools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urlencode

import click
from rich.console import Console
from rich.text import Text

from otelhouse import asking, tail_gap
from otelhouse.answer_table import cell_text
from otelhouse.asking import RunningHouse, url_option
from otelhouse.configuration import Configuration
from otelhouse.event_source import EventSource
from otelhouse.house_access import access_options
from otelhouse.invocation import configured
from sse_proxy import feeds

_LEVELS = [("", "dim"), ("TRACE", "dim"), ("DEBUG", "dim"), ("INFO", "green"), ("WARN", "yellow"), ("ERROR", "red")]
_LEVELS += [("FATAL", "bold red")]
_TYPES = {"Warning": "yellow", "Normal": "green"}
_STATUS = {"Error": "red", "Ok": "green"}
_SHORTER = {"composition_id": ["--composition"]}


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each filter of any feed; the house refuses one that its feed has not."""
    known: dict[str, dict[str, list[str]]] = {}
    for feed in feeds.FEEDS.values():
        for name, one in feed.filters.items():
            known.setdefault(name, {}).setdefault(one.help, []).append(feed.name)
    for name, helps in reversed(known.items()):
        spellings = [f"--{name.replace('_', '-')}", *_SHORTER.get(name, ())]
        told = " ".join(f"{', '.join(whose).capitalize()}: {help_}" for help_, whose in helps.items())
        command = click.option(*spellings, name, metavar="VALUE", multiple=True, help=told)(command)
    return command


@click.command()
@click.argument("signal", type=click.Choice(["logs", "spans", "events"]), default="logs")
@_filters
@click.option("--since", metavar="MOMENT", help="Begin with what arrived since, such as 1m. [default: now]")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, with all there is.")
@click.option("--rows", type=click.IntRange(min=1), help="End after so many. [default: Ctrl-C ends]")
@url_option
@access_options
@configured
def tail(
    configuration: Configuration,
    /,
    *,
    signal: str,
    since: str | None,
    as_json: bool,
    rows: int | None,
    url: str | None,
    **filters: Sequence[str],
) -> None:
    """Show logs, spans or Kubernetes events as they come.

    A filter that is given several times takes either value.

    \b
    otelhouse tail --service checkout --min-severity error
    otelhouse tail events --namespace shop --type Warning --json
    """
    house = asking.house_of(configuration, url)
    query = urlencode({"signal": signal, **filters, **({"since": since} if since else {})}, doseq=True)
    console = Console(highlight=False, soft_wrap=True)
    with asking.told():
        for row in itertools.islice(_rows(house, f"/api/v1/tail?{query}"), rows):
            _show(console, signal, row, as_json=as_json)


def _rows(house: RunningHouse, path: str) -> Iterator[str]:
    """Rows, JSON each, with those of a gap in its place; standard error is told that the house cannot read rows."""
    for message in EventSource(house.url, path, house.access, _remark).messages():
        if message.event == "message":
            yield message.data
        elif message.event == "gap":
            yield from tail_gap.fill(house.url, house.access, json.loads(message.data), _remark)
        elif message.event == "status":
            _remark(json.loads(message.data).get("message", "rows can be read again"))


def _remark(said: str) -> None:
    click.echo(said, err=True)


def _show(console: Console, signal: str, data: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(data + "\n")
        sys.stdout.flush()
        return
    console.print(_SHOWN[signal](json.loads(data)))


def _log(row: Mapping[str, object]) -> Text:
    name, style = _LEVELS[min(6, (int(str(row["level"])) + 3) // 4)]
    return _line(row["time"], (name or "-").ljust(5), style, row["service"], row["body"])


def _span(row: Mapping[str, object]) -> Text:
    told = f"{float(str(row['durationMs'])):10.2f} ms  {row['name']}  {row['traceId']}"
    status = str(row["status"])
    return _line(row["time"], status.ljust(5), _STATUS.get(status, "dim"), row["service"], told)


def _event(row: Mapping[str, Mapping[str, object]]) -> Text:
    about = row["involvedObject"]
    kind = str(row["type"])
    place = "/".join(str(one) for one in (about["namespace"], about["kind"], about["name"]) if one)
    return _line(row["eventTime"], kind.ljust(7), _TYPES.get(kind, ""), place, f"{row['reason']}: {row['message']}")


def _line(moment: object, word: str, style: str, who: object, what: object) -> Text:
    """One line; what telemetry holds is shown, never obeyed."""
    parts = ((_clock(str(moment)), "dim"), (word, style), (cell_text(who), "cyan"), (cell_text(what), ""))
    return Text("  ").join(Text(*part) for part in parts)


def _clock(moment: str) -> str:
    """With milliseconds, so that lines stand below each other."""
    whole, _, fraction = moment.removesuffix("Z").partition(".")
    return f"{whole}.{fraction[:3]:0<3}Z"


_SHOWN = {"logs": _log, "spans": _span, "events": _event}
