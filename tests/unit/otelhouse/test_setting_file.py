"""The settings file: what YAML is taken, what is refused, and that each refusal names file and line."""

import pytest

from otelhouse import setting_file
from otelhouse.setting_file import SettingFileError, bare, read_setting_file, read_value


@pytest.fixture
def refused(tmp_path):
    def read(content):
        path = tmp_path / "house.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(SettingFileError) as caught:
            read_setting_file(path)
        return str(caught.value).replace(str(path), "FILE")

    return read


def test_values_come_with_the_line_of_their_key(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text("# a comment\nquery:\n\n  port: 8080\n  hosts:\n    - a\n    - b\n")

    query = read_setting_file(path)["query"]

    assert query.line == 2
    assert query.value["port"] == setting_file.Located(8080, 4)
    assert bare(query) == {"port": 8080, "hosts": ["a", "b"]}


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_bytes(b"\xef\xbb\xbflog: {}\n")

    assert set(read_setting_file(path)) == {"log"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8080", 8080),
        ("-1", -1),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("", None),
        ("[a, 1]", ["a", 1]),
        ("{a: 1}", {"a": 1}),
        # what YAML 1.1 would read as something else
        ("yes", "yes"),
        ("on", "on"),
        ("017", "017"),
        ("0x1f", "0x1f"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        (".inf", ".inf"),
        ("=", "="),
    ],
)
def test_plain_values_are_read_without_yaml_surprises(text, value):
    read = read_value(text)

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text", ["[a", "a: b: c", "*x", "&x 1", "!!python/name:os.system", "--- 1\n--- 2", "{a: 1, a: 2}"]
)
def test_a_text_that_is_not_one_plain_value_is_refused(text):
    with pytest.raises(ValueError, match=r"line 1|line 2|not YAML"):
        read_value(text)


def test_a_key_that_stands_twice_is_refused_with_both_lines(refused):
    assert refused("log:\n  level: info\n  format: text\n  level: debug\n") == (
        "FILE, line 4: the key 'level' stands twice, first in line 2"
    )


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "8080\n"])
def test_a_file_that_is_no_mapping_is_refused(refused, text):
    assert refused(text).startswith("FILE, line 1: the file must be a mapping of settings")


def test_broken_yaml_is_refused_with_its_line(refused):
    assert refused("log:\n  level: [info\n") == "FILE, line 3: not YAML: expected ',' or ']', but got '<stream end>'"


def test_a_key_that_is_no_text_is_refused(refused):
    assert refused("log:\n  1: info\n") == "FILE, line 2: the key 1 must be a text"


def test_anchors_are_refused(refused):
    assert refused("log: &a\n  level: info\n").startswith("FILE, line 1: not YAML: anchors and aliases")


def test_tags_are_refused(refused):
    assert refused("log:\n  level: !!binary aGk=\n").startswith("FILE, line 2: the tag")


def test_a_merge_key_is_no_more_than_a_key(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text('"<<": 1\n')

    assert set(read_setting_file(path)) == {"<<"}


def test_a_file_that_is_not_text_is_refused(refused):
    assert refused(b"log: \xff\n") == "FILE: not UTF-8 text (byte 5)"
    assert refused("log: \x00\n").startswith("FILE: not YAML")


def test_a_file_nested_too_deep_is_refused(refused):
    assert refused("a: " + "[" * 5000).startswith("FILE")


def test_a_file_that_is_too_large_is_refused(refused):
    assert refused("#" * (setting_file.MAX_BYTES + 1)).startswith("FILE: larger than")


def test_a_folder_is_no_settings_file(tmp_path):
    with pytest.raises(SettingFileError, match="cannot be read: Is a directory"):
        read_setting_file(tmp_path)
