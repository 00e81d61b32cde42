"""TLS and mutual TLS at both OTLP doors, with the OpenTelemetry SDK's own exporters as senders."""

import functools
import logging
import socket
import ssl
import time
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from authority import HouseFiles, authority, client
from door_harness import PATIENCE, opened
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry

from identity import tls_handshake
from identity.sender import Sender
from ingest import grpc_credentials, http_server
from ingest.admission import anybody
from ingest.grpc_door import GrpcDoor
from ingest.http_door import HttpDoor
from ingest.settings import GrpcSettings, HttpSettings, IngestSettings

SETTINGS = IngestSettings(grpc=GrpcSettings(port=0), http=HttpSettings(port=0))
DOORS = {"grpc": GrpcDoor, "http": HttpDoor}
OURS, THEIRS, STRANGERS = authority("house"), authority("senders"), authority("strangers")

both_doors = pytest.mark.parametrize("kind", ["grpc", "http"])


@pytest.fixture(autouse=True)
def only_what_is_given(monkeypatch):
    """What the machine trusts would come before what the HTTP exporter is given."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


@pytest.fixture
def files(tmp_path):
    files = HouseFiles(tmp_path, OURS)
    files.trust(THEIRS)
    return files


def listening(kind, certificates, admit=anybody):
    return opened(functools.partial(DOORS[kind], tls=certificates.at(kind)), SETTINGS, admit)


class Exporter:
    """The SDK's exporter of one transport, with a client's files."""

    def __init__(self, kind, port, files, timeout=PATIENCE):
        if kind == "http":
            paths = [path and str(path) for path in (files.ca, files.key, files.certificate)]
            self.exporter = HttpExporter(f"https://127.0.0.1:{port}/v1/logs", *paths, timeout=timeout)
        else:
            pem = [path and path.read_bytes() for path in (files.ca, files.certificate, files.key)]
            # Without a pool of its own, a new exporter would go on with the connection of the last one.
            alone = (("grpc.use_local_subchannel_pool", 1),)
            self.exporter = GrpcExporter(
                f"https://127.0.0.1:{port}",
                credentials=grpc_credentials.channel_credentials(*pem),
                timeout=timeout,
                channel_options=alone,
            )

    def send(self):
        """Whether the door acknowledged."""
        record = ReadableLogRecord(LogRecord(body="hello"), Resource({"service.name": "shop"}))
        return self.exporter.export([record]) is LogRecordExportResult.SUCCESS

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.exporter.shutdown()


def sends(kind, port, files):
    with Exporter(kind, port, files) as exporter:
        return exporter.send()


def is_refused(kind, port, files):
    """A refused handshake looks like an outage to the SDK, which tries again for as long as it may: not long here."""
    with Exporter(kind, port, files, timeout=0.8) as exporter:
        return not exporter.send()


@both_doors
def test_a_sender_that_trusts_the_ca_is_served(kind, files, tmp_path):
    with listening(kind, files.certificates()) as house:
        assert sends(kind, house.port, client(tmp_path, OURS))
        assert house.intake.next().sender.peer == "127.0.0.1"


@both_doors
def test_a_sender_that_does_not_trust_the_ca_sends_nothing(kind, files, tmp_path):
    with listening(kind, files.certificates()) as house:
        assert is_refused(kind, house.port, client(tmp_path, STRANGERS))
        assert house.intake.requests.empty()


@both_doors
@pytest.mark.parametrize("mutual", [True, False])
def test_the_subject_of_a_client_certificate_is_known_where_one_is_demanded(kind, files, tmp_path, mutual):
    subjects = []

    def admit(_authorization, peer, subject):
        subjects.append(subject.split(",")[0])
        return Sender(peer)

    with listening(kind, files.certificates(mutual=mutual), admit=admit) as house:
        assert sends(kind, house.port, client(tmp_path, OURS, THEIRS, name="checkout"))

    assert subjects == ["CN=checkout" if mutual else ""]


@both_doors
@pytest.mark.parametrize("shown", ["none", "of a stranger", "expired"])
def test_with_mutual_tls_other_certificates_are_refused(kind, files, tmp_path, shown):
    senders = {
        "none": client(tmp_path, OURS),
        "of a stranger": client(tmp_path, OURS, STRANGERS),
        "expired": client(tmp_path, OURS, THEIRS, not_after=datetime.now(UTC) - timedelta(1)),
    }

    with listening(kind, files.certificates(mutual=True)) as house:
        assert is_refused(kind, house.port, senders[shown])
        assert sends(kind, house.port, client(tmp_path, OURS, THEIRS))
        house.intake.next()
        assert house.intake.requests.empty()


@both_doors
def test_a_door_that_demands_no_certificate_takes_a_sender_without_one(kind, files, tmp_path):
    other = {"grpc": "http", "http": "grpc"}[kind]

    with listening(kind, files.certificates(mutual=True, client_certificates_at=(other,))) as house:
        assert sends(kind, house.port, client(tmp_path, OURS))


@both_doors
def test_a_client_ca_may_be_an_intermediate_one(kind, files, tmp_path):
    between = THEIRS.create_child_ca()
    files.trust(between)

    with listening(kind, files.certificates(mutual=True)) as house:
        assert sends(kind, house.port, client(tmp_path, OURS, between))
        assert is_refused(kind, house.port, client(tmp_path, OURS, STRANGERS))


@both_doors
def test_a_new_certificate_is_shown_to_new_connections_while_the_old_one_lives_on(kind, files, tmp_path):
    newer = authority("newer house")
    with listening(kind, files.certificates()) as house, Exporter(kind, house.port, client(tmp_path, OURS)) as old:
        assert old.send()

        files.show(newer)

        assert sends(kind, house.port, client(tmp_path, newer))
        assert is_refused(kind, house.port, client(tmp_path, OURS))
        assert old.send()


@both_doors
def test_a_client_of_a_removed_ca_is_refused_after_the_reload(kind, files, tmp_path):
    files.trust(THEIRS, STRANGERS)
    leaving = client(tmp_path, OURS, STRANGERS)
    with listening(kind, files.certificates(mutual=True)) as house:
        assert sends(kind, house.port, leaving)

        files.trust(THEIRS)

        assert is_refused(kind, house.port, leaving)
        assert sends(kind, house.port, client(tmp_path, OURS, THEIRS))


@both_doors
def test_a_broken_new_certificate_leaves_the_old_one_in_force(kind, files, tmp_path):
    certificates = files.certificates()
    with listening(kind, certificates) as house:
        assert sends(kind, house.port, client(tmp_path, OURS))

        (files.folder / "tls.crt").write_text("broken")
        files.clock.now += 1

        assert sends(kind, house.port, client(tmp_path, OURS))
        assert "holds no certificate" in certificates.problem


def handshake(port, context, *, send=b""):
    """What a bare connection gets: the TLS version, or the error."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as encrypted,
    ):
        encrypted.sendall(send)
        return encrypted.version(), encrypted.selected_alpn_protocol()


