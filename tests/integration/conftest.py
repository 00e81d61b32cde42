"""Fixtures for tests that ask questions: tables over each door, a desk, and a way to put rows in."""

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
from answers import NOON
from cluster_world import cluster, spread, whole, whole_east  # noqa: F401 - fixtures
from scoped_world import east, nothing, scoped_settings, world  # noqa: F401 - fixtures

import ready_tables
from query.desk import Desk
from query.settings import QuerySettings
from sql.catalogue import load_catalogue
from sql.settings import RetentionSettings, SchemaSettings
from store.opening import open_store
from store.port import Insert, Select, Setting, Store
from store.settings import StoreSettings

Put = Callable[..., None]
"""Takes a table, rows of it, and settings of the INSERT."""


@pytest.fixture(scope="module", params=["embedded", pytest.param("server", marks=pytest.mark.server)])
def question_tables(request: pytest.FixtureRequest) -> Iterator[Store]:
    """One database for all these tests, since making its tables takes longer than asking; `put` empties it again."""
    if request.param == "embedded":
        settings = StoreSettings(path=request.getfixturevalue("engine_folder"))
    else:
        settings = StoreSettings(url=request.getfixturevalue("clickhouse_server").url)
    name = f"questions_{os.getpid()}"
    outside = open_store(settings)
    outside.select(Select(f"CREATE DATABASE {name}"))
    store = open_store(settings.model_copy(update={"database": name}))
    # Rows are kept for ever, since the times in these tests are long past. That they are on the disk is no matter here.
    keep = RetentionSettings(logs_days=0, traces_days=0, metrics_days=0, events_days=0, objects_days=0)
    ready_tables.make(store, SchemaSettings(retention=keep, fsync_inserts=False))
    yield store
    store.close()
    outside.select(Select(f"DROP DATABASE {name} SYNC"))
    outside.close()


@pytest.fixture
def desk(question_tables: Store) -> Iterator[Desk]:
    # For the desk it is ten minutes past noon.
    desk = Desk(question_tables, load_catalogue(), QuerySettings(), now=lambda: (NOON + 600) * 10**9)
    yield desk
    desk.close()


@pytest.fixture
def put(question_tables: Store) -> Iterator[Put]:
    filled = {"otel_traces_trace_id_ts"}

    def put(table: str, rows: Sequence[Mapping[str, object]], **settings: Setting) -> None:
        filled.add(table)
        lines = [json.dumps(row).encode() + b"\n" for row in rows]
        question_tables.insert(Insert(table, "JSONEachRow", lines, settings=settings, token=uuid.uuid4().hex))

    yield put
    for table in filled:
        question_tables.select(Select(f"TRUNCATE TABLE {table}"))
