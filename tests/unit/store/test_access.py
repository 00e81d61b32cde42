"""What the embedded engine is told, as it starts, of who may read what."""

from xml.etree import ElementTree as ET

import pytest

from store import access
from store.access import Readable
from store.errors import MisconfiguredError


def grants(path, role):
    root = ET.parse(path).getroot()  # noqa: S314 - our own text
    return [one.text for one in root.iterfind(f"roles/{role}/grants/query")]


def test_the_reader_gets_the_tables_and_nothing_else(tmp_path):
    path = access.write(tmp_path, Readable("telemetry", ("otel_logs", "otel_traces")))

    assert grants(path, access.READER_ROLE) == [
        "GRANT SELECT ON `telemetry`.`otel_logs`", "GRANT SELECT ON `telemetry`.`otel_traces`",
    ]  # fmt: skip


def test_without_tables_the_reader_may_do_nothing(tmp_path):
    assert grants(access.write(tmp_path, None), access.READER_ROLE) == []


def test_questions_may_read_every_table_and_do_nothing_else(tmp_path):
    assert grants(access.write(tmp_path, None), access.QUESTIONS_ROLE) == ["GRANT SELECT ON *.*"]


def test_the_user_has_no_right_that_a_session_could_keep(tmp_path):
    root = ET.parse(access.write(tmp_path, None)).getroot()  # noqa: S314 - our own text

    own = [one.text for one in root.iterfind("users/default/grants/query")]
    assert own == [f"GRANT {role}" for role in (access.HOUSE_ROLE, access.QUESTIONS_ROLE, access.READER_ROLE)]
    assert root.find("users/default/access_management") is None


@pytest.mark.parametrize("name", ["a b", "a`b", "a.b", "", "a</query>", "x;y"])
def test_a_name_with_signs_in_it_is_refused(tmp_path, name):
    with pytest.raises(MisconfiguredError):
        access.write(tmp_path, Readable("telemetry", (name,)))
    with pytest.raises(MisconfiguredError):
        access.write(tmp_path, Readable(name, ("otel_logs",)))


def test_a_folder_with_a_sign_of_xml_in_its_name_is_written_as_it_is(tmp_path):
    folder = tmp_path / "a<b"
    folder.mkdir()

    root = ET.parse(access.write(folder, None)).getroot()  # noqa: S314 - our own text

    assert root.findtext("user_directories/users_xml/path") == str(folder / access.FILE)
