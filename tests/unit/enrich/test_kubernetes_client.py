"""The client, over real sockets: credentials, streams that fall silent, answers that are too large or no answers."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from enrich import kubernetes_client
from enrich.kubernetes_api import JSON, ApiError, ClusterSettingsError, TooLargeError, UnreachableError
from enrich.kubernetes_client import open_api
from enrich.kubernetes_settings import ClusterConnection

SHAPE = "current-context: here\ncontexts: [{name: here, context: {cluster: c, user: u}}]\n"
CA = "certificate-authority-data"
STATUS = {"kind": "Status", "code": 429, "reason": "TooManyRequests", "message": "slow down"}
PATIENCE = 10.0


class Server:
    """Answers each path with what the test put there: a status and a body, or a function of the request."""

    def __init__(self):
        self.answers = {}
        self.tokens = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                served.tokens.append(self.headers.get("Authorization"))
                with contextlib.suppress(OSError):
                    served.answers[self.path.partition("?")[0]](self)

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=lambda: self._server.serve_forever(0.01), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def says(status, body, **headers):
    def answer(request):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def streams_until_it_closes(*chunks):
    """As an old proxy hands a stream on: without chunks, until the connection is closed."""

    def answer(request):
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        for chunk in chunks:
            request.wfile.write(chunk)
            request.wfile.flush()
        request.close_connection = True

    return answer


def streams(*chunks, then=None):
    def answer(request):
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for chunk in chunks:
            request.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            request.wfile.flush()
        if then is None:
            request.wfile.write(b"0\r\n\r\n")
        else:
            then(request)

    return answer


def break_off(request):
    request.connection.shutdown(2)
    request.close_connection = True


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def silence():
    """What a server does that says nothing more, until the test is over."""
    over = threading.Event()
    yield lambda _request: over.wait(PATIENCE)
    over.set()


def kubeconfig(path, url, *, token="first", current="here", contexts=("here", "there")):  # noqa: S107  of no value
    path.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": f"cluster-{name}", "cluster": {"server": url}} for name in contexts],
                "users": [{"name": "user", "user": {"token": token}}],
                "contexts": [
                    {"name": name, "context": {"cluster": f"cluster-{name}", "user": "user"}} for name in contexts
                ],
                "current-context": current,
            }
        )
    )
    return path


@pytest.fixture
def api(server, tmp_path):
    api = open_api(ClusterConnection(kubeconfig=kubeconfig(tmp_path / "config", server.url)), 5.0)
    yield api
    api.close()


def test_an_answer_is_given_as_it_came_and_asked_for_with_the_token(api, server):
    server.answers["/version"] = says(200, b'{"gitVersion": "v1.35.4"}')

    assert json.loads(api.get("/version", {"a": "b c"}, JSON)) == {"gitVersion": "v1.35.4"}
    assert server.tokens == ["Bearer first"]


def test_the_cluster_has_the_name_that_the_context_gives_it(api, server, tmp_path):
    assert api.cluster_name == "cluster-here"
    other = ClusterConnection(kubeconfig=tmp_path / "config", context="there")
    assert open_api(other, 5.0).cluster_name == "cluster-there"


def test_a_no_is_read_from_its_status(api, server):
    server.answers["/api"] = says(429, json.dumps(STATUS).encode(), Retry_After="7")

    with pytest.raises(ApiError, match="429 TooManyRequests: slow down") as refusal:
        api.get("/api", {}, JSON)
    assert refusal.value.retry_after == 7.0


@pytest.mark.parametrize("page", [b"<html>Bad Gateway</html>", b"[]", b""])
def test_a_no_that_is_no_status_is_a_no_all_the_same(api, server, page):
    server.answers["/api"] = says(502, page)

    with pytest.raises(ApiError) as refusal:
        api.get("/api", {}, JSON)
    assert refusal.value.status == 502


def test_a_redirect_is_not_followed_with_our_token(api, server):
    server.answers["/api"] = says(302, b"", Location="http://127.0.0.1:9/")

    with pytest.raises(ApiError) as refusal:
        api.get("/api", {}, JSON)
    assert refusal.value.status == 302


def test_a_token_that_was_replaced_on_the_disk_is_taken_up_when_the_old_one_is_refused(api, server, tmp_path):
    def answer(request):
        believed = request.headers["Authorization"] == "Bearer second"
        says(200, b"{}")(request) if believed else says(401, b'{"reason": "Unauthorized"}')(request)

    server.answers["/api"] = answer
    kubeconfig(tmp_path / "config", server.url, token="second")

    assert api.get("/api", {}, JSON) == b"{}"
    assert api.post("/api", {}) == b"{}"
    assert server.tokens == ["Bearer first", "Bearer second", "Bearer second"]


def test_a_token_that_stays_refused_is_told_after_one_more_attempt(api, server):
    server.answers["/api"] = says(401, b'{"reason": "Unauthorized"}')

    with pytest.raises(ApiError) as refusal:
        api.get("/api", {}, JSON)
    assert refusal.value.unauthorised
    assert len(server.tokens) == 2


def test_an_answer_that_is_too_large_is_not_held(api, server, monkeypatch):
    monkeypatch.setattr(kubernetes_client, "MAX_BYTES", 1000)
    server.answers["/api"] = says(200, b"x" * 2000)

    with pytest.raises(TooLargeError):
        api.get("/api", {}, JSON)


def test_a_stream_gives_lines_however_they_are_cut_into_chunks(api, server):
    server.answers["/watch"] = streams(b'{"a": 1}\n{"b"', b": 2}\n\n", b'{"c": 3}\n')

    with api.stream("/watch", {}, JSON, 5.0) as lines:
        assert list(lines) == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']


def test_a_stream_without_chunks_gives_lines_as_well(api, server):
    server.answers["/watch"] = streams_until_it_closes(b'{"a": 1}\n', b'{"b": 2}\n')

    with api.stream("/watch", {}, JSON, 5.0) as lines:
        assert list(lines) == [b'{"a": 1}', b'{"b": 2}']


def test_an_event_without_an_end_is_not_held(api, server, monkeypatch):
    monkeypatch.setattr(kubernetes_client, "MAX_LINE", 1000)
    server.answers["/watch"] = streams(b"x" * 2000)

    with api.stream("/watch", {}, JSON, 5.0) as lines, pytest.raises(TooLargeError):
        list(lines)


def test_a_stream_that_breaks_off_is_told_from_one_that_ends(api, server):
    server.answers["/watch"] = streams(b"1\n", then=break_off)

    with api.stream("/watch", {}, JSON, 5.0) as lines, pytest.raises(UnreachableError, match="broke off"):
        list(lines)


def test_a_stream_that_falls_silent_is_cut_off(api, server, silence):
    server.answers["/watch"] = streams(b"1\n", then=silence)

    with (
        api.stream("/watch", {}, JSON, 0.2) as lines,
        pytest.raises(UnreachableError, match=r"not a byte for 0\.2 seconds"),
    ):
        list(lines)


def test_a_silent_stream_is_cut_from_another_thread_at_once(api, server, silence):
    server.answers["/watch"] = streams(b"1\n", then=silence)

    with api.stream("/watch", {}, JSON, 60.0) as lines:
        each = iter(lines)
        assert next(each) == b"1"
        threading.Timer(0.05, lines.cut).start()
        with contextlib.suppress(UnreachableError):
            assert list(each) == []
        lines.cut()  # once more, after the end


def test_nobody_there_is_said_with_the_address(tmp_path, server):
    server.close()
    api = open_api(ClusterConnection(kubeconfig=kubeconfig(tmp_path / "config", server.url)), 5.0)

    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:\d+: ConnectionRefusedError: Connection refused"):
        api.get("/api", {}, JSON)


def test_a_server_that_never_ends_its_answer_is_not_waited_for(server, tmp_path):
    def drip(request):
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        over = threading.Event()
        while not over.wait(0.05):
            request.wfile.write(b"x")
            request.wfile.flush()

    server.answers["/api"] = drip
    api = open_api(ClusterConnection(kubeconfig=kubeconfig(tmp_path / "config", server.url)), 0.3)

    with pytest.raises(UnreachableError, match="took too long"):
        api.get("/api", {}, JSON)


def test_a_context_that_the_kubeconfig_does_not_have_is_refused_with_those_it_has(tmp_path):
    config = kubeconfig(tmp_path / "config", "http://127.0.0.1:1")

    with pytest.raises(ClusterSettingsError, match="has no context 'nowhere'; its contexts: here, there"):
        open_api(ClusterConnection(kubeconfig=config, context="nowhere"), 5.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file or directory"),
        ("", "has no current-context, and none is set; its contexts: none at all"),
        ("{", "cannot read the kubeconfig"),
        ("[1, 2]", "has no current-context"),
        ("contexts: [{name: here, context: {cluster: lost, user: lost}}]\ncurrent-context: here\n", "lost"),
        ("contexts: [here]\ncurrent-context: here\n", "does not have the shape of one"),
        ("contexts: [{name: here, context: lost}]\ncurrent-context: here\n", "does not have the shape of one"),
        ("contexts: here\ncurrent-context: [here]\n", "does not have the shape of one"),
        (f"{SHAPE}clusters: [c]\nusers: [u]\n", "mend the file"),
        (f"{SHAPE}clusters: c\nusers: [{{name: u}}]\n", "mend the file"),
        (f"{SHAPE}clusters: [{{name: c, cluster: {{server: [1], {CA}: '!!!x'}}}}]\nusers: []\n", "mend the file"),
        (f"{SHAPE}clusters: [{{name: c, cluster: {{server: 'https://x', {CA}: x}}}}]\nusers: []\n", "mend the file"),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_refused_with_its_name(tmp_path, content, words):
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ClusterSettingsError, match=words) as refusal:
        open_api(ClusterConnection(kubeconfig=path), 5.0)
    assert str(path) in str(refusal.value)


def test_outside_of_a_cluster_there_is_no_service_account(tmp_path):
    with pytest.raises(ClusterSettingsError, match=r"is this a pod\? Else set kubeconfig"):
        open_api(ClusterConnection(service_account=tmp_path), 5.0)


def test_a_kubeconfig_is_never_written_to(api, server, tmp_path):
    before = (tmp_path / "config").read_bytes()
    server.answers["/api"] = says(200, b"{}")

    api.get("/api", {}, JSON)

    assert (tmp_path / "config").read_bytes() == before
