"""Who hangs up leaves nothing running: its statement is ended in ClickHouse, over both doors and for every format."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from uvicorn_serving import serve

from query.desk import Desk
from query.rest import build_app
from query.settings import QuerySettings
from sql.catalogue import Catalogue, read_question
from store.port import Limits, Select, Store

PATIENCE = 20.0
ENDLESS = """\
-- name: endless
-- summary: Never ends.
-- description: Counts on and on.
-- doors: rest
-- signals: none
-- limit rows: 10
-- limit seconds: 60
-- param limit: UInt32
--   default: 1
--   bounds: 1 .. 9
--   example: 1
--   help: Rows.
-- column found: UInt64
--   help: How many.
SELECT count() AS found
FROM numbers(1000000000000)
WHERE sipHash64(number) = 42
LIMIT {limit:UInt32}
"""
RUNNING = """
SELECT count() FROM system.processes
WHERE positionCaseInsensitive(query, 'sipHash64(number) = 42') > 0 AND query NOT LIKE '%system.processes%'
"""


@pytest.fixture
def port(store: Store) -> Iterator[int]:
    desk = Desk(store, Catalogue([read_question("endless.sql", ENDLESS)]), QuerySettings(max_seconds=60))
    app = build_app(desk, {}, CollectorRegistry())
    with serve(app) as port:
        yield port
    app.state.readiness.close()
    desk.close()


def running(store: Store) -> int:
    return int(str(store.select(Select(RUNNING, limits=Limits(seconds=5))).rows[0][0]))


def wait_until(store: Store, wanted: int) -> bool:
    """Bounded; nobody tells when a statement of another connection begins or ends."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while time.monotonic() < deadline:
        if running(store) == wanted:
            return True
        pause.wait(0.02)
    return False


@pytest.mark.parametrize("form", ["json", "arrow"])
@pytest.mark.timeout(120)
def test_a_statement_ends_in_clickhouse_when_its_asker_hangs_up(store, port, form):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as asker:
        asker.sendall(f"GET /api/v1/questions/endless?format={form} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        assert wait_until(store, 1), "it runs"
    left = time.monotonic()

    assert wait_until(store, 0), "it was ended"
    assert time.monotonic() - left < PATIENCE / 2
