"""A house with mutual TLS at every door, as its users have it: started, sent to, asked, and given a new certificate."""

import json
import shutil
import socket
import subprocess

import pytest
import trustme
from running_house import WAIT, House, command, environment

OURS, THEIRS = trustme.CA(), trustme.CA()


def write(folder, name, leaf):
    new = folder / "new"
    for ending, content in (("key", leaf.private_key_pem.bytes()), ("crt", leaf.cert_chain_pems[0].bytes())):
        new.write_bytes(content)
        new.chmod(0o600)
        new.rename(folder / f"{name}.{ending}")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    write(folder, "tls", OURS.issue_cert("127.0.0.1"))
    write(folder, "client", THEIRS.issue_cert(common_name="me"))
    OURS.cert_pem.write_to_path(folder / "ca.crt")
    THEIRS.cert_pem.write_to_path(folder / "clients.crt")
    return folder


@pytest.fixture(scope="module")
def house(files, tmp_path_factory):
    places = {"certificate": "tls.crt", "key": "tls.key", "client_ca": "clients.crt"}
    flags = [f"--set=identity.tls.{name}={files / place}" for name, place in places.items()]
    house = House(tmp_path_factory.mktemp("house"), *flags)
    try:
        yield house.up()
    finally:
        house.end()


def run(house, files, *words):
    """A command of the house's own, which is told what it listens on and where its files lie."""
    variables = {
        "OTELHOUSE_QUERY_PORT": house.ports["REST"],
        "OTELHOUSE_INGEST_GRPC_PORT": house.ports["OTLP/gRPC"],
        "OTELHOUSE_INGEST_HTTP_PORT": house.ports["OTLP/HTTP"],
        "OTELHOUSE_IDENTITY_TLS_CERTIFICATE": files / "tls.crt",
        "OTELHOUSE_IDENTITY_TLS_KEY": files / "tls.key",
        "OTELHOUSE_CLIENT_CA": files / "ca.crt",
        "OTELHOUSE_CLIENT_CERTIFICATE": files / "client.crt",
        "OTELHOUSE_CLIENT_KEY": files / "client.key",
    }
    kept = {name: value for name, value in environment(**variables).items() if not name.endswith("CA_BUNDLE")}
    return subprocess.run(command(*words), env=kept, capture_output=True, text=True, timeout=WAIT, check=False)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_the_demo_sends_can_be_asked_for(house, files, protocol):
    sent = run(house, files, "demo", "--protocol", protocol)
    assert sent.returncode == 0, sent.stderr

    asked = run(house, files, "query", "slow_traces", "--format", "json")

    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["rows"]


def test_who_shows_no_certificate_learns_nothing(house, files, tmp_path):
    nobody = tmp_path / "nobody"
    shutil.copytree(files, nobody)
    write(nobody, "client", trustme.CA().issue_cert(common_name="stranger"))

    asked = run(house, nobody, "query", "slow_traces")

    assert asked.returncode == 1
    assert "client.certificate" in asked.stderr


def test_strangers_who_fail_their_handshake_do_not_fill_the_log(house):
    before = len(house.errors)
    for _ in range(20):
        for door in ("OTLP/gRPC", "OTLP/HTTP", "REST"):
            with socket.create_connection(("127.0.0.1", house.ports[door]), timeout=WAIT) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nhost: house\r\n\r\n")
                connection.recv(4096)

    assert len(house.errors) - before <= 2, house.errors[before:]


def test_a_house_whose_key_is_missing_does_not_start(files, tmp_path):
    flags = [f"--set=identity.tls.certificate={files / 'tls.crt'}", "--set=identity.tls.key=missing.key"]

    started = subprocess.run(
        command("up", *flags),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )

    assert started.returncode == 1
    assert f"identity.tls.key: {tmp_path / 'missing.key'} cannot be read" in started.stderr
