"""docs/tls.md: its commands make certificates that the house takes and clients believe, its YAML sets what it says."""

import re
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from identity import client_certificate
from identity.tls import Certificates
from identity.tls_settings import TlsSettings
from otelhouse import configuration

PAGE = (Path(__file__).parents[2] / "docs" / "tls.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_openssl_commands_make_certificates_for_mutual_tls(tmp_path):
    (commands,) = blocks("sh")
    subprocess.run(["sh", "-ec", commands], cwd=tmp_path, check=True, capture_output=True)
    files = {"certificate": "tls.crt", "key": "tls.key", "client_ca": "ca.crt"}
    door = Certificates(TlsSettings(**{name: tmp_path / file for name, file in files.items()})).at("rest")
    client = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    client.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
    ours, theirs = socket.socketpair()
    shown = []

    def serve():
        with door._context().wrap_socket(ours, server_side=True) as connection:
            shown.append(connection.getpeercert(binary_form=True))
            connection.recv(1)

    serving = threading.Thread(target=serve)
    serving.start()
    with client.wrap_socket(theirs, server_hostname="127.0.0.1") as connection:
        connection.sendall(b"x")
    serving.join(10)

    assert client_certificate.subject(shown[0]) == "CN=agent,O=shop"


def test_the_settings_are_what_the_house_takes(tmp_path):
    first, second, _, client = blocks("yaml")
    merged = first + second.replace("identity:\n  tls:\n", "") + client
    (tmp_path / "otelhouse.yaml").write_text(merged)

    settings = configuration.load(file=tmp_path / "otelhouse.yaml").settings

    assert all(settings.identity.tls.demands_certificate(door) for door in ("grpc", "http", "rest"))
    assert settings.client.key == Path("client.key")