def old_context(ca):
    context = ssl.create_default_context(cafile=ca)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it is what the test is about
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@both_doors
def test_tls_1_1_is_refused(kind, files, tmp_path):
    with listening(kind, files.certificates()) as house, pytest.raises(OSError, match=r"(?i)version|EOF|reset"):
        handshake(house.port, old_context(client(tmp_path, OURS).ca))


@both_doors
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_tls_1_2_and_1_3_are_spoken(kind, files, tmp_path, version):
    protocol = {"grpc": "h2", "http": "http/1.1"}[kind]
    context = client(tmp_path, OURS).context()
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])

    with listening(kind, files.certificates()) as house:
        assert handshake(house.port, context) == (version.name.replace("_", "."), protocol)


def test_a_client_without_a_certificate_is_told_why(files, tmp_path):
    with listening("http", files.certificates(mutual=True)) as house, house_connection(house.port) as connection:
        encrypted = client(tmp_path, OURS).context().wrap_socket(connection, server_hostname="127.0.0.1")
        with encrypted, pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
            encrypted.recv(1)


def house_connection(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def test_plain_http_at_a_tls_port_is_told_so_at_once(files, tmp_path):
    with listening("http", files.certificates()) as house, house_connection(house.port) as connection:
        begun = time.monotonic()
        connection.sendall(b"POST /v1/logs HTTP/1.1\r\nhost: house\r\ncontent-length: 0\r\n\r\n")

        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
        assert time.monotonic() - begun < PATIENCE / 2
        assert sends("http", house.port, client(tmp_path, OURS))


def test_plain_grpc_at_a_tls_port_is_cut_off_at_once(files, tmp_path):
    with listening("grpc", files.certificates()) as house, house_connection(house.port) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))

        assert connection.recv(4096) == b""
        assert sends("grpc", house.port, client(tmp_path, OURS))


@both_doors
def test_tls_at_a_plain_port_is_cut_off_at_once_told_once_and_harms_nobody(kind, tmp_path, caplog):
    with opened(DOORS[kind], SETTINGS) as house:
        for _ in range(2):
            with pytest.raises(OSError, match=r"(?i)version|record|EOF|reset"):
                handshake(house.port, client(tmp_path, OURS).context())
        with house_connection(house.port) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: house\r\n\r\n")
            assert connection.recv(4096)

    assert caplog.text.count("TLS came to a port that speaks plain HTTP") == (1 if kind == "http" else 0)


@both_doors
def test_a_stalled_handshake_is_cut_off(kind, files, monkeypatch):
    monkeypatch.setattr(http_server, "HANDSHAKE_SECONDS", 0.2)
    monkeypatch.setattr(grpc_credentials, "HANDSHAKE_OPTIONS", [("grpc.server_handshake_timeout_ms", 200)])

    with listening(kind, files.certificates()) as house, house_connection(house.port) as connection:
        connection.sendall(b"\x16\x03\x01")
        assert connection.recv(1) == b""


def test_failed_handshakes_are_counted_and_told_a_line_a_minute(files, caplog):
    certificates, registry = files.certificates(), CollectorRegistry()
    certificates.count_in(registry)

    def fail(port):
        with house_connection(port) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert connection.recv(4096)

    with caplog.at_level(logging.WARNING, "identity.tls"), listening("http", certificates) as house:
        for _ in range(3):
            fail(house.port)
        files.clock.now += 60
        fail(house.port)

    name = "otelhouse_tls_failed_handshakes_total"
    assert registry.get_sample_value(name, {"door": "http", "reason": "plain_text"}) == 4
    why = tls_handshake._REASONS["HTTP_REQUEST"][1]
    assert [record.getMessage() for record in caplog.records] == [
        f"TLS handshakes failed at the http door: 1; the last: {why}",
        f"TLS handshakes failed at the http door: 3; the last: {why}",
    ]


def test_an_idle_connection_does_not_hold_up_the_end(files, tmp_path):
    with (
        listening("http", files.certificates()) as house,
        Exporter("http", house.port, client(tmp_path, OURS)) as sender,
    ):
        assert sender.send()
        begun = time.monotonic()
        house.stop(8.0)()

        assert time.monotonic() - begun < 4
