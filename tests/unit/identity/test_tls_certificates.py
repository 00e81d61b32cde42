"""The certificate in force: taken up when the files change, kept when the new ones are broken, told when it ends."""

import logging
import time
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from prometheus_client import CollectorRegistry

from identity import tls
from identity.tls import Certificates
from identity.tls_settings import TlsSettings

CA = trustme.CA()


def put(folder, leaf):
    (folder / "tls.crt").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    (folder / "tls.key").write_bytes(leaf.private_key_pem.bytes())
    (folder / "tls.key").chmod(0o600)


def valid_for(**span):
    return CA.issue_cert("house.example", not_after=datetime.now(UTC) + timedelta(**span))


@pytest.fixture
def clock():
    """Time for looking at files, which stands until it is moved."""

    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

        def pass_a_second(self):
            self.now += 1.0

    return Clock()


@pytest.fixture
def folder(tmp_path):
    put(tmp_path, valid_for(days=90))
    return tmp_path


@pytest.fixture
def settings(folder):
    return TlsSettings(certificate=folder / "tls.crt", key=folder / "tls.key", doors=("grpc", "rest"))


def test_new_files_are_in_force_within_a_second_and_not_looked_for_before(settings, folder, clock):
    certificates = Certificates(settings, clock)
    old = certificates.material
    put(folder, valid_for(days=180))

    assert certificates.material is old
    clock.pass_a_second()
    assert certificates.material.expires > old.expires


def test_files_that_stay_the_same_are_not_read_again(settings, clock):
    certificates = Certificates(settings, clock)
    old = certificates.material

    clock.pass_a_second()

    assert certificates.material is old


def test_broken_new_files_leave_the_old_in_force_and_are_told_once(settings, folder, clock, caplog):
    certificates = Certificates(settings, clock)
    old = certificates.material
    (folder / "tls.key").write_bytes(CA.issue_cert("other").private_key_pem.bytes())

    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            clock.pass_a_second()
            assert certificates.material is old

    assert "does not belong to the certificate" in certificates.problem
    assert caplog.text.count("are not in force") == 1


def test_a_mended_pair_ends_the_problem(settings, folder, clock):
    certificates = Certificates(settings, clock)
    old = certificates.material
    (folder / "tls.crt").unlink()
    clock.pass_a_second()
    assert certificates.material is old
    assert "cannot be read" in certificates.problem

    put(folder, valid_for(days=180))
    clock.pass_a_second()

    assert certificates.material is not old
    assert certificates.problem == ""


def test_relative_paths_mean_the_folder_of_the_start(folder, clock, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(folder)
    certificates = Certificates(TlsSettings(certificate="tls.crt", key="tls.key"), clock)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    put(folder, valid_for(days=180))
    clock.pass_a_second()

    assert certificates.material.expires > time.time() + 170 * tls.DAY
    assert certificates.problem == ""


@pytest.mark.parametrize(
    ("leaf", "told"),
    [
        (valid_for(days=13), "expires in 13.0 days"),
        (valid_for(seconds=-5), "has expired"),
        (
            CA.issue_cert("house.example", not_before=datetime.now(UTC) + timedelta(days=1)),
            "does not count yet",
        ),
    ],
    ids=["soon", "expired", "not yet"],
)
def test_a_certificate_near_or_past_its_end_is_warned_of_once_a_day(folder, settings, clock, caplog, leaf, told):
    put(folder, leaf)

    with caplog.at_level(logging.WARNING):
        certificates = Certificates(settings, clock)
        clock.pass_a_second()
        assert certificates.material

    assert caplog.text.count(told) == 1


def test_a_certificate_with_time_left_is_not_warned_of(settings, caplog):
    with caplog.at_level(logging.WARNING):
        Certificates(settings)

    assert not caplog.text


def test_its_figures_are_its_end_at_each_door_and_whether_newer_files_are_broken(settings, folder, clock):
    certificates, registry = Certificates(settings, clock), CollectorRegistry()
    certificates.count_in(registry)
    name = "otelhouse_tls_certificate_expiry_timestamp_seconds"

    assert registry.get_sample_value(name, {"door": "grpc"}) == certificates.material.expires
    assert registry.get_sample_value(name, {"door": "http"}) is None
    assert registry.get_sample_value("otelhouse_tls_reload_failed") == 0

    (folder / "tls.crt").write_text("broken")
    clock.pass_a_second()

    assert registry.get_sample_value(name, {"door": "rest"}) == certificates.material.expires
    assert registry.get_sample_value("otelhouse_tls_reload_failed") == 1


def test_a_door_in_plain_text_gets_nothing(settings):
    certificates = Certificates(settings)

    assert certificates.at("http") is None
    assert certificates.at("grpc").door == "grpc"
