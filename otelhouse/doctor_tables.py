"""Doctor's look at the tables: are they those of this release, do they let go of old rows, do retries stay out.

In: an open store and the settings. Out: findings. Tables that a collector's exporter made are welcome; what they lack
is said.
"""

from collections.abc import Iterator

from otelhouse import table_opening
from otelhouse.doctor_checks import Diagnosis, failed, ok, warning
from otelhouse.settings import Settings
from sql import catalogue, existing_tables, schema
from sql.cluster_migration import ClusterError, NodeError
from sql.existing_tables import ExistingTables, UnfitTableError
from sql.migrate import MigrationReport
from sql.migration_ledger import LedgerError
from sql.schema import Kind
from store.port import Limits, Select, Store

_LIMITS = Limits(seconds=10.0, rows=1000)
_TOLD = 5
"""Pending steps that are named; the rest is counted."""


def look(store: Store, settings: Settings) -> Iterator[Diagnosis]:
    """All of it. Raises `StoreError`."""
    try:
        report = table_opening.bring_up_to_date(store, settings, dry_run=True)
    except UnfitTableError as error:
        yield failed(str(error), "otelhouse migrate, once the table is out of the way")
        return
    except LedgerError as error:
        yield failed(str(error), "run the release that wrote it, or a newer one")
        return
    except (ClusterError, NodeError) as error:
        yield failed(str(error), "mend the cluster, or the settings that are about it; then run this again")
        return
    yield from _up_to_date(store, report)
    existing = existing_tables.read(store)
    yield from _left_alone(report, existing)
    yield from _kept_for_ever(existing)
    if "otel_dead_letters" in existing:
        yield from _letters(store)


def _up_to_date(store: Store, report: MigrationReport) -> Iterator[Diagnosis]:
    missing = store.select(Select(catalogue.probe("missing_tables"), limits=_LIMITS)).rows
    views = store.select(Select(catalogue.probe("missing_views"), limits=_LIMITS)).rows
    lost = [str(row[0]) for row in (*missing, *(view for view in views if view not in missing))]
    if lost:
        yield failed(f"missing: {', '.join(lost)}", "otelhouse migrate")
    elif report.pending:
        more = f" and {len(report.pending) - _TOLD} more" if len(report.pending) > _TOLD else ""
        yield failed(f"not of this release: {', '.join(report.pending[:_TOLD])}{more}", "otelhouse migrate")
    else:
        yield ok("all tables are there, and of this release")


def _left_alone(report: MigrationReport, existing: ExistingTables) -> Iterator[Diagnosis]:
    """Tables of others: what they lack, as a collector's exporter older than today's makes them."""
    for table in report.left_alone:
        if table not in existing.columns or not existing.columns[table]:
            continue
        ours = [name for name in existing_tables.columns_of_ours(table) if name not in existing.columns[table]]
        lacks = (
            f"lacks {len(ours)} columns of today's ({', '.join(ours[:_TOLD])}{', ...' if ours[_TOLD:] else ''}) and "
        )
        yield warning(
            f"{table} was made by somebody else and is left alone: it {lacks if ours else ''}stores what is sent twice "
            "twice",
            "otelhouse migrate --adopt adds what is missing and alters nothing else",
        )


def _kept_for_ever(existing: ExistingTables) -> Iterator[Diagnosis]:
    growing = [item.name for item in schema.objects() if item.kind is Kind.TABLE and "\nTTL " in item.text]
    endless = [name for name in growing if name in existing and "TTL" not in existing.definitions[name]]
    if endless:
        yield warning(
            f"rows are kept for ever, and the disk will fill up: {', '.join(endless)}",
            "set a number of days under sql.retention and run `otelhouse migrate`",
        )


def _letters(store: Store) -> Iterator[Diagnosis]:
    letters, newest = store.select(Select(catalogue.probe("newest_letter"), limits=_LIMITS)).rows[0]
    if letters:
        yield warning(
            f"{letters} dead letters wait, the newest of {newest} UTC: ClickHouse would not take these records",
            "otelhouse deadletter list",
        )
