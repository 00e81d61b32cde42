"""`otelhouse handlers`: what questions there are, read from the catalogue that came with this release.

Needs no running house. It lists; asking is `otelhouse query`.
"""

import click

from otelhouse.invocation import Misuse
from query import reference
from query.errors import unknown_question
from sql.catalogue import load_catalogue


@click.group()
def handlers() -> None:
    """List the named questions, and show what each takes and gives."""


@handlers.command(name="list")
def list_handlers() -> None:
    """List the questions, one a line."""
    questions = load_catalogue().behind("cli")
    width = max((len(name) for name in questions), default=0)
    for name, question in questions.items():
        click.echo(f"{name:<{width}}  {question.summary}")


@handlers.command()
@click.argument("name")
def show(name: str) -> None:
    """Show one question: its parameters, its columns, its limits."""
    questions = load_catalogue().behind("cli")
    if name not in questions:
        error = unknown_question(name, questions)
        raise Misuse(f"{error.message}\n{error.mend}")
    click.echo(reference.section(questions[name]))
