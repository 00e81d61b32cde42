"""Which ClickHouse versions are taken, and what those that are not hear."""

import pytest

from sql import server_version
from sql.server_version import ServerVersion, UnsupportedVersionError
from store.errors import NotReachableError
from store.port import Answer, Column


class Asked:
    def __init__(self, version):
        self.version = version

    def select(self, select):
        if isinstance(self.version, Exception):
            raise self.version
        return Answer((Column("version", "String"),), [(self.version,)], 0.0, 1, 1, "")


@pytest.mark.parametrize(
    ("text", "version"), [("26.7.2.1", (26, 7)), ("25.9.1.1-alpine", (25, 9)), ("26.10", (26, 10))]
)
def test_a_version_is_its_year_and_month(text, version):
    assert server_version.read(Asked(text)) == ServerVersion(*version)


@pytest.mark.parametrize("version", [ServerVersion(25, 9), ServerVersion(25, 11), ServerVersion(26, 10)])
def test_a_version_that_can_do_the_work_is_taken(version):
    server_version.check(version)


@pytest.mark.parametrize("version", [ServerVersion(25, 8), ServerVersion(24, 12)])
def test_an_older_version_is_refused_and_told_the_lowest(version):
    with pytest.raises(UnsupportedVersionError, match=f"{version} is too old: 25.9 is the lowest"):
        server_version.check(version)


def test_the_version_with_a_broken_protobuf_reader_is_refused_with_its_issue():
    with pytest.raises(UnsupportedVersionError, match=r"25\.10 reports good .* 90017.* Take 25\.11"):
        server_version.check(ServerVersion(25, 10))


def test_versions_are_compared_as_numbers():
    assert ServerVersion(26, 10) > ServerVersion(26, 2) > ServerVersion(25, 12)


def test_what_is_no_version_is_said_so():
    with pytest.raises(UnsupportedVersionError, match="'unknown'"):
        server_version.read(Asked("unknown"))


def test_a_probe_that_fails_is_not_an_old_version():
    with pytest.raises(NotReachableError):
        server_version.read(Asked(NotReachableError("nobody answers")))
