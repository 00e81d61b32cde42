"""`otelhouse token`: makes, lists and takes back the tokens that senders and readers show.

In: the tokens file (`--file`, or the setting `identity.tokens_file`) and what the new token is to be. Out: the token
itself, once, on standard output, so that it can be piped to where it belongs; all else on standard error. Only the
hash is kept. No running house is needed: one that reads the file takes up the change within about a second.
Refuses ids that exist, roles and scopes that mean nothing, scopes that fit into no statement, and an end that lies in
the past.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from identity import token_format, tokens_file
from identity.token_format import Kind
from identity.token_record import SIGNALS, RoleName, TokenRecord
from identity.tokens_file import TokensFileError
from otelhouse.configuration import Configuration
from otelhouse.invocation import Failure, Misuse, configured, program, setting_option
from query import scopes
from sql.catalogue import load_catalogue
from sql.scopes import ScopeTooLongError

_DURATION = re.compile(r"(\d{1,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_say = partial(click.echo, err=True)
file_option = setting_option(
    "--file", "identity.tokens_file", metavar="FILE", help="The tokens file, instead of identity.tokens_file."
)


@click.group()
def token() -> None:
    """Make, list and take back tokens of senders and readers.

    They are kept as hashes in the file that the setting identity.tokens_file names.
    """


@token.command()
@click.argument("token_id", metavar="ID")
@click.option(
    "--kind", required=True, type=click.Choice([kind.value for kind in Kind]), help="ingest sends, read asks."
)
@click.option("--role", type=click.Choice([role.value for role in RoleName]), help="What a reader may do.")
@click.option("--cluster", "clusters", multiple=True, help="Cluster that a reader may see; may be repeated.")
@click.option("--namespace", "namespaces", multiple=True, help="Namespace that a reader may see; may be repeated.")
@click.option("--composition", "compositions", multiple=True, help="Composition id, in the same way.")
@click.option("--signal", "signals", multiple=True, type=click.Choice(SIGNALS), help="Signal, in the same way.")
@click.option("--cluster-name", help="Cluster that a sender's telemetry belongs to.")
@click.option("--cluster-uid", help="The same by uid of its namespace kube-system.")
@click.option("--bytes-per-second", type=int, help="What a sender may send on average; 0 is no bound.")
@click.option("--requests-at-once", type=int, help="Requests of a sender at one time; 0 is no bound.")
@click.option("--expires", metavar="WHEN", help="90d, 12h, or 2030-01-31T12:00:00Z. Without it the token does not end.")
@click.option("--note", help="For people: who has it, and what for.")
@file_option
@configured
def create(configuration: Configuration, /, **given: Any) -> None:  # noqa: ANN401  one keyword an option, as click hands them over
    """Make a token and print it, this once.

    ID is for people and logs: small letters, digits and hyphens. To rotate, make a second token with another ID, give
    it out, then revoke the first: both count meanwhile.
    """
    path = _path(configuration)
    kind = Kind(given["kind"])
    try:
        minted = token_format.mint(kind, given["token_id"])
        record = TokenRecord.model_validate(_fields(given, kind) | {"hash": _hash(minted)})
        scopes.check_fits(record.scopes.scope(), load_catalogue().values())
    except ValidationError as error:
        raise Misuse(_told(error)) from error
    except ScopeTooLongError as error:
        raise Misuse(f"the scope names too much: {error}. Name fewer, or make a token for each part") from error
    except ValueError as error:
        raise Misuse(str(error)) from error
    _add(path, record)
    click.echo(minted)
    _say(f"made {kind.value} token {record.id} in {path}. This is the only time that it is shown.")


@token.command(name="list")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@file_option
@configured
def list_(configuration: Configuration, form: str) -> None:
    """List the tokens; what is kept says no token itself."""
    records = _read(_path(configuration))
    if form == "json":
        listed = [
            record.model_dump(mode="json", exclude={"hash"}) | {"expired": record.expired()} for record in records
        ]
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    if not records:
        _say(f"no tokens yet; {program()} token create makes one")
        return
    click.echo(_table(records), nl=False)


@token.command()
@click.argument("token_id", metavar="ID")
@file_option
@configured
def revoke(configuration: Configuration, token_id: str) -> None:
    """Take a token back: it no longer counts, and cannot be had again."""
    path = _path(configuration)
    try:
        with tokens_file.changing(path):
            records = tokens_file.read(path).records
            left = [record for record in records if record.id != token_id]
            if len(left) == len(records):
                raise Failure(f"no token {token_id} in {path}; {program()} token list says which there are")
            tokens_file.write(path, left)
    except TokensFileError as error:
        raise Failure(str(error)) from error
    _say(f"took back {token_id}. A running house that reads {path} refuses it within about a second.")


def _path(configuration: Configuration) -> Path:
    path = configuration.settings.identity.tokens_file
    if path is None:
        raise Misuse("which tokens file? Name it with --file FILE, or in the setting identity.tokens_file")
    return path.expanduser()


def _hash(minted: str) -> str:
    return f"sha256:{token_format.digest(minted).hex()}"


def _fields(given: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """The record's fields, of what was given alone, so that the record can tell what does not belong together."""
    taken = {name: value for name, value in given.items() if value not in (None, ())}
    now = datetime.now(UTC).replace(microsecond=0)
    fields: dict[str, Any] = {"id": taken["token_id"], "kind": kind.value, "created": now}
    for group, names in (
        ("limits", ("bytes_per_second", "requests_at_once")),
        ("scopes", ("clusters", "namespaces", "compositions", "signals")),
    ):
        if found := {name: taken[name] for name in names if name in taken}:
            fields[group] = found
    fields |= {name: taken[name] for name in ("role", "cluster_name", "cluster_uid", "note") if name in taken}
    return fields | ({"expires": _moment(taken["expires"], now)} if "expires" in taken else {})


