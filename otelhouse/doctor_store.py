"""Doctor's look at ClickHouse: does it answer, is it one that can be used, and then at what is in it.

In: the settings. Out: findings. Makes nothing: where the embedded engine's folder does not exist yet, that is said.
"""

import contextlib
from collections.abc import Iterator

from otelhouse import doctor_clickhouse, doctor_tables
from otelhouse.doctor_checks import Diagnosis, failed, ok, warning
from otelhouse.opening import UNKNOWN_DATABASE, name_of
from otelhouse.settings import Settings
from sql import server_version
from store import opening
from store.errors import MisconfiguredError, StoreError
from store.port import Store


def check(settings: Settings) -> Iterator[Diagnosis]:
    """Look at the store of the settings."""
    store = settings.store
    name = name_of(store)
    try:
        if store.embedded and not store.path.expanduser().exists():
            yield ok(f"there is no {store.path} yet; `otelhouse up` makes it")
            return
        with contextlib.closing(opening.open_store(store)) as opened:
            yield from _look(opened, name, settings)
    except MisconfiguredError as error:
        if _no_database(error):
            yield failed(f"{name}: {error}", "make the database: otelhouse migrate")
        elif store.embedded:  # a folder belongs to one process alone
            yield warning(f"{name}: {error}", "if a house holds it, ask that one: GET /readyz")
        else:
            yield failed(f"{name}: {error}", "mend the settings under `store`")
    except (StoreError, OSError) as error:
        yield failed(f"{name}: {error}", "see that it runs, and `store.url`")


def _no_database(error: StoreError) -> bool:
    return error.code == UNKNOWN_DATABASE


def _look(store: Store, name: str, settings: Settings) -> Iterator[Diagnosis]:
    try:
        version = server_version.read(store)
        server_version.check(version)
    except server_version.UnsupportedVersionError as error:
        yield failed(str(error), "install another ClickHouse")
        return
    yield ok(f"{name} answers, version {version}")
    yield from doctor_clickhouse.look(store, settings)
    yield from doctor_tables.look(store, settings)
