"""The canary of a house whose doors speak TLS, ask for certificates of clients, and ask for tokens."""

import json
import shutil
import ssl
import subprocess
import time
import urllib.request

import pytest
import trustme
from running_house import WAIT, House, command, environment

from canary.finding import LEGS

OURS, THEIRS = trustme.CA(), trustme.CA()
QUICK = ("--set=canary.enabled=true", "--set=canary.period_s=2", "--set=canary.spot_every=1")
CASES = {
    "TLS": (),
    "certificates of clients": ("client_ca",),
    "certificates of clients at the doors of senders": ("client_ca", "senders"),
    "certificates of clients and tokens": ("client_ca", "tokens"),
}


def write(folder, name, leaf):
    for ending, content in (("key", leaf.private_key_pem.bytes()), ("crt", leaf.cert_chain_pems[0].bytes())):
        place = folder / f"{name}.{ending}"
        place.touch(mode=0o600)
        place.write_bytes(content)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    write(folder, "tls", OURS.issue_cert("127.0.0.1"))
    write(folder, "client", THEIRS.issue_cert(common_name="canary"))
    OURS.cert_pem.write_to_path(folder / "ca.crt")
    THEIRS.cert_pem.write_to_path(folder / "clients.crt")
    for kind, words in (("read", ("--role", "viewer")), ("ingest", ())):
        (folder / kind).write_text(token(folder, kind, *words))
    return folder


def token(folder, kind, *words):
    made = subprocess.run(
        command("token", "create", kind, "--file", str(folder / "tokens.json"), "--kind", kind, *words),
        env=environment(), capture_output=True, text=True, timeout=WAIT, check=True,
    )  # fmt: skip
    return next(word for word in made.stdout.split() if word.startswith(("ohr_", "ohi_")))


def of_the_house(files, *asked):
    flags = [f"--set=identity.tls.certificate={files / 'tls.crt'}", f"--set=identity.tls.key={files / 'tls.key'}"]
    if "client_ca" in asked:
        flags.append(f"--set=identity.tls.client_ca={files / 'clients.crt'}")
    if "senders" in asked:
        flags.append('--set=identity.tls.client_certificates_at=["grpc", "http"]')
    if "tokens" in asked:
        flags.append(f"--set=identity.tokens_file={files / 'tokens.json'}")
    return flags


def of_clients(files, *, certificate=True):
    names = {"ca": "ca.crt"} | ({"certificate": "client.crt", "key": "client.key"} if certificate else {})
    return [f"--set=client.{name}={files / place}" for name, place in names.items()]


def tokens(files):
    return [f"--set=canary.{kind}_token_file={files / kind}" for kind in ("ingest", "read")]


@pytest.fixture(scope="module", params=CASES)
def house(request, files, tmp_path_factory):
    asked = CASES[request.param]
    flags = [*of_the_house(files, *asked), *of_clients(files, certificate=bool(asked)), *QUICK]
    house = House(tmp_path_factory.mktemp("house"), *flags)
    try:
        yield house.up()
    finally:
        house.end()


def told_by(house, files):
    context = ssl.create_default_context(cafile=files / "ca.crt")
    context.load_cert_chain(files / "client.crt", files / "client.key")
    address = f"https://127.0.0.1:{house.ports['REST']}/api/v1/canary"
    asked = urllib.request.Request(address, headers={"authorization": f"Bearer {(files / 'read').read_text()}"})
    with urllib.request.urlopen(asked, timeout=WAIT, context=context) as answer:
        return json.loads(answer.read())


def until_complete(house, files):
    """What the canary says once every leg was looked at."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        told = told_by(house, files)
        if {one["leg"] for cluster in told["clusters"] for one in cluster["legs"]} == set(LEGS):
            return told
        time.sleep(0.5)  # the next beat is what is waited for, and no test hears of it but by asking
    pytest.fail(f"after {WAIT} s: {told}; {house.errors}")


def once(house, files, *flags):
    """`otelhouse canary --once` from outside."""
    names = {"rest_url": "REST", "grpc_url": "OTLP/gRPC", "http_url": "OTLP/HTTP", "mcp_url": "MCP"}
    urls = {name: f"https://127.0.0.1:{house.ports[place]}" for name, place in names.items()}
    urls["mcp_url"] += "/mcp"
    words = [f"--set=canary.{name}={url}" for name, url in urls.items()]
    words += flags
    kept = {name: value for name, value in environment().items() if not name.endswith("CA_BUNDLE")}
    return subprocess.run(
        command("canary", "--once", *words), env=kept, capture_output=True, text=True, timeout=WAIT, check=False
    )


def test_every_leg_is_whole(house, files):
    told = until_complete(house, files)

    (cluster,) = told["clusters"]
    assert told["canary"] == "running"
    assert [one for one in cluster["legs"] if one["state"] not in {"ok", "late"}] == []


def test_a_canary_from_outside_gets_through_with_the_files_of_clients(house, files):
    beaten = once(house, files, *of_clients(files), *tokens(files))

    assert beaten.returncode == 0, beaten.stdout + beaten.stderr


def test_one_that_does_not_trust_the_house_names_the_doors(house, files, tmp_path):
    strange = tmp_path / "strange"
    shutil.copytree(files, strange)
    trustme.CA().cert_pem.write_to_path(strange / "ca.crt")

    soon = ("--set=canary.give_up_s=5", "--set=canary.late_s=5")
    beaten = once(house, strange, *of_clients(strange), *tokens(files), *soon)

    assert beaten.returncode == 1, beaten.stdout + beaten.stderr
    assert "broken at accept-" in beaten.stdout + beaten.stderr
