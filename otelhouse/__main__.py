"""The command `otelhouse`: one group, its subcommands loaded only when they are asked for.

This is the only module that reads the environment; it hands it on as a mapping. Listing the commands
imports none of them, since the database engine, gRPC and the web framework take seconds to load and
`--help` should not.
"""

import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import cast

import click
from click.shell_completion import CompletionItem

from otelhouse import __version__
from otelhouse.importing import no_garbage
from otelhouse.invocation import Surroundings

COMMANDS = {
    "up": ("otelhouse.up_command:up", "Start everything in one process."),
    "ingest": ("otelhouse.up_command:ingest", "Start only what receives OTLP (4317, 4318); health and metrics (8080)."),
    "serve": ("otelhouse.up_command:serve", "Start only what answers questions over REST (8080)."),
    "mcp": ("otelhouse.mcp_command:mcp", "Start only what answers agents, over MCP (8000) or stdio."),
    "query": ("otelhouse.query_command:query", "Ask a named question of a running house."),
    "tail": ("otelhouse.tail_command:tail", "Show logs, spans or Kubernetes events as they come."),
    "handlers": ("otelhouse.handlers_command:handlers", "List the named questions."),
    "migrate": ("otelhouse.migrate_command:migrate", "Create the tables, or bring them to this version."),
    "spool": ("otelhouse.spool_command:spool", "Look at what waits on disk for ClickHouse; empty it; check it."),
    "deadletter": ("otelhouse.dead_letter_command:deadletter", "List, show and retry what could not be stored."),
    "token": ("otelhouse.token_command:token", "Make, list and take back tokens of senders and readers."),
    "mcp-user": ("otelhouse.mcp_command:mcp_user", "Write what makes the ClickHouse user for agents' SQL."),
    "query-user": ("otelhouse.query_user_command:query_user", "Write what makes the ClickHouse user for questions."),
    "audit": ("otelhouse.audit_command:audit", "Check that the audit trail is whole."),
    "canary": ("otelhouse.canary_command:canary", "Prove the whole way: send, and look everywhere."),
    "doctor": ("otelhouse.doctor_command:doctor", "Check ClickHouse and the rights at each Kubernetes cluster."),
    "demo": ("otelhouse.demo_command:demo", "Send a small shop's telemetry, with a fault to find."),
    "config": ("otelhouse.config_command:config", "Print the settings in force and where each came from."),
    "bench": ("bench.command:bench", "Measure this machine."),
}
"""Command name -> (where it is, what it does in one line)."""


class HouseGroup(click.Group):
    """A group whose commands are modules, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        with no_garbage():
            return cast("click.Command", getattr(importlib.import_module(module), name))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin like this, without importing them."""
        listed = [CompletionItem(name, help=about) for name, (_, about) in COMMANDS.items()]
        found = [item for item in listed if item.value.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(cls=HouseGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="otelhouse")
def cli() -> None:
    """Observability for Kubernetes fleets: OpenTelemetry in, ClickHouse in the middle, SQL questions out.

    Settings come from a YAML file (--config or OTELHOUSE_CONFIG), from OTELHOUSE_* variables and from flags;
    `otelhouse config` shows them all.
    """


def main() -> None:
    """Run the command line."""
    # gRPC reads this as it is loaded. Else it writes a line past our log for each handshake that a stranger fails.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    cli.main(prog_name=_typed(sys.argv[0], shutil.which("otelhouse")), obj=Surroundings(dict(os.environ)))


def _typed(program: str, on_path: str | None) -> str:
    """What to type to run `program` again, such as ``.venv/bin/otelhouse``; `on_path` is what the name alone finds."""
    if Path(program).name != "otelhouse":
        return "python -m otelhouse"
    return "otelhouse" if program == on_path else program


if __name__ == "__main__":
    main()
