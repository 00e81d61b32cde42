"""`otelhouse bench canary-soak`: no false alarm of the canary while the house has much to do.

In: minutes, records a second. Out: a table on standard output, canary_soak.json and .md in the folder; the exit code is
1 if the canary gave alarm, or did not beat as often as it should.
"""

from pathlib import Path

import click

from bench import canary_soak, canary_soak_report, report
from bench.canary_soak import Plan


@click.command("canary-soak")
@click.option("--minutes", default=30.0, show_default=True, type=click.FloatRange(0.05), help="How long.")
@click.option(
    "--period",
    default=canary_soak_report.PACE,
    show_default=True,
    type=click.FloatRange(0.5, 3600),
    help="Seconds between two beats.",
)
@click.option(
    "--rate",
    default=canary_soak_report.RATE,
    show_default=True,
    type=click.FloatRange(1),
    help="Records a second: logs, spans and data points.",
)
@click.option("--out", default=Path("bench/results"), type=click.Path(path_type=Path), show_default=True)
def soak(minutes: float, period: float, rate: float, out: Path) -> None:
    """Whether the canary ever gives alarm in a busy house that is well."""
    seen = canary_soak.run(Plan(minutes, period, rate), lambda remark: click.echo(remark, err=True))
    seen = canary_soak_report.of_this_machine(seen)
    click.echo(text := canary_soak_report.as_markdown(seen))
    for name, told in (("canary_soak.json", canary_soak_report.as_json(seen)), ("canary_soak.md", text)):
        click.echo(f"wrote {report.write_text(out / name, told)}", err=True)
    if not seen.holds:
        click.echo(f"MISSED: {seen.alarms} alarms, {seen.done} beats of {seen.expected}", err=True)
        raise SystemExit(1)
