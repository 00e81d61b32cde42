"""`otelhouse bench chaos`: break things on purpose, and print what held.

In: which faults, how many rounds, a seed. Out: progress on standard error, a table on standard output; the exit code is
1 if anything that must hold did not. Every process and folder that it starts ends with it, also when it is interrupted.
"""

import secrets
import signal
import subprocess
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from bench import clickhouse_server, report
from bench.chaos import table
from bench.chaos.catalogue import FAULTS
from bench.chaos.fault import Fault, Plan, Verdict
from bench.unavailable import UnavailableError
from store.errors import StoreError


@click.command()
@click.option("--fault", "names", multiple=True, type=click.Choice(list(FAULTS)), help="Only these; all without.")
@click.option("--rounds", type=click.IntRange(min=1), help="Rounds of each fault; without, those of the table.")
@click.option("--quick", is_flag=True, help="A round or a few of each, and short ones: minutes instead of an hour.")
@click.option("--seed", type=int, help="Repeat a run's random choices; without, new ones are drawn and told.")
@click.option("--write", is_flag=True, help="Write docs/figures/chaos.json and .md; lines of other faults stay.")
def chaos(names: tuple[str, ...], rounds: int | None, seed: int | None, *, quick: bool, write: bool) -> None:
    """Try out what otelhouse promises: kills, freezes, full disks, floods; prints a table."""
    signal.signal(signal.SIGTERM, _interrupt)
    seed = secrets.randbelow(10**9) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    run, verdicts = table.run_of_today(seed, clickhouse_server.VERSION), dict[str, Verdict]()
    for fault in [FAULTS[name] for name in names] or FAULTS.values():
        verdicts[fault.name] = verdict = _try(
            fault, rounds or (fault.quick if quick else fault.rounds), seed, brief=quick
        )
        for words in verdict.broken:
            click.echo(f"{fault.name} DID NOT HOLD: {words}", err=True)
        if write:  # after each: a run takes long, and what was seen shall not be lost with it
            _write(fault.name, table.Line(verdict, run))
    click.echo(table.as_markdown(verdicts))
    if not all(verdict.held for verdict in verdicts.values()):
        raise SystemExit(1)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, so that everything is cleaned up."""
    raise KeyboardInterrupt


def _try(fault: Fault, rounds: int, seed: int, *, brief: bool) -> Verdict:
    begun = time.monotonic()

    def say(words: str) -> None:
        click.echo(f"{fault.name} {time.monotonic() - begun:6.1f} s: {words}", err=True)

    say(f"{rounds:,} rounds; must hold: {fault.promise}")
    try:
        return fault.run(Plan(rounds, seed, say, brief=brief))
    except UnavailableError as error:
        raise click.ClickException(f"{fault.name} cannot be tried here: {error}") from error
    except (
        RuntimeError,
        OSError,
        StoreError,
        subprocess.SubprocessError,
    ) as error:  # what the house or the senders did not do in time
        return Verdict(0, "broken off", (f"{type(error).__name__}: {error}",))


def _write(name: str, line: table.Line) -> None:
    """Write one line over the one of an earlier run; those of other faults stay, with the runs that they are from."""
    folder = Path("docs/figures")
    file = folder / "chaos.json"
    lines = table.read(file.read_text(encoding="utf-8")) if file.exists() else {}
    lines[name] = line
    report.write_text(file, table.as_json(lines))
    report.write_text(folder / "chaos.md", table.as_markdown({name: one.verdict for name, one in lines.items()}))
