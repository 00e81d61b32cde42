"""The values of the Helm chart as they are documented: read out of the comments of values.yaml.

In: the text of a values.yaml in which `# --` begins the description of the key below it, `# @schema {...}` says what it
may be beside its type (JSON Schema in YAML's flow form), and `# == Words` begins a section. Out: one `Value` for each
described key. Refused, with `ValuesError`: a key that nobody described, and a description that belongs to no key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

_ABOUT, _SCHEMA, _SECTION = "# -- ", "# @schema ", "# == "


class ValuesError(ValueError):
    """The comments of values.yaml cannot be used; the message names the line."""


@dataclass(frozen=True, slots=True)
class Value:
    """One key that may be set."""

    path: tuple[str, ...]
    default: Any
    about: str
    schema: Mapping[str, Any]
    """What `@schema` says."""
    section: str

    @property
    def key(self) -> str:
        """As it is written behind `--set`."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class _Comment:
    about: str
    schema: Mapping[str, Any]


def read(text: str) -> list[Value]:
    """Every described value, in the order of the file. Raises `ValuesError`."""
    root = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise ValuesError("values.yaml is no mapping")
    lines = text.splitlines()
    found = list(_walk(root, (), lines, yaml.safe_load(text)))
    described = sum(line.strip().startswith(_ABOUT) for line in lines)
    if described != len(found):
        raise ValuesError(f"values.yaml has {described} descriptions and {len(found)} keys that are described")
    return found


def _walk(node: yaml.MappingNode, path: tuple[str, ...], lines: list[str], values: Any) -> Iterator[Value]:  # noqa: ANN401  YAML
    for key, content in node.value:
        here = (*path, key.value)
        comment = _above(lines, key.start_mark.line)
        if comment is not None:
            section = _section(lines, key.start_mark.line)
            yield Value(here, values[key.value], comment.about, comment.schema, section)
        elif isinstance(content, yaml.MappingNode) and content.value:
            yield from _walk(content, here, lines, values[key.value])
        else:
            line = key.start_mark.line + 1
            raise ValuesError(f"values.yaml, line {line}: {'.'.join(here)} has no description (# --)")


def _above(lines: list[str], line: int) -> _Comment | None:
    """The comment that ends right above `line`, None where it is none of a value."""
    comments: list[str] = []
    while line and lines[line - 1].strip().startswith("#"):
        line -= 1
        comments.insert(0, lines[line].strip())
        if comments[0].startswith(_ABOUT):
            break
    if not comments or not comments[0].startswith(_ABOUT):
        return None
    words = [comments[0].removeprefix(_ABOUT)]
    schema: dict[str, Any] = {}
    for comment in comments[1:]:
        if comment.startswith(_SCHEMA):
            schema |= yaml.safe_load(comment.removeprefix(_SCHEMA))
        else:
            words.append(comment.removeprefix("#").strip())
    return _Comment(" ".join(words), schema)


def _section(lines: list[str], line: int) -> str:
    heads = [one.removeprefix(_SECTION).strip() for one in lines[:line] if one.startswith(_SECTION)]
    return heads[-1] if heads else "Names"
