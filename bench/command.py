"""`otelhouse bench ...`: measure this machine.

In: options. Out: a table on the terminal, and JSON, Markdown and a picture in a folder. `bench ingest` and `bench
spool` need a ClickHouse server that nothing else uses meanwhile: one given by URL, or one that they start themselves
(Linux on x86-64, with npm).
"""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from bench import (
    chaos_command,
    clickhouse_server,
    durability_benchmark,
    embedded_benchmark,
    ingest_benchmark,
    report,
    spool_benchmark,
    workloads,
)
from bench.clickhouse_meter import Meter
from bench.unavailable import UnavailableError
from store.settings import StoreSettings


@click.group()
def bench() -> None:
    """Measure this machine."""


@bench.command()
@click.option("--clickhouse", "url", default="", help="Server to measure; without it one is started.")
@click.option("--items", default=1_500_000, show_default=True, help="Items to send a workload.")
@click.option("--rounds", default=3, show_default=True, help="Rounds of load and floor in turns.")
@click.option("--workload", "names", multiple=True, type=click.Choice(list(workloads.SHAPES)), help="Only these.")
@click.option("--compression", multiple=True, type=click.Choice(["none", "gzip"]), help="Only these.")
@click.option("--out", default=Path("bench/results"), type=click.Path(path_type=Path), show_default=True)
def ingest(url: str, items: int, rounds: int, names: tuple[str, ...], compression: tuple[str, ...], out: Path) -> None:
    """CPU of ingester and of ClickHouse for an item, beside the Native floor of the same run."""
    plan = ingest_benchmark.Plan(items=items, rounds=rounds, compressions=compression or ("none", "gzip"))
    figures = []
    with _server(url) as (store_url, meter):
        version = _outside(meter).say("SELECT version() FORMAT TSV").decode().strip()
        for name in names or workloads.SHAPES:
            for chosen in plan.compressions:
                with _database(meter):
                    figures.append(ingest_benchmark.run(meter, store_url, workloads.SHAPES[name](), chosen, plan))
                click.echo(report.as_markdown(figures[-1:]).splitlines()[-1], err=True)
    click.echo(report.as_markdown(figures))
    for path in report.write(out, figures, version):
        click.echo(f"wrote {path}", err=True)


@bench.command()
@click.option("--clickhouse", "url", default="", help="Server to measure; without it one is started.")
@click.option("--items", default=1_500_000, show_default=True, help="Log records to send each way.")
@click.option("--rounds", default=3, show_default=True, help="Rounds of both ways in turns.")
@click.option(
    "--out",
    default=Path("bench/results"),
    type=click.Path(path_type=Path),
    show_default=True,
    help="Where the results go; the spool lies on the same disk.",
)
def spool(url: str, items: int, rounds: int, out: Path) -> None:
    """Throughput with the spool in the way of all (`spool.mode: always`), beside the direct way of the same run."""
    plan, workload = ingest_benchmark.Plan(items=items, rounds=rounds), workloads.flat_logs()
    out.mkdir(parents=True, exist_ok=True)
    with _server(url) as (store_url, meter), tempfile.TemporaryDirectory(prefix="spool-", dir=out) as folder:
        version = _outside(meter).say("SELECT version() FORMAT TSV").decode().strip()
        fsync = durability_benchmark.fsync_ms(Path(folder))
        direct, spooled = spool_benchmark.run(meter, store_url, workload, plan, Path(folder))
    found = spool_benchmark.Comparison(workload.name, direct, spooled, fsync)
    click.echo(text := spool_benchmark.as_markdown(found))
    for name, told in (("spool.json", spool_benchmark.as_json(found, version)), ("spool.md", text)):
        click.echo(f"wrote {report.write_text(out / name, told)}", err=True)


@contextlib.contextmanager
def _server(url: str) -> Iterator[tuple[str, Meter]]:
    """Give the server's address for the house, and a meter on it."""
    database = f"otelhouse_bench_{os.getpid()}"
    if url:
        settings = StoreSettings(url=url)
        where = settings.address
        http = f"{'https' if where.secure else 'http'}://{where.host}:{where.http_port}"
        yield url, Meter(http, database, settings.username, settings.password.get_secret_value())
        return
    try:
        clickhouse_server.fetch_library()
    except UnavailableError as error:
        message = f"no ClickHouse server can be started here: {error}; or give one with --clickhouse URL"
        raise click.ClickException(message) from error
    with clickhouse_server.ClickHouseServer() as server:
        yield server.url, Meter(f"http://{server.host}:{server.http_port}", database)


@contextlib.contextmanager
def _database(meter: Meter) -> Iterator[None]:
    """An empty database for one workload, gone after."""
    outside = _outside(meter)
    outside.say(f"CREATE DATABASE {meter.database}")
    try:
        yield
    finally:
        outside.say(f"DROP DATABASE {meter.database} SYNC")


def _outside(meter: Meter) -> Meter:
    """The same server, where the bench's own database need not exist."""
    return dataclasses.replace(meter, database="default")


@bench.command()
@click.option("--out", default=Path("bench/results"), type=click.Path(path_type=Path), show_default=True)
@click.option("--records", default=5_000_000, show_default=True, help="Log records to send.")
def embedded(records: int, out: Path) -> None:
    """Memory and answer times of `otelhouse up` on the embedded engine, while it is filled."""
    text = embedded_benchmark.as_text(embedded_benchmark.run(records))
    click.echo(text)
    click.echo(f"wrote {report.write_text(out / 'embedded.txt', text)}", err=True)


@bench.command()
@click.option("--out", default=Path("bench/results"), type=click.Path(path_type=Path), show_default=True)
@click.option("--inserts", default=12, show_default=True, help="INSERTs of each kind, with the setting off and on.")
@click.option("--door", "doors", multiple=True, type=click.Choice(["server", "embedded"]), help="Only this one.")
def durability(inserts: int, doors: tuple[str, ...], out: Path) -> None:
    """What `sql.fsync_inserts` costs an INSERT, through either door to ClickHouse."""
    try:
        found = [one for door in doors or ("server", "embedded") for one in durability_benchmark.run(door, inserts)]
    except UnavailableError as error:
        raise click.ClickException(f"{error}; or measure --door embedded alone") from error
    text = durability_benchmark.as_text(found, durability_benchmark.fsync_ms())
    click.echo(text)
    click.echo(f"wrote {report.write_text(out / 'durability.md', text)}", err=True)


bench.add_command(chaos_command.chaos)
