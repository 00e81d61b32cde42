"""Addresses and settings of the store: what is understood, what is refused, and that no password shows."""

import pytest
from pydantic import ValidationError

from store import address
from store.address import Address
from store.settings import StoreSettings


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("clickhouse://ch", Address("ch", 9000, 8123)),
        ("clickhouse://u:p@ch:9001/db?http_port=8124", Address("ch", 9001, 8124)),
        ("clickhouses://ch", Address("ch", 9440, 8443, secure=True)),
        ("clickhouse://ch?secure=true&verify=false", Address("ch", 9440, 8443, secure=True, verify=False)),
        ("http://ch:8125/db?native_port=9002", Address("ch", 9002, 8125)),
        ("https://ch", Address("ch", 9440, 8443, secure=True)),
        ("http://[::1]:8123/", Address("::1", 9000, 8123)),
    ],
)
def test_an_address_names_both_ports(url, expected):
    assert address.parse(url) == expected


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ch:9000", "must begin with clickhouse://"),
        ("mysql://ch", "must begin with clickhouse://"),
        ("clickhouse:///db", "names no host"),
        ("clickhouse://ch/a/b", "path is the database alone"),
        ("clickhouse://ch?htp_port=1", "unknown URL parameter 'htp_port'"),
        ("clickhouse://ch:0x1", "port must be a number"),
        ("clickhouse://ch:70000", "port must be a number"),
        ("clickhouse://ch?http_port=0", "http_port=0 must be a number from 1 to 65535"),
        ("clickhouse://ch?verify=maybe", "verify=maybe must be true or false"),
        ("https://ch?secure=false", "say one of them"),
    ],
)
def test_a_wrong_address_is_refused_with_the_mend(url, says):
    with pytest.raises(ValidationError, match=says) as failure:
        StoreSettings(url=url)
    assert failure.value.errors()[0]["loc"] in {("url",), ()}


def test_credentials_move_out_of_the_url():
    settings = StoreSettings(url="clickhouse://al%40ice:s%2Fecret@ch:9000/my%20db?http_port=1")
    assert settings.url == "clickhouse://ch:9000/?http_port=1"
    assert (settings.username, settings.password.get_secret_value()) == ("al@ice", "s/ecret")
    assert settings.database == "my db"
    assert settings.address == Address("ch", 9000, 1)


def test_settings_given_beside_an_url_without_credentials_count():
    settings = StoreSettings(url="http://ch", username="bob", password="hidden", database="db")
    assert (settings.username, settings.password.get_secret_value(), settings.database) == ("bob", "hidden", "db")


def test_two_different_users_are_refused_by_the_keys_name():
    with pytest.raises(ValidationError, match="url and username name two different usernames"):
        StoreSettings(url="clickhouse://alice@ch", username="bob")


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "clickhouse://alice:hidden@ch", "password": "other"},
        {"url": "clickhouse://alice:hidden@ch?nope=1"},
        {"url": "clickhouse://alice:hidden@ch:port"},
        {"url": "alice:hidden@ch"},
        {"url": "clickhouse://alice:hidden@[ch"},
        {"url": "clickhouse://alice:hidden@ch", "pasword": "x"},
    ],
)
def test_no_message_repeats_a_password(wrong):
    with pytest.raises(ValidationError) as failure:
        StoreSettings(**wrong)
    assert "hidden" not in str(failure.value)


def test_no_print_shows_a_password():
    settings = StoreSettings(url="clickhouse://alice:hidden@ch")
    assert "hidden" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "hidden" not in repr(address.credentials("clickhouse://alice:hidden@ch"))


def test_no_url_means_the_embedded_engine():
    assert StoreSettings().embedded
    assert not StoreSettings(url="clickhouse://ch").embedded


@pytest.mark.parametrize("wrong", [{"pth": "x"}, {"compression": "gzip"}, {"select_connections": 0}, {"database": ""}])
def test_unknown_keys_and_bad_values_are_refused_by_name(wrong):
    with pytest.raises(ValidationError) as failure:
        StoreSettings(**wrong)
    assert failure.value.errors()[0]["loc"] == tuple(wrong)
