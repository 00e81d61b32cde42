"""The tokens file: YAML with the hashes of all tokens, made for a Kubernetes Secret.

    tokens:
      - id: prod-eu
        kind: ingest
        hash: sha256:...
        cluster_name: prod-eu

In: a path. Out: the records in it, in their order; and the way back, written whole or not at all, mode 0600.
Every value is read as text and then judged by its field, so none of YAML's guesses (`no`, `017`, dates) matter.
Refuses what is no such file, ids or hashes that stand twice, keys that stand twice, and a file that everybody may
write to. A message names the place and the mend, never what stands there, for that may be a token.
"""

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from identity.redaction import redact
from identity.token_record import TokenRecord

MAX_BYTES = 1 << 20
"""A Kubernetes Secret holds no more. Some 4,000 tokens."""

Signature = tuple[int, ...]
"""Changes when the file does."""

_HEADER = """\
# Tokens of otelhouse, written by `otelhouse token`. Only hashes: a token that is lost cannot be had back from here.
# Comments are not kept; each token has a `note`.
"""


class TokensFileError(Exception):
    """The file cannot be used. The message names it, the place and the mend."""


@dataclass(frozen=True, slots=True)
class TokensFile:
    """What was read."""

    records: tuple[TokenRecord, ...]
    signature: Signature
    warning: str = ""
    """What is not wrong but should be otherwise."""


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tokens: tuple[TokenRecord, ...] = Field(default=(), max_length=20_000)


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]  # libyaml's where there is one: 10 times as fast
    """Everything is text, a list or a mapping; a key that stands twice is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  PyYAML's own signature
        """The mapping. Raises `ConstructorError` for a key that stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, "a key stands here twice", key.start_mark)
            seen.add(str(key.value))
        built: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return built


def signature_of(path: Path) -> Signature:
    """What the file looks like from outside, symbolic links followed, as Kubernetes swaps them. Raises `OSError`."""
    return _signature(path.stat())


def read(path: Path) -> TokensFile:
    """Read and judge the file at `path`. Raises `TokensFileError`."""
    try:
        with path.open("rb") as file:
            # Looked at before it is read: what changes while it is read looks different afterwards.
            found = os.fstat(file.fileno())
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TokensFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise TokensFileError(f"{path}: has more than {MAX_BYTES} bytes")
    if not stat.S_ISREG(found.st_mode):
        raise TokensFileError(f"{path}: is no file")
    if found.st_mode & stat.S_IWOTH:
        raise TokensFileError(f"{path}: everybody on this machine may write to it, so anybody could let themselves in; "
                              f"chmod 600 {path}")  # fmt: skip
    warning = f"everybody on this machine may read it; chmod 600 {path}" if found.st_mode & stat.S_IROTH else ""
    records, problem = _judged(raw)
    if problem:
        raise TokensFileError(f"{path}: {problem}")
    return TokensFile(records, _signature(found), warning)


def write(path: Path, records: Sequence[TokenRecord]) -> None:
    """Put `records` into the file at `path`: whole or not at all, on disk on return. Raises `TokensFileError`."""
    content = _HEADER + yaml.safe_dump({"tokens": [_plain(record) for record in records]}, sort_keys=False)
    try:
        # The file behind a symbolic link is replaced, not the link.
        _replace(Path(os.path.realpath(path)), content.encode())
    except OSError as error:
        raise TokensFileError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Hold off others who want to change the file, for a read and a write in one. Raises `TokensFileError`."""
    folder = Path(os.path.realpath(path)).parent
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise TokensFileError(f"{folder}: {error.strerror or error}; make the folder first") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _signature(found: os.stat_result) -> Signature:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _judged(raw: bytes) -> tuple[tuple[TokenRecord, ...], str]:
    """The records, or what is wrong. Nothing is raised here, since the errors of the libraries hold what they read."""
    try:
        content = yaml.load(raw, _Loader)  # noqa: S506  a BaseLoader makes nothing but texts, lists and mappings
        records = _Content.model_validate({} if content in (None, "") else content).tokens
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        return (), f"is no YAML{line}: {redact(error.problem or 'cannot be read')}"
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        return (), f"is no YAML: {type(error).__name__}"
    except ValidationError as error:
        return (), _told(error)
    return records, _twice(records)


def _told(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    first = details[0]
    place = redact(".".join(str(part)[:63] for part in first["loc"])) or "the file"
    reason = str(first["msg"]).removeprefix("Value error, ")
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return f"{place}: {reason}{more}"


def _twice(records: Sequence[TokenRecord]) -> str:
    ids: set[str] = set()
    hashes: dict[str, str] = {}
    for record in records:
        if record.id in ids:
            return f"two tokens have the id {record.id}; give each its own"
        if record.hash in hashes:
            return (
                f"the tokens {hashes[record.hash]} and {record.id} have the same hash; make a new token for one of them"
            )
        ids.add(record.id)
        hashes[record.hash] = record.id
    return ""


def _plain(record: TokenRecord) -> Mapping[str, Any]:
    return record.model_dump(mode="json", exclude_defaults=True, exclude_none=True)


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
