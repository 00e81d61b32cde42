"""Who has the user of ClickHouse's own routes is held to its bounds of rows and bytes also beside the routes."""

import urllib.error
import urllib.request
from hashlib import sha256
from urllib.parse import urlencode

import pytest

from bench.clickhouse_server import ClickHouseServer
from sql import http_handlers
from sql.catalogue import load_catalogue
from sql.http_handlers import ReadingUser

pytestmark = pytest.mark.server

QUESTIONS = load_catalogue()
MOST = max(question.rows for question in QUESTIONS.behind(http_handlers.DOOR).values())
PASSWORD = "of the reader"
DEFAULT = "<default><password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>"
OWN = "<user_directories><users_xml><path>config.xml</path></users_xml></user_directories><quotas><default/></quotas>"


@pytest.fixture(scope="module")
def url():
    user = ReadingUser(password_sha256=sha256(PASSWORD.encode()).hexdigest(), rows=10, result_bytes=1024**2)
    config = (
        http_handlers.reader(QUESTIONS, user)
        .replace("<clickhouse>", f"<clickhouse>{OWN}", 1)
        .replace("<profiles>", "<profiles><default/>", 1)
        .replace("<users>", f"<users>{DEFAULT}</default>", 1)
    )
    with ClickHouseServer(config) as server:
        yield f"http://{server.host}:{server.http_port}/?{urlencode({'user': user.name, 'password': PASSWORD})}"


def ask(url, statement, **values):
    asked = {"query": statement, **{f"param_{name}": value for name, value in values.items()}}
    try:
        with urllib.request.urlopen(f"{url}&{urlencode(asked)}", timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def test_as_many_rows_come_as_the_largest_route_gives_and_no_more(url):
    numbers = "SELECT number FROM numbers({rows:UInt64})"

    assert len(ask(url, numbers, rows=MOST).splitlines()) == MOST
    assert "Limit for result exceeded" in ask(url, numbers, rows=MOST + 1)


def test_an_answer_of_too_many_bytes_is_refused(url):
    assert "Limit for result exceeded" in ask(url, "SELECT repeat(toString(number), 900000) FROM numbers(3)")


def test_no_request_raises_a_bound(url):
    assert "readonly" in ask(f"{url}&max_result_rows=0", "SELECT 1")