def _moment(text: str, now: datetime) -> datetime:
    """The time that ``90d`` or an RFC 3339 time means. Raises `ValueError` for others, and for what is past."""
    if found := _DURATION.fullmatch(text):
        moment = now + timedelta(**{_UNITS[found[2]]: int(found[1])})
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("--expires must be like 90d, 12h, or 2030-01-31T12:00:00Z") from None
        if moment.tzinfo is None:
            raise ValueError("--expires needs a time zone, such as Z for UTC: 2030-01-31T12:00:00Z")
    if moment <= now:
        raise ValueError("--expires lies in the past: such a token would never count")
    return moment


def _add(path: Path, record: TokenRecord) -> None:
    try:
        with tokens_file.changing(path):
            records = tokens_file.read(path).records if path.exists() else ()
            if any(known.id == record.id for known in records):
                raise Failure(
                    f"a token {record.id} exists already in {path}; take another ID, or revoke that one first"
                )
            tokens_file.write(path, (*records, record))
    except TokensFileError as error:
        raise Failure(str(error)) from error


def _read(path: Path) -> Sequence[TokenRecord]:
    try:
        content = tokens_file.read(path)
    except TokensFileError as error:
        raise Failure(str(error)) from error
    if content.warning:
        _say(f"warning: {path}: {content.warning}")
    return content.records


def _told(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in detail["loc"])
    reason = str(detail["msg"]).removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason


def _table(records: Sequence[TokenRecord]) -> str:
    rows = [("ID", "KIND", "MAY", "ENDS", "MADE", "NOTE"), *(_row(record) for record in records)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, [*widths, 0], strict=True)) for row in rows]
    return "".join(line.rstrip() + "\n" for line in lines)


def _row(record: TokenRecord) -> tuple[str, ...]:
    ends = _day(record.expires) + (" (ended)" if record.expired() else "") if record.expires else "never"
    return (record.id, record.kind.value, _may(record), ends, _day(record.created), record.note)


def _may(record: TokenRecord) -> str:
    if record.role:
        scopes = record.scopes.model_dump(exclude_none=True).items()
        return " ".join([record.role.value, *(f"{name}={','.join(values)}" for name, values in scopes)])
    limits = [f"{name}={value}" for name, value in record.limits.model_dump(exclude_defaults=True).items()]
    return " ".join(filter(None, [record.cluster_name or record.cluster_uid, *limits])) or "any cluster"


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}" if moment else "-"
