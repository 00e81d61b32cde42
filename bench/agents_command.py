"""`otelhouse bench agents`: whether agents find the cause, in how many calls and tokens.

In: which incidents, a seed. Out: progress on standard error, a table on standard output, with --write docs/figures/
agents.json and .md; the exit code is 1 if a bar was not reached.
"""

from pathlib import Path

import click

from bench import report
from bench.agents import running, scoring, table
from bench.agents.incidents import INCIDENTS

FIGURES = Path("docs/figures")


@click.command()
@click.option(
    "--incident", "names", multiple=True, type=click.Choice([one.name for one in INCIDENTS]), help="Only these."
)
@click.option("--seed", default=1, show_default=True, help="Of all names, ids and chances in the telemetry.")
@click.option("--write", is_flag=True, help=f"Write {FIGURES}/agents.json and .md, of all incidents.")
def agents(names: tuple[str, ...], seed: int, *, write: bool) -> None:
    """Whether a scripted agent finds the causes of seeded incidents, beside the same agent with nothing but SQL."""
    if write and names:
        raise click.UsageError("--write is for all incidents: leave --incident out")
    chosen = [one for one in INCIDENTS if one.name in names or not names]
    scores = running.run(chosen, seed, lambda words: click.echo(words, err=True))
    if all(one.is_control for one in scores):
        click.echo(f"the control is {'right' if all(one.right for one in scores) else 'WRONG'}")
        raise SystemExit(0 if all(one.right for one in scores) else 1)
    click.echo(text := table.as_markdown(scores, seed))
    if write:
        for name, told in (("agents.json", table.as_json(scores, seed)), ("agents.md", text)):
            click.echo(f"wrote {report.write_text(FIGURES / name, told)}", err=True)
    for words in (missed := scoring.missed(scores)):
        click.echo(f"NOT REACHED: {words}", err=True)
    if missed:
        raise SystemExit(1)
