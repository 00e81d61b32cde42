"""`otelhouse bench enrich`: what the enrichment costs, and whether its bars hold.

In: how many rounds, a folder. Out: a table on standard output, enrich.json and .md in the folder; the exit code is 1 if
a bar was missed.
"""

import asyncio
from pathlib import Path

import click

from bench import enrich_benchmark, enrich_report, report
from otelhouse import allocator


@click.command()
@click.option(
    "--rounds", default=enrich_benchmark.ROUNDS, type=click.IntRange(1), show_default=True, help="Without and with."
)
@click.option("--out", default=Path("bench/results"), type=click.Path(path_type=Path), show_default=True)
def enrich(rounds: int, out: Path) -> None:
    """CPU that a log record costs more with enrichment, and events a minute on one core."""
    allocator.keep_freed_memory()
    allocator.look_for_cycles_rarely()
    seen = enrich_report.found(asyncio.run(enrich_benchmark.measure(enrich_benchmark.shapes(), rounds)), rounds)
    click.echo(text := enrich_report.as_markdown(seen))
    for name, told in (("enrich.json", enrich_report.as_json(seen)), ("enrich.md", text)):
        click.echo(f"wrote {report.write_text(out / name, told)}", err=True)
    for words in seen.missed:
        click.echo(f"MISSED: {words}", err=True)
    if seen.missed:
        raise SystemExit(1)
