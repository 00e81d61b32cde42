"""`otelhouse bench ...`: measure this machine.

In: options. Out: a table on the terminal, and JSON, Markdown and a picture in a folder. `bench ingest` and `bench
spool` need a ClickHouse server that nothing else uses meanwhile: one given by URL, or one that they start themselves
(Linux on x86-64, with npm).
"""

import contextlib
import dataclasses
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from bench import (
    agents_command,
    canary_benchmark,
    canary_job,
    canary_job_report,
    canary_soak_command,
    chaos_command,
    clickhouse_server,
    durability_benchmark,
    embedded_benchmark,
    enrich_command,
    ingest_benchmark,
    mcp_benchmark,
    mcp_report,
    question_benchmark,
    question_cases,
    question_report,
    report,
    spool_benchmark,
    stream_benchmark,
    stream_report,
    workloads,
)
from bench.clickhouse_meter import Meter
from bench.unavailable import UnavailableError
from store.opening import open_store
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
@click.option("--enrichment", multiple=True, type=click.Choice(["off", "on"]), help="Only these.")
@click.option("--out", default=Path("bench/results"), type=click.Path(path_type=Path), show_default=True)
def ingest(  # noqa: PLR0913  one for each option
    *,
    url: str,
    items: int,
    rounds: int,
    names: tuple[str, ...],
    compression: tuple[str, ...],
    enrichment: tuple[str, ...],
    out: Path,
) -> None:
    """CPU of ingester and of ClickHouse for an item, beside the Native floor of the same run."""
    compressions = compression or ("none", "gzip")
    plans = [ingest_benchmark.Plan(items, rounds, compressions, one == "on") for one in enrichment or ("off", "on")]
    figures = []
    with _server(url) as (store_url, meter):
        version = _version(meter)
        for name, chosen, plan in itertools.product(names or workloads.SHAPES, compressions, plans):
            with _database(meter):
                figures.append(ingest_benchmark.run(meter, store_url, workloads.SHAPES[name](), chosen, plan))
            click.echo(report.as_markdown(figures[-1:]).splitlines()[-1], err=True)
    click.echo(report.as_page(figures))
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
        version = _version(meter)
        fsync = durability_benchmark.fsync_ms(Path(folder))
        direct, spooled = spool_benchmark.run(meter, store_url, workload, plan, Path(folder))
    found = spool_benchmark.Comparison(workload.name, direct, spooled, fsync)
    click.echo(text := spool_benchmark.as_markdown(found))
    for name, told in (("spool.json", spool_benchmark.as_json(found, version)), ("spool.md", text)):
        click.echo(f"wrote {report.write_text(out / name, told)}", err=True)


@contextlib.contextmanager
def _server(url: str, keep: Path | None = None) -> Iterator[tuple[str, Meter]]:
    """Give the server's address for the house, and a meter on it; `keep`: where the one that is started lies."""
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
    with clickhouse_server.ClickHouseServer(folder=keep) as server:
        yield server.url, Meter(f"http://{server.host}:{server.http_port}", database)


_KEPT = "otelhouse_bench_kept"


@contextlib.contextmanager
def _kept_database(meter: Meter) -> Iterator[Meter]:
    """The database of a folder that stays; it may hold what a run before made."""
    _outside(meter).say(f"CREATE DATABASE IF NOT EXISTS {_KEPT}")
    yield dataclasses.replace(meter, database=_KEPT)


@contextlib.contextmanager
def _database(meter: Meter) -> Iterator[Meter]:
    """An empty database for one workload, gone after."""
    outside = _outside(meter)
    outside.say(f"CREATE DATABASE {meter.database}")
    try:
        yield meter
    finally:
        outside.say(f"DROP DATABASE {meter.database} SYNC")


def _version(meter: Meter) -> str:
    return _outside(meter).say("SELECT version() FORMAT TSV").decode().strip()


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
@click.option("--viewers", default=5_000, show_default=True, help="Streams that are open at once.")
@click.option("--rate", default=5.0, show_default=True, help="Events a second.")
@click.option("--seconds", default=20.0, show_default=True, help="How long events are sent.")
def streams(out: Path, viewers: int, rate: float, seconds: float) -> None:
    """How soon events reach who watches, how many may watch, and what ClickHouse pays for it."""
    found = stream_benchmark.run(viewers, rate, seconds, [rate * factor for factor in (1.5, 2, 3, 4, 6, 8)])
    click.echo(text := stream_report.as_markdown(found, report.machine()))
    for name, told in (("streams.json", stream_report.as_json(found)), ("streams.md", text)):
        click.echo(f"wrote {report.write_text(out / name, told)}", err=True)


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


