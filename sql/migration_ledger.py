"""What was done to a database, as otel_schema_migrations has it.

In: a store. Out: a `Ledger`. It refuses a database whose migrations are not those of this release: one that was
altered after it was applied, or one that this release does not know, which a newer release made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources

from sql.existing_tables import ExistingTables
from sql.rendering import fill
from sql.schema import Migration
from store.port import Select, Store

TABLE = "otel_schema_migrations"


class LedgerError(Exception):
    """The database's history and this release's files do not fit together."""


class Entry(StrEnum):
    """What a row of the ledger tells."""

    BEGUN = "begun"
    """Everything that was here before us has been written down as found."""
    FOUND = "found"
    """The object was here before us and is not altered."""
    ADOPTED = "adopted"
    """It was, and was altered when we were told to."""
    MIGRATION = "migration"
    DISTRIBUTED = "distributed"
    DICTIONARY = "dictionary"
    SINK = "sink"
    VIEW = "view"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The newest checksum of each kind and name."""

    checksums: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def has(self, entry: Entry, name: str) -> bool:
        """True if there is such an entry."""
        return (entry, name) in self.checksums

    def checksum(self, entry: Entry, name: str) -> str | None:
        """Give the newest checksum, None without an entry."""
        return self.checksums.get((entry, name))

    @property
    def begun(self) -> bool:
        """True once the objects that were here before us are known."""
        return self.has(Entry.BEGUN, "")

    def foreign(self, name: str) -> bool:
        """True for an object that was here before us and that nobody told us to adopt."""
        ours = self.has(Entry.ADOPTED, name) or self.has(Entry.VIEW, name)
        return self.has(Entry.FOUND, name) and not ours

    def ours_from_birth(self, name: str) -> bool:
        """True for an object that we made."""
        return not self.has(Entry.FOUND, name)


def read(store: Store, database: str, existing: ExistingTables) -> Ledger:
    """Read the ledger; an empty one if there is none yet. `database` is quoted."""
    if TABLE not in existing:
        return Ledger()
    rows = store.select(Select(fill(_text("records"), {"database": database}))).rows
    return Ledger({(str(kind), str(name)): str(checksum) for kind, name, checksum in rows})


def write(store: Store, database: str, entry: Entry, name: str, checksum: str = "") -> None:
    """Add a row; returns when ClickHouse has it."""
    parameters = {"kind": str(entry), "name": name, "checksum": checksum}
    store.select(Select(fill(_text("record"), {"database": database}), parameters))


def outstanding(ledger: Ledger, migrations: Sequence[Migration]) -> list[Migration]:
    """Give the migrations that are still to be applied, in order; raises `LedgerError` if the history does not fit."""
    known = {migration.name: migration for migration in migrations}
    applied = {name for kind, name in ledger.checksums if kind == Entry.MIGRATION}
    if strangers := sorted(applied - set(known)):
        raise LedgerError(
            f"this database has migrations that this release does not know ({', '.join(strangers)}): a newer otelhouse "
            "made them. Run that release, or a newer one."
        )
    for name in sorted(applied):
        if ledger.checksum(Entry.MIGRATION, name) not in {known[name].checksum, *known[name].earlier}:
            raise LedgerError(
                f"migration {name} was applied with another text than this release has. Migrations never change once "
                "released: put the file back as it was, and write what is new in a migration with the next number."
            )
    pending = [migration for migration in migrations if migration.name not in applied]
    if applied and pending and pending[0].name < max(applied):
        raise LedgerError(
            f"migration {pending[0].name} comes before {max(applied)}, which is applied: number it after that"
        )
    return pending


@cache
def _text(name: str) -> str:
    return (resources.files("sql") / "state" / f"{name}.sql").read_text(encoding="utf-8")
