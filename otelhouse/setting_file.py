"""The settings file: YAML in, plain values with their lines out.

YAML's traps are closed here: `yes` and `on` are texts and no booleans, `017` is no octal number, `12:30` is
no number to base 60, anchors, merges and tags are refused, and so is a key that stands twice. Which keys
exist is not known here: `otelhouse.configuration` judges that.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

MAX_BYTES = 1 << 20
"""A settings file is written by hand; a larger one is the wrong file."""


class SettingFileError(Exception):
    """The file cannot be read as one mapping of settings. The message names the file and, where known, the
    line."""


@dataclass(frozen=True, slots=True)
class Located:
    """A value and the line of its key, counted from 1."""

    value: object
    """A `dict[str, Located]` for a mapping, plain data otherwise."""
    line: int


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's few plain types instead of YAML 1.1's many."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML reads it off the class

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse anchors and aliases: a value that stands elsewhere has no line of its own to be named by."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave the parser untyped
        if getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(None, None, "anchors and aliases are not taken", event.start_mark)
        return super().compose_node(parent, index)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    (
        "float",
        r"[-+]?(([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)

_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map"))


def read_setting_file(path: Path) -> dict[str, Located]:
    """The mapping in the file at `path`; an empty file gives an empty mapping. Raises `SettingFileError`."""
    return _Reader(path).mapping(_text(path))


def read_value(text: str) -> object:
    """One value written as YAML, as in an environment variable: ``8080``, ``true``, ``[a, b]``.

    Raises `ValueError` for text that is not one plain value.
    """
    try:
        return _Reader(Path("value")).plain(text)
    except SettingFileError as error:
        raise ValueError(str(error)) from error


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            message = f"{path}: larger than {MAX_BYTES} bytes, which no settings file is"
            raise SettingFileError(message)
        return raw.decode("utf-8-sig")
    except FileNotFoundError as error:
        message = f"{path}: no such settings file"
        raise SettingFileError(message) from error
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise SettingFileError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 text (byte {error.start})"
        raise SettingFileError(message) from error


class _Reader:
    """One file being read; it exists to name the file in every refusal."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def mapping(self, text: str) -> dict[str, Located]:
        loader, node = self._root(text)
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise self._refusal(node, "the file must be a mapping of settings, such as `ingest:` with keys below it")
        return self._pairs(loader, node)

    def plain(self, text: str) -> object:
        loader, node = self._root(text)
        return None if node is None else _bare(self._value(loader, node))

    def _root(self, text: str) -> tuple[_Loader, yaml.Node | None]:
        try:
            loader = _Loader(text)
            return loader, loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            message = f"{self._path}{line}: not YAML: {error.problem}"
            raise SettingFileError(message) from error
        except yaml.YAMLError as error:
            message = f"{self._path}: not YAML: {' '.join(str(error).split())}"
            raise SettingFileError(message) from error
        except RecursionError as error:
            message = f"{self._path}: nested too deep"
            raise SettingFileError(message) from error

    def _pairs(self, loader: _Loader, node: yaml.MappingNode) -> dict[str, Located]:
        found: dict[str, Located] = {}
        for key_node, value_node in node.value:
            key = self._value(loader, key_node)
            if not isinstance(key, str):
                raise self._refusal(key_node, f"the key {key!r} must be a text")
            line = key_node.start_mark.line + 1
            if key in found:
                raise self._refusal(key_node, f"the key {key!r} stands twice, first in line {found[key].line}")
            found[key] = Located(self._value(loader, value_node), line)
        return found

    def _value(self, loader: _Loader, node: yaml.Node) -> object:
        if node.tag not in _TAGS:
            raise self._refusal(node, f"the tag {node.tag} is not taken, write a plain value")
        if isinstance(node, yaml.MappingNode):
            return self._pairs(loader, node)
        if isinstance(node, yaml.SequenceNode):
            return [_bare(self._value(loader, item)) for item in node.value]
        return loader.construct_object(node)

    def _refusal(self, node: yaml.Node, why: str) -> SettingFileError:
        return SettingFileError(f"{self._path}, line {node.start_mark.line + 1}: {why}")


def _bare(value: object) -> object:
    """`value` without lines, as JSON-like data."""
    if isinstance(value, dict):
        return {key: _bare(located.value) for key, located in value.items()}
    return value


def bare(located: Located) -> object:
    """The value without lines, as JSON-like data."""
    return _bare(located.value)
