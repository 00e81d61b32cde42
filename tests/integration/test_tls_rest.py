"""TLS at the REST window, as urllib3 and `otelhouse query` meet it."""

import asyncio
import json
import queue
import threading
from contextlib import contextmanager

import pytest
import urllib3
import uvloop
from authority import HouseFiles, authority, client
from click.testing import CliRunner

from ingest import http_server
from otelhouse.__main__ import cli
from otelhouse.invocation import Surroundings
from otelhouse.rest_server import RestServer

OURS, THEIRS, STRANGERS = authority("house"), authority("readers"), authority("strangers")
ANSWER = json.dumps({"columns": [], "rows": []}).encode()
HEADERS = [(b"x-otelhouse-rows", b"0"), (b"content-length", b"%d" % len(ANSWER))]


class Window:
    """A house's REST window, which remembers who came and what they showed."""

    def __init__(self):
        self.asked = queue.Queue()

    async def __call__(self, scope, receive, send):
        self.asked.put((http_server.certificate_subject(scope), dict(scope["headers"]), scope))
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": ANSWER})


@contextmanager
def listening(tls=None):
    """A window on an event loop of its own; gives it with its port."""
    loop, window = uvloop.new_event_loop(), Window()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = RestServer(window, "127.0.0.1", 0, tls)
    try:
        window.port = asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield window
        asyncio.run_coroutine_threadsafe(server.stop(1), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def files(tmp_path):
    files = HouseFiles(tmp_path, OURS)
    files.trust(THEIRS)
    return files


@contextmanager
def pool(window, shown):
    with urllib3.HTTPSConnectionPool("127.0.0.1", window.port, ssl_context=shown.context(), retries=False) as pool:
        yield pool


def get(window, shown):
    with pool(window, shown) as connections:
        return connections.request("GET", "/").status


def query(window, *flags, token="", scheme="https", **settings):
    environ = {f"OTELHOUSE_{name.upper()}": str(value) for name, value in settings.items()}
    environ |= {"OTELHOUSE_TOKEN": token} if token else {}
    words = ["query", "slow_traces", "--url", f"{scheme}://127.0.0.1:{window.port}", *map(str, flags)]
    return CliRunner().invoke(cli, words, obj=Surroundings(environ))


def test_urllib3_is_answered_over_tls_and_the_application_knows_the_version(files, tmp_path):
    with listening(files.certificates().at("rest")) as window:
        assert get(window, client(tmp_path, OURS)) == 200

    subject, _, scope = window.asked.get_nowait()
    assert subject == ""
    assert scope["scheme"] == "https"
    assert scope["extensions"]["tls"]["tls_version"] == 0x0304


def test_without_tls_nothing_is_said_of_it():
    with listening() as window:
        assert urllib3.request("GET", f"http://127.0.0.1:{window.port}/").status == 200

    subject, _, scope = window.asked.get_nowait()
    assert subject == ""
    assert "tls" not in scope["extensions"]


def test_with_mutual_tls_a_reader_is_known_by_its_certificate_on_every_request(files, tmp_path):
    with (
        listening(files.certificates(mutual=True).at("rest")) as window,
        pool(window, client(tmp_path, OURS, THEIRS, name="grafana")) as connections,
    ):
        for _ in range(2):
            assert connections.request("GET", "/").status == 200
            assert window.asked.get_nowait()[0].startswith("CN=grafana,")
        assert connections.num_connections == 1


@pytest.mark.parametrize("shown_by", [None, STRANGERS], ids=["none", "of a stranger"])
def test_with_mutual_tls_other_certificates_are_refused(files, tmp_path, shown_by):
    with (
        listening(files.certificates(mutual=True).at("rest")) as window,
        pytest.raises(urllib3.exceptions.HTTPError, match=r"(?i)alert (certificate required|unknown ca)"),
    ):
        get(window, client(tmp_path, OURS, shown_by))

    assert window.asked.empty()


def test_an_open_connection_outlives_a_new_certificate_and_new_ones_see_it(files, tmp_path):
    newer = authority("newer house")
    with (
        listening(files.certificates().at("rest")) as window,
        pool(window, client(tmp_path, OURS)) as old,
    ):
        assert old.request("GET", "/").status == 200

        files.show(newer)

        assert get(window, client(tmp_path, newer)) == 200
        assert old.request("GET", "/").status == 200
        assert old.num_connections == 1
        with pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            get(window, client(tmp_path, OURS))


def test_the_command_line_asks_with_a_ca_and_the_token_of_the_environment(files, tmp_path):
    with listening(files.certificates().at("rest")) as window:
        result = query(window, "--ca", client(tmp_path, OURS).ca, token="s3cret")

    assert result.exit_code == 0, result.output
    assert window.asked.get_nowait()[1][b"authorization"] == b"Bearer s3cret"


def test_a_token_file_beats_the_environment_and_its_line_end_does_not_count(files, tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    with listening(files.certificates().at("rest")) as window:
        query(window, "--ca", client(tmp_path, OURS).ca, "--token-file", tmp_path / "token", token="other")

    assert window.asked.get_nowait()[1][b"authorization"] == b"Bearer from-file"


def test_the_command_line_shows_its_certificate(files, tmp_path):
    shown = client(tmp_path, OURS, THEIRS, name="me")
    settings = {"client_ca": shown.ca, "client_certificate": shown.certificate, "client_key": shown.key}
    with listening(files.certificates(mutual=True).at("rest")) as window:
        result = query(window, **settings)

    assert result.exit_code == 0, result.output
    assert window.asked.get_nowait()[0].startswith("CN=me,")


def test_a_certificate_that_is_not_trusted_is_told_with_its_mend(files):
    with listening(files.certificates().at("rest")) as window:
        result = query(window)

    assert result.exit_code == 1
    assert "is not trusted" in result.output
    assert "--ca FILE" in result.output


def test_a_demanded_certificate_is_told_with_its_mend(files, tmp_path):
    with listening(files.certificates(mutual=True).at("rest")) as window:
        result = query(window, "--ca", client(tmp_path, OURS).ca)

    assert result.exit_code == 1
    assert "client.certificate and client.key" in result.output


@pytest.mark.parametrize(("encrypted", "asked"), [(True, "http"), (False, "https")])
def test_the_wrong_scheme_is_told_with_the_right_one(files, encrypted, asked):
    right = "https" if encrypted else "http"
    with listening(files.certificates().at("rest") if encrypted else None) as window:
        result = query(window, scheme=asked)

    assert result.exit_code in {1, 2}
    assert f"write {right} instead of {asked}" in result.output


@pytest.mark.parametrize(
    ("content", "told"), [(None, "cannot be read"), ("", "is empty"), ("two words", "one word"), ("käse", "one word")]
)
def test_a_token_file_without_a_token_is_told_and_its_content_is_not(tmp_path, content, told):
    if content is not None:
        (tmp_path / "token").write_text(content)
    window = Window()
    window.port = 1

    result = query(window, "--token-file", tmp_path / "token")

    assert result.exit_code == 2
    assert told in result.output
    assert "client.token_file" in result.output
    assert not content or content not in result.output
