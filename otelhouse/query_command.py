"""`otelhouse query NAME`: asks a running house a named question over REST and writes the answer.

The answer goes to standard output and nothing else does; exit codes as in `otelhouse.asking`. A shell completes names,
parameters and the words to choose from (`otelhouse.question_completion`).
"""

from collections.abc import Sequence

import click

from otelhouse import asking, question_completion, watching
from otelhouse.asking import format_option, url_option
from otelhouse.configuration import Configuration
from otelhouse.house_access import access_options
from otelhouse.invocation import Misuse, configured
from otelhouse.question_completion import QuestionCommand


@click.command(cls=QuestionCommand, context_settings={"ignore_unknown_options": True})
@click.argument("name", shell_complete=question_completion.names)
@click.argument(
    "parameters",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="[--PARAMETER VALUE]...",
    shell_complete=question_completion.values,
)
@format_option("json", "ndjson", "csv", "arrow")
@click.option("--wide", is_flag=True, help="Show every column, as lines where a table has no room.")
@click.option(
    "--watch",
    type=click.FloatRange(min=watching.LEAST),
    metavar="SECONDS",
    help="Ask again every so many seconds, until Ctrl-C.",
)
@url_option
@access_options
@configured
def query(  # noqa: PLR0913  one argument an option, as click hands them over
    configuration: Configuration,
    *,
    name: str,
    parameters: Sequence[str],
    form: str,
    wide: bool,
    watch: float | None,
    url: str | None,
) -> None:
    """Ask a running house the question NAME.

    `otelhouse handlers list` tells the questions, `otelhouse handlers show NAME` their parameters. Times are RFC 3339,
    seconds since 1970, how long ago (15m, 2h, 7d), or now. `--cursor` goes on where an answer before was cut.

    \b
    otelhouse query recent_logs --service checkout --since 15m --min-severity error
    otelhouse query slow_traces --limit 5 --format json
    otelhouse query warning_summary --since 15m --watch 5
    """
    house, written = asking.house_of(configuration, url), _pairs(parameters)

    def ask() -> None:
        asking.answer(house, name, written, form, wide=wide)

    if watch is None:
        ask()
    else:
        watching.watch(ask, watch, name)


def _pairs(words: Sequence[str]) -> dict[str, str]:
    """`--min-severity warn --limit=5` as names and values; a dash in a name is an underscore."""
    pairs: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("--") or word == "--":
            raise Misuse(f"{word!r} belongs to no parameter: write --NAME VALUE")
        name, equals, value = word[2:].partition("=")
        name = name.replace("-", "_")
        if not equals:
            following = next(rest, None)
            if following is None:
                raise Misuse(f"--{name} lacks its value: write --{name} VALUE")
            value = following
        if name in pairs:
            raise Misuse(f"--{name} is given twice: give it once")
        pairs[name] = value
    return pairs
