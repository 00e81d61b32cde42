"""`otelhouse audit`: is the audit trail whole?

In: the files of the trail; without any, those that the settings mean. Out: how many lines were read and, one a line,
what does not fit; exit code 1 where something does not. Needs no running house. What the deeds were is asked with
`otelhouse query audit_log`.
"""

from pathlib import Path

import click

from identity import audit_file
from otelhouse import audit_opening
from otelhouse.configuration import Configuration
from otelhouse.invocation import Failure, Misuse, configured, data_option


@click.group()
def audit() -> None:
    """Check the audit trail."""


@audit.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@data_option
@configured
def verify(configuration: Configuration, files: tuple[Path, ...]) -> None:
    """Check that no line was changed, taken out or put in. FILES: oldest first; without any, this house's."""
    pieces = list(files) or _pieces(configuration)
    try:
        faults = list(audit_file.verify(pieces))
    except OSError as error:
        raise Failure(f"cannot read {error.filename}: {error.strerror}") from error
    for fault in faults:
        click.echo(f"{fault.file}:{fault.line}: {fault.what}")
    if faults:
        raise Failure(f"the audit trail is not whole: {len(faults)} lines do not fit")
    click.echo(f"the audit trail is whole: {', '.join(str(piece) for piece in pieces)}")


def _pieces(configuration: Configuration) -> list[Path]:
    settings = configuration.settings
    path = audit_opening.audit_file(settings, Path.cwd())
    if path is None:
        raise Misuse("with a ClickHouse server the audit trail is in the log, unless identity.audit.file is set")
    limits = settings.identity.audit
    found = audit_file.AuditFile(path, max_bytes=limits.max_bytes, max_files=limits.max_files).files()
    if not found:
        raise Failure(f"there is no audit trail at {path}")
    return found
