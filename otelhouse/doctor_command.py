"""`otelhouse doctor`: looks at what a house with these settings needs, and says what to do about what is missing.

In: the settings in force. Out: a line for each finding and one for what to do, or JSON; exit code 1 where something
does not work, 0 where a house would do without. Needs no running house, and changes nothing.
"""

import json
import logging
from collections.abc import Iterator

import click

from otelhouse import doctor_checks
from otelhouse.configuration import Configuration
from otelhouse.doctor_checks import Diagnosis, Outcome
from otelhouse.invocation import Failure, clickhouse_option, configured, data_option
from otelhouse.settings import Settings

_COLOURS = {Outcome.OK: "green", Outcome.WARNING: "yellow", Outcome.FAILED: "red"}


@click.command()
@click.option("--only", "names", multiple=True, metavar="CHECK", help="Only these: doors, spool, store, kubernetes.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@clickhouse_option
@data_option
@configured
def doctor(configuration: Configuration, *, names: tuple[str, ...], form: str) -> None:
    """Check what a house with these settings needs: doors, spool, ClickHouse, and the rights at each cluster."""
    known = doctor_checks.checks()
    if unknown := sorted(set(names) - set(known)):
        raise click.BadParameter(
            f"no check is called {', '.join(unknown)}; take {', '.join(known)}", param_hint="--only"
        )
    logging.getLogger().addHandler(logging.NullHandler())  # libraries would log what the findings say
    worst: set[Outcome] = set()
    found: list[dict[str, str]] = []
    for name, diagnosis in _look(configuration.settings, names or tuple(known)):
        worst.add(diagnosis.outcome)
        if form == "text":
            _say(name, diagnosis)
        found.append({"check": name, "outcome": diagnosis.outcome, "what": diagnosis.what, "mend": diagnosis.mend})
    if form == "json":
        click.echo(json.dumps(found, indent=2))
    if Outcome.FAILED in worst:
        raise Failure("something does not work, see above")


def _look(settings: Settings, names: tuple[str, ...]) -> Iterator[tuple[str, Diagnosis]]:
    for name in names:
        for diagnosis in doctor_checks.checks()[name](settings):
            yield name, diagnosis


def _say(name: str, diagnosis: Diagnosis) -> None:
    outcome = click.style(f"{diagnosis.outcome:8}", fg=_COLOURS[diagnosis.outcome])
    click.echo(f"{outcome} {name:11} {diagnosis.what}")
    if diagnosis.mend:
        click.echo(f"{'':8} {'':11} -> {diagnosis.mend}")
