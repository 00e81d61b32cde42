"""Which settings are in force, and where each came from.

In: a settings file, the environment (as a mapping: only `otelhouse.__main__` reads the real one) and values
from the command line. Later beats earlier: defaults, file, environment, command line. Out: a
`Configuration` with the whole tree of settings and the origin of every value, or a `ConfigurationError`
that lists everything that is wrong at once, each with its key, where it was set, and what is allowed.
Unknown keys and unknown ``OTELHOUSE_*`` variables are wrong.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from otelhouse.setting_file import Located, SettingFileError, bare, read_setting_file, read_value
from otelhouse.setting_keys import PREFIX, SettingKey, nearest, setting_keys
from otelhouse.settings import Settings

CONFIG_VARIABLE = "OTELHOUSE_CONFIG"
"""Names the settings file; ``--config`` beats it."""

TOKEN_VARIABLE = "OTELHOUSE_TOKEN"  # noqa: S105  a name, not a token
"""Holds the token that commands show to a house; it is no setting, so that it is never printed with the others."""

TESTS_PREFIX = "OTELHOUSE_TESTS_"
"""Variables of the test suite; they are no settings and are left alone."""

MASK = "********"

_SERVICE_LINK = re.compile(r"[A-Z0-9_]*(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP).*)")
"""What Kubernetes adds to every pod beside a Service called ``otelhouse`` or ``otelhouse-...``.
Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""

_SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://\S+")
"""The value of ``OTELHOUSE_PORT`` and ``OTELHOUSE_..._PORT`` when Kubernetes adds it: no port was ever
written so."""

_URL_PASSWORD = re.compile(r"(?P<before>(?:://|^)[^:/@\s]*:)(?!//)\S*(?=@)")


class ConfigurationError(Exception):
    """The settings cannot be used. `problems` has one line for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        count = "1 setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
        super().__init__("\n".join([f"{count}:", *(f"  {problem}" for problem in problems)]))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody set, and where: ``otelhouse.yaml, line 3``, ``OTELHOUSE_LOG_LEVEL``,
    ``--set``."""

    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting in force, ready to be shown: secrets are masked."""

    key: SettingKey
    value: object
    origin: str
    """``default`` where nobody set it, ``another setting`` where it was taken out of one."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings, and who set them."""

    settings: Settings
    given: Mapping[SettingKey, Given] = field(default_factory=dict)

    def entries(self) -> list[Entry]:
        """Every setting with its value in force and its origin, in the order of the documentation."""
        tree = self.settings.model_dump(mode="json", by_alias=True)
        defaults = Settings().model_dump(mode="json", by_alias=True)
        return [self._entry(key, _at(tree, key.path), _at(defaults, key.path)) for key in setting_keys(Settings)]

    def _entry(self, key: SettingKey, value: object, default: object) -> Entry:
        # A room may take one setting out of another, such as the user's name out of an address.
        unnamed = "default" if value == default else "another setting"
        origin = self.given[key].origin if key in self.given else unnamed
        return Entry(key, shown(key, value), origin)


def load(
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Given] | None = None,
) -> Configuration:
    """Put the settings together.

    `file` beats the one that ``OTELHOUSE_CONFIG`` in `environ` names. `flags` maps dotted names to values;
    a text for a setting that takes no text is read as YAML, as in the environment. Raises
    `ConfigurationError`.
    """
    environ = environ or {}
    keys = setting_keys(Settings)
    problems: list[str] = []
    given: dict[SettingKey, Given] = {}
    if file is None and environ.get(CONFIG_VARIABLE):
        file = Path(environ[CONFIG_VARIABLE])
    if file is not None:
        given |= _from_file(file, keys, problems)
    given |= _from_environment(environ, keys, problems)
    given |= _from_flags(flags or {}, keys, problems)
    settings = _validated(given, problems)
    if settings is None or problems:
        raise ConfigurationError(problems)
    return Configuration(settings, given)


def shown(key: SettingKey, value: object) -> object:
    """`value` as it may be printed: secrets and passwords inside addresses are masked."""
    if key.secret:
        return MASK if value else value
    if isinstance(value, str):
        return _URL_PASSWORD.sub(rf"\g<before>{MASK}", value)
    return value


def _at(tree: Mapping[str, Any], path: Iterable[str]) -> object:
    value: Any = tree
    for name in path:
        value = value[name]
    return value


def _from_file(path: Path, keys: Sequence[SettingKey], problems: list[str]) -> dict[SettingKey, Given]:
    try:
        content = read_setting_file(path)
    except SettingFileError as error:
        problems.append(str(error))
        return {}
    return _FileWalk(path, keys, problems).walk(content, ())


