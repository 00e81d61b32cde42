"""`otelhouse demo` sends over TLS with a token, and with a client certificate where one is demanded."""

import functools

import pytest
from authority import HouseFiles, authority, client
from click.testing import CliRunner
from door_harness import opened

from identity.errors import UnauthenticatedError
from identity.sender import Sender
from ingest.grpc_door import GrpcDoor
from ingest.http_door import HttpDoor
from ingest.settings import GrpcSettings, HttpSettings, IngestSettings
from otelhouse.__main__ import cli
from otelhouse.demo import sending
from otelhouse.invocation import Surroundings

SETTINGS = IngestSettings(grpc=GrpcSettings(port=0), http=HttpSettings(port=0))
DOORS = {"grpc": GrpcDoor, "http": HttpDoor}
OURS, THEIRS = authority("house"), authority("senders")


def admit(authorization, peer, subject):
    if authorization != "Bearer s3cret" or not subject.startswith("CN=demo,"):
        raise UnauthenticatedError("no")
    return Sender(peer)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("token", ["s3cret", "wr0ng"])
def test_the_demo_comes_in_with_its_token_and_certificate(protocol, token, tmp_path, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # the SDK's HTTP exporter would take these first
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sending, "TIMEOUT", 5)
    files = HouseFiles(tmp_path, OURS)
    files.trust(THEIRS)
    shown = client(tmp_path, OURS, THEIRS, name="demo")
    (tmp_path / "token").write_text(token)
    door = functools.partial(DOORS[protocol], tls=files.certificates(mutual=True).at(protocol))
    certificate = {
        "OTELHOUSE_CLIENT_CERTIFICATE": str(shown.certificate),
        "OTELHOUSE_CLIENT_KEY": str(shown.key),
    }

    with opened(door, SETTINGS, admit) as house:
        words = ["--protocol", protocol, "--endpoint", f"https://127.0.0.1:{house.port}", "--ca", str(shown.ca)]
        words += ["--token-file", str(tmp_path / "token")]
        result = CliRunner().invoke(cli, ["demo", *words], obj=Surroundings(certificate))

    assert (result.exit_code == 0) is (token == "s3cret"), result.output
    assert house.intake.requests.empty() is (token != "s3cret")
    assert token not in result.output
