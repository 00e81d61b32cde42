"""The files of TLS: what is taken, and what is refused with setting, path and mend."""

import logging

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from identity import tls_files
from identity.tls_files import TlsError
from identity.tls_settings import TlsSettings

CA = trustme.CA()
OURS = CA.issue_cert("house.example")


@pytest.fixture
def files(tmp_path):
    """Settings whose files can be used."""
    (tmp_path / "tls.crt").write_bytes(b"".join(pem.bytes() for pem in OURS.cert_chain_pems))
    (tmp_path / "tls.key").write_bytes(OURS.private_key_pem.bytes())
    (tmp_path / "ca.crt").write_bytes(CA.cert_pem.bytes())
    (tmp_path / "tls.key").chmod(0o600)
    return TlsSettings(certificate=tmp_path / "tls.crt", key=tmp_path / "tls.key", client_ca=tmp_path / "ca.crt")


def refusal(settings):
    with pytest.raises(TlsError) as caught:
        tls_files.read(settings)
    return str(caught.value)


def test_a_good_pair_is_read_with_its_end(files):
    material = tls_files.read(files)

    expected = x509.load_pem_x509_certificate(OURS.cert_chain_pems[0].bytes()).not_valid_after_utc.timestamp()
    assert material.expires == expected
    assert material.client_ca_pem == CA.cert_pem.bytes()


def test_the_key_is_not_shown(files):
    assert "KEY" not in repr(tls_files.read(files))


@pytest.mark.parametrize("name", ["certificate", "key", "client_ca"])
def test_a_missing_file_is_named_with_its_setting(files, name):
    getattr(files, name).unlink()

    message = refusal(files)

    assert message.startswith(f"identity.tls.{name}: {getattr(files, name)} cannot be read (No such file")
    assert "give the path" in message


@pytest.mark.parametrize("name", ["certificate", "key", "client_ca"])
def test_a_file_that_is_no_pem_is_named_with_its_setting(files, name):
    getattr(files, name).write_text("hello")

    message = refusal(files)

    assert message.startswith(f"identity.tls.{name}: {getattr(files, name)} holds no ")
    assert "must begin with" in message


def test_a_file_of_any_size_is_not_taken_in(files):
    files.certificate.write_bytes(b"x" * (tls_files.MAX_FILE_BYTES + 1))

    assert f"more than {tls_files.MAX_FILE_BYTES} bytes" in refusal(files)


def test_a_key_of_another_certificate_is_refused(files):
    files.key.write_bytes(CA.issue_cert("house.example").private_key_pem.bytes())

    message = refusal(files)

    assert message.startswith(
        f"identity.tls.key: {files.key} does not belong to the certificate in {files.certificate}"
    )


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_a_password(files):
    key = load_pem_private_key(files.key.read_bytes(), None)
    secret = BestAvailableEncryption(b"secret")
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))

    assert "is encrypted: decrypt it with" in refusal(files)


def test_a_key_that_everybody_can_read_is_warned_of(files, caplog):
    files.key.chmod(0o644)

    with caplog.at_level(logging.WARNING):
        tls_files.read(files)

    assert f"identity.tls.key: {files.key} is open to every user of this machine (644)" in caplog.text


def test_a_key_that_only_the_group_can_read_is_not(files, caplog):
    files.key.chmod(0o440)

    with caplog.at_level(logging.WARNING):
        tls_files.read(files)

    assert not caplog.text


def test_a_swapped_symlink_is_another_state_though_times_and_sizes_are_the_same(files, tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        folder.mkdir()
        for name in ("certificate", "key", "client_ca"):
            (folder / name).write_bytes(getattr(files, name).read_bytes())
    data = tmp_path / "..data"
    data.symlink_to(before)
    linked = TlsSettings(**{name: data / name for name in ("certificate", "key", "client_ca")})
    first = tls_files.stamp(linked)

    (tmp_path / "next").symlink_to(after)
    (tmp_path / "next").rename(data)

    assert tls_files.stamp(linked) != first


def test_a_state_that_changes_while_it_is_read_is_refused(files, monkeypatch):
    stamps = iter([(None,), ((1, 2, 3, 4, 5),)])
    monkeypatch.setattr(tls_files, "stamp", lambda _: next(stamps))

    assert "changed while they were read" in refusal(files)