class _FileWalk:
    """Matches a file's mapping with the known keys, level by level."""

    def __init__(self, path: Path, keys: Sequence[SettingKey], problems: list[str]) -> None:
        self._path = path
        self._leaves = {key.path: key for key in keys}
        self._rooms = {key.path[:depth] for key in keys for depth in range(1, len(key.path))}
        self._problems = problems

    def walk(self, content: Mapping[str, Located], prefix: tuple[str, ...]) -> dict[SettingKey, Given]:
        given: dict[SettingKey, Given] = {}
        for name, located in content.items():
            path = (*prefix, name)
            origin = f"{self._path}, line {located.line}"
            if path in self._leaves:
                given[self._leaves[path]] = Given(bare(located), origin)
            elif path in self._rooms:
                given |= self._room(located, path, origin)
            else:
                self._problems.append(f"{'.'.join(path)} ({origin}): no such setting{self._hint(path)}")
        return given

    def _room(self, located: Located, path: tuple[str, ...], origin: str) -> dict[SettingKey, Given]:
        if located.value is None:  # `ingest:` with every key below it commented out
            return {}
        if not isinstance(located.value, dict):
            self._problems.append(f"{'.'.join(path)} ({origin}): must be a mapping of settings")
            return {}
        return self.walk(located.value, path)

    def _hint(self, path: tuple[str, ...]) -> str:
        known = [".".join(name) for name in (*self._leaves, *self._rooms)]
        return _suggestion(".".join(path), known)


def _suggestion(word: str, known: Iterable[str]) -> str:
    found = nearest(word, known)
    return f"; did you mean {found}?" if found else ""


def _from_environment(
    environ: Mapping[str, str], keys: Sequence[SettingKey], problems: list[str]
) -> dict[SettingKey, Given]:
    variables = {key.variable: key for key in keys}
    given: dict[SettingKey, Given] = {}
    for name, text in sorted(environ.items()):
        if _service_link(name, text):
            continue
        if name in variables:
            _add_text(given, variables[name], Given(text, name), problems)
        elif name.startswith(PREFIX) and not _reserved(name):
            meant = nearest(name.removeprefix(PREFIX), (one.removeprefix(PREFIX) for one in variables))
            problems.append(f"{name}: no such setting{f'; did you mean {PREFIX}{meant}?' if meant else ''}")
    return given


def _reserved(name: str) -> bool:
    return name in {CONFIG_VARIABLE, TOKEN_VARIABLE} or name.startswith(TESTS_PREFIX)


def _service_link(name: str, text: str) -> bool:
    if not name.startswith(PREFIX):
        return False
    if name.endswith("PORT") and _SERVICE_ADDRESS.fullmatch(text):
        return True
    return _SERVICE_LINK.fullmatch(name.removeprefix(PREFIX)) is not None


def _from_flags(flags: Mapping[str, Given], keys: Sequence[SettingKey], problems: list[str]) -> dict[SettingKey, Given]:
    dotted = {key.dotted: key for key in keys}
    given: dict[SettingKey, Given] = {}
    for name, value in flags.items():
        if name in dotted:
            _add_text(given, dotted[name], value, problems)
        else:
            problems.append(f"{name} ({value.origin}): no such setting{_suggestion(name, dotted)}")
    return given


def _add_text(given: dict[SettingKey, Given], key: SettingKey, value: Given, problems: list[str]) -> None:
    """Read a text as this setting's kind of value."""
    if key.nullable and value.value == "null":
        given[key] = Given(None, value.origin)
        return
    if key.textual or not isinstance(value.value, str):
        given[key] = value
        return
    try:
        given[key] = Given(read_value(value.value), value.origin)
    except ValueError:
        problems.append(_wrong(key, value))


def _validated(given: Mapping[SettingKey, Given], problems: list[str]) -> Settings | None:
    tree: dict[str, Any] = {}
    for key, value in given.items():
        room = tree
        for name in key.path[:-1]:
            room = room.setdefault(name, {})
        room[key.path[-1]] = value.value
    try:
        # Strict JSON: no text becomes a number, no number a boolean, yet paths and enums are read from texts.
        return Settings.model_validate_json(json.dumps(tree), strict=True)
    except ValidationError as error:
        by_path = {key.path: key for key in given}
        problems += dict.fromkeys(_told(by_path, given, detail) for detail in error.errors(include_url=False))
        return None


_KIND_ERRORS = frozenset(
    {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "enum", "literal_error"}
)
"""Errors that say no more than `SettingKey.allowed` does; kinds (`int_type`) and patterns are told by
suffix."""


def _told(
    by_path: Mapping[tuple[str, ...], SettingKey],
    given: Mapping[SettingKey, Given],
    detail: Mapping[str, Any],
) -> str:
    location = tuple(str(part) for part in detail["loc"])
    key = next((by_path[location[:n]] for n in range(len(location), 0, -1) if location[:n] in by_path), None)
    reason = str(detail["msg"]).removeprefix("Value error, ")
    if key is None:
        return f"{'.'.join(location)}: {reason}" if location else reason
    kind = str(detail["type"])
    if kind in _KIND_ERRORS or kind.endswith("_type"):
        return _wrong(key, given[key])
    return f"{_wrong(key, given[key])} ({reason[:1].lower()}{reason[1:]})"


def _wrong(key: SettingKey, given: Given) -> str:
    value = "the value" if key.secret else _short(shown(key, given.value))
    return f"{key.dotted} ({given.origin}): {value} is not allowed, must be {key.allowed}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
