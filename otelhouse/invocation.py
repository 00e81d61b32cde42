"""What all subcommands share: where their settings come from, and how they say that something is wrong.

`@configured` gives a command ``--config FILE`` and ``--set KEY=VALUE`` and calls it with the
`Configuration` in force; `setting_option` is a flag of its own name that sets one setting. The environment
comes with the click context, from `otelhouse.__main__`; a context without one has an empty environment.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    # Reading settings needs pydantic and every room's models; `--help` should not wait for them.
    from otelhouse.configuration import Configuration

P = ParamSpec("P")
R = TypeVar("R")

_FLAGS = "otelhouse.flags"
_FILE = "otelhouse.config"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process is started with."""

    environ: Mapping[str, str] = field(default_factory=dict)


class Failure(click.ClickException):
    """Something went wrong that the message explains; exit code 1."""

    exit_code = 1


class Misuse(click.ClickException):
    """The command line or the settings are wrong; exit code 2."""

    exit_code = 2


def environment(context: click.Context) -> Mapping[str, str]:
    """The environment of this invocation."""
    surroundings = context.find_object(Surroundings)
    return surroundings.environ if surroundings else {}


def program() -> str:
    """What was typed to start this program, so that it can be typed again."""
    return click.get_current_context().find_root().info_name or "otelhouse"


def configured(command: Callable[Concatenate["Configuration", P], R]) -> Callable[P, R]:
    """Call `command` with the `Configuration` in force as its first argument."""

    @click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_keep_file,
        help="Settings file (YAML); OTELHOUSE_CONFIG names it otherwise.",
    )
    @click.option(
        "--set",
        metavar="KEY=VALUE",
        multiple=True,
        expose_value=False,
        callback=_keep_pairs,
        help="Set one setting, such as ingest.grpc.port=4317; may be repeated.",
    )
    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return command(_configuration(click.get_current_context()), *args, **kwargs)

    return wrapper


def setting_option(flag: str, key: str, **attributes: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:  # noqa: ANN401  click's own
    """A flag that sets the setting with the dotted name `key`."""

    def keep(context: click.Context, _: click.Parameter, value: object) -> None:
        if value is not None:
            context.meta.setdefault(_FLAGS, {})[key] = (value, flag)

    return click.option(flag, expose_value=False, callback=keep, **attributes)


clickhouse_option = setting_option(
    "--clickhouse", "store.url", metavar="URL", help="A ClickHouse server, instead of the embedded engine."
)
data_option = setting_option(
    "--data", "store.path", metavar="FOLDER", help="Folder of the embedded engine. [default: otelhouse-data]"
)


def _keep_file(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.meta[_FILE] = value


def _keep_pairs(context: click.Context, _: click.Parameter, values: tuple[str, ...]) -> None:
    for pair in values:
        key, equals, value = pair.partition("=")
        if not equals:
            message = f"{pair!r} is not KEY=VALUE, such as ingest.grpc.port=4317"
            raise click.BadParameter(message)
        context.meta.setdefault(_FLAGS, {})[key.strip()] = (value, "--set")


def _configuration(context: click.Context) -> "Configuration":
    from otelhouse import configuration  # noqa: PLC0415  `--help` should not wait for pydantic

    flags = {key: configuration.Given(*given) for key, given in context.meta.get(_FLAGS, {}).items()}
    try:
        return configuration.load(file=context.meta.get(_FILE), environ=environment(context), flags=flags)
    except configuration.ConfigurationError as error:
        raise Misuse(str(error)) from error
