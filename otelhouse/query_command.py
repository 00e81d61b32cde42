"""`otelhouse query NAME`: asks a running house a named question over REST and writes the answer.

The answer goes to standard output and nothing else does; exit codes as in `otelhouse.asking`.
"""

from collections.abc import Sequence

import click

from otelhouse import asking
from otelhouse.asking import format_option, url_option
from otelhouse.configuration import Configuration
from otelhouse.house_access import access_options
from otelhouse.invocation import Misuse, configured


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("parameters", nargs=-1, type=click.UNPROCESSED, metavar="[--PARAMETER VALUE]...")
@format_option("json", "ndjson", "csv")
@click.option("--wide", is_flag=True, help="Show every column, as lines where a table has no room.")
@url_option
@access_options
@configured
def query(
    configuration: Configuration, *, name: str, parameters: Sequence[str], form: str, wide: bool, url: str | None
) -> None:
    """Ask a running house the question NAME.

    `otelhouse handlers list` tells the questions, `otelhouse handlers show NAME` their parameters. Times are RFC 3339,
    seconds since 1970, how long ago (15m, 2h, 7d), or now.

    \b
    otelhouse query recent_logs --service checkout --since 15m --min-severity error
    otelhouse query slow_traces --limit 5 --format json
    """
    asking.answer(asking.house_of(configuration, url), name, _pairs(parameters), form, wide=wide)


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