@bench.command()
@click.option("--clickhouse", "url", default="", help="Server to measure; without it one is started.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the server that is started. What is made stays there, and is asked again the next time.",
)
@click.option(
    "--logs", default=100_000_000, show_default=True, help="Log records to make; some 100 bytes of disk each."
)
@click.option("--days", default=5.0, show_default=True, help="Days that they lie over; may be a part of one.")
@click.option("--askings", default=20, show_default=True, help="How often each question is asked.")
@click.option("--out", default=Path("bench/results"), type=click.Path(path_type=Path), show_default=True)
def questions(url: str, keep: Path | None, logs: int, days: float, askings: int, out: Path) -> None:
    """How long questions take over many stored logs, which are made inside ClickHouse."""
    if url and keep:
        raise click.UsageError("--keep is for the server that is started here, and not for one that is given")
    plan = question_benchmark.Plan(logs, days, askings)
    with _server(url, keep) as (store_url, outer), (_kept_database if keep else _database)(outer) as meter:
        store = open_store(StoreSettings(url=store_url, database=meter.database))
        try:
            fleet = question_benchmark.prepare(store, plan, _say)
            asking = question_benchmark.Asking(_outside(meter).cpu_seconds, _say)
            timed = question_benchmark.measure(store, fleet, question_cases.CASES, asking)
            stored, version = question_benchmark.stored(store), _version(meter)
        except ValueError as problem:
            raise click.ClickException(str(problem)) from problem
        finally:
            store.close()
    seen = question_report.found(fleet, timed, stored, version)
    click.echo(text := question_report.as_markdown(seen))
    for name, told in (("questions.json", question_report.as_json(seen)), ("questions.md", text)):
        click.echo(f"wrote {report.write_text(out / name, told)}", err=True)


@bench.command()
@click.option("--clickhouse", "url", default="", help="Server to measure; without it one is started.")
@click.option("--logs", default=10_000_000, show_default=True, help="Log records to make.")
@click.option("--days", default=5.0, show_default=True, help="Days over which they lie; may be a part of one.")
@click.option("--askings", default=20, type=click.IntRange(2), show_default=True, help="Calls of each tool.")
@click.option("--out", default=Path("bench/results"), type=click.Path(path_type=Path), show_default=True)
def mcp(url: str, logs: int, days: float, askings: int, out: Path) -> None:
    """How long agents wait for a tool over many stored rows, which are made inside ClickHouse."""
    with _server(url) as (store_url, meter), _database(meter):
        store = open_store(StoreSettings(url=store_url, database=meter.database))
        try:
            fleet = question_benchmark.fill(store, question_benchmark.Plan(logs, days), _say)
            plan = mcp_benchmark.Plan(askings, _outside(meter).cpu_seconds, _say)
            seen = mcp_report.found(fleet, mcp_benchmark.measure(store, fleet, plan), _version(meter))
        finally:
            store.close()
    click.echo(text := mcp_report.as_markdown(seen))
    for name, told in (("mcp.json", mcp_report.as_json(seen)), ("mcp.md", text)):
        click.echo(f"wrote {report.write_text(out / name, told)}", err=True)


@bench.command()
@click.option("--clickhouse", "url", default="", help="Server to measure; without it one is started.")
@click.option("--engine", "engines", multiple=True, type=click.Choice(["embedded", "server"]), help="Only this one.")
@click.option("--beats", default=12, show_default=True, type=click.IntRange(1, 1000), help="Beats that count.")
@click.option(
    "--job-beats",
    default=canary_job.BEATS,
    show_default=True,
    type=click.IntRange(2, 1000),
    help="Beats of a job beside a house on a server, as in a cluster.",
)
@click.option("--out", default=Path("bench/results"), type=click.Path(path_type=Path), show_default=True)
def canary(url: str, engines: tuple[str, ...], beats: int, job_beats: int, out: Path) -> None:
    """CPU of the house for a beat of the canary, and what part of a core that is once a minute; of a job the same."""
    chosen, found, texts = engines or ("embedded", "server"), [], dict[str, str]()
    if "embedded" in chosen:
        found.append(canary_benchmark.run("embedded", {}, beats))
    if "server" in chosen:
        with _server(url) as (store_url, meter), _database(meter):
            store = {"OTELHOUSE_STORE_URL": store_url, "OTELHOUSE_STORE_DATABASE": meter.database}
            found.append(canary_benchmark.run("server", store, beats, _outside(meter).cpu_seconds))
            job = canary_job.run(store, _outside(meter).cpu_seconds, job_beats)
        texts["canary_job.md"] = canary_job_report.as_markdown(job, report.machine())
        texts["canary_job.json"] = canary_job_report.as_json(job, report.machine())
    for one in found:
        texts[f"canary_{one.engine}.md"] = canary_benchmark.as_markdown(one, report.machine())
    for name, text in texts.items():
        if name.endswith(".md"):
            click.echo(text)
        click.echo(f"wrote {report.write_text(out / name, text)}", err=True)


def _say(remark: str) -> None:
    click.echo(remark, err=True)


bench.add_command(agents_command.agents)
bench.add_command(canary_soak_command.soak)
bench.add_command(chaos_command.chaos)
bench.add_command(enrich_command.enrich)
