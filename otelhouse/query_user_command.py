"""`otelhouse query-user`: what makes the ClickHouse user by whom questions are asked.

In: the settings in force, a password. Out: statements, or a file for `users.d/`. Needs no ClickHouse and changes none.
"""

import hashlib
import math

import click

from otelhouse import user_password
from otelhouse.configuration import Configuration
from otelhouse.invocation import Misuse, configured
from otelhouse.settings import Settings
from sql import question_user

LEAST_SECONDS = 30
LEAST_ROWS = 500_000
LEAST_RESULT_BYTES = 64 * 1024**2
"""What streams and the house's own looks at its tables take, where questions may take less."""

MEMBERS = 2
"""`store.limits` allows a UNION as many times the rows; none of ours has more members."""


@click.command(name="query-user")
@click.option("--username", default="otelhouse_questions", show_default=True, help="Name of the user.")
@click.option("--format", "form", type=click.Choice(["sql", "xml"]), default="sql", show_default=True)
@configured
def query_user(configuration: Configuration, *, username: str, form: str) -> None:
    """Write what makes the ClickHouse user for questions; asks for its password, or reads it from a pipe.

    That user may read the house's tables and nothing else, within the bounds of `query`. Run the statements at the
    server, or put the XML into its users.d; then set query.username and query.password.

    \b
    otelhouse query-user | clickhouse-client --multiquery
    """
    settings = configuration.settings
    password = user_password.asked()
    digest = hashlib.sha256(password.encode()).hexdigest()
    place = settings.store
    try:
        user = question_user.QuestionUser(username, digest, place.database, bounds(settings), place.cluster)
    except ValueError as problem:
        raise Misuse(str(problem)) from problem
    click.echo(question_user.as_sql(user) if form == "sql" else question_user.as_xml(user), nl=False)


def bounds(settings: Settings) -> question_user.Bounds:
    """What the user's profile has to let through."""
    query, streams = settings.query, settings.streams
    rows = max(query.max_rows, streams.behind_rows, LEAST_ROWS)
    return question_user.Bounds(
        seconds=max(math.ceil(query.max_seconds), LEAST_SECONDS),
        memory_bytes=query.max_memory_bytes,
        bytes_read=query.max_bytes_read,
        rows=MEMBERS * (rows + 1),
        result_bytes=max(query.max_answer_bytes, streams.ring_bytes, LEAST_RESULT_BYTES),
    )
