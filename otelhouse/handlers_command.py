"""`otelhouse handlers`: what questions there are, read from the catalogue that came with this release.

Needs no running house. It lists, and writes the configuration with which ClickHouse answers by itself; asking is
`otelhouse query`.
"""

from pathlib import Path

import click

from otelhouse import question_completion
from otelhouse.configuration import Configuration
from otelhouse.invocation import Failure, Misuse, configured
from query import reference
from query.errors import unknown_question
from sql import http_handlers
from sql.catalogue import load_catalogue
from sql.http_handlers import ReadingUser


@click.group()
def handlers() -> None:
    """List the named questions, show what each takes and gives, export them for ClickHouse."""


@handlers.command(name="list")
def list_handlers() -> None:
    """List the questions, one a line."""
    questions = load_catalogue().behind("cli")
    width = max((len(name) for name in questions), default=0)
    for name, question in questions.items():
        click.echo(f"{name:<{width}}  {question.summary}")


@handlers.command()
@click.argument("name", shell_complete=question_completion.names)
@click.option("--sql", is_flag=True, help="Show the statement that ClickHouse is asked instead.")
def show(*, name: str, sql: bool) -> None:
    """Show one question: its parameters, its columns, its limits; or its SQL."""
    questions = load_catalogue().behind("cli")
    if name not in questions:
        error = unknown_question(name, questions)
        raise Misuse(f"{error.message}\n{error.mend}")
    click.echo(questions[name].sql if sql else reference.section(questions[name]))


@handlers.command()
@click.argument("part", type=click.Choice(["routes", "user"]), default="routes")
@click.option("--user", default="otelhouse_reader", show_default=True, help="Name of the profile, and of the user.")
@click.option(
    "--password-sha256",
    default="",
    metavar="HEX",
    help="SHA-256 of the user's password: makes the user. Without it, give the profile to a user of yours.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write. [default: standard output]"
)
@configured
def export(configuration: Configuration, *, part: str, user: str, password_sha256: str, out: Path | None) -> None:
    """Write the configuration with which ClickHouse answers questions by itself.

    PART is `routes`, for ClickHouse's config.d: /events/ID, /events?composition_id=ID, /ping, and one for each
    question; or `user`, for its users.d: a profile that only reads, with the limits of `query`. Needs ClickHouse 26.2
    or newer. Who asks there sees everything: the scopes of tokens are kept by the house alone.

    \b
    otelhouse handlers export --out otelhouse-routes.xml
    otelhouse handlers export user --password-sha256 "$(printf %s PASSWORD | sha256sum | cut -d' ' -f1)"
    """
    limits = configuration.settings.query
    reader = ReadingUser(
        name=user,
        password_sha256=password_sha256,
        database=configuration.settings.store.database,
        seconds=limits.max_seconds,
        bytes_read=limits.max_bytes_read,
        memory_bytes=limits.max_memory_bytes,
        rows=limits.max_rows,
        result_bytes=limits.max_answer_bytes,
        cluster=configuration.settings.store.cluster,
    )
    questions = load_catalogue(cluster=reader.cluster)
    try:
        text = http_handlers.routes(questions) if part == "routes" else http_handlers.reader(questions, reader)
    except http_handlers.ExportError as problem:
        raise Misuse(str(problem)) from problem
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise Failure(f"{out} cannot be written: {problem.strerror}") from problem
    click.echo(f"wrote {out}; ClickHouse takes new routes at its next start", err=True)
