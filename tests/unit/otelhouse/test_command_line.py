"""The command `otelhouse` as a whole: what it lists, and that listing is quick."""

import gc
import subprocess
import sys

import pytest
from click.testing import CliRunner

from otelhouse import __version__
from otelhouse.__main__ import COMMANDS, _typed, cli
from otelhouse.importing import no_garbage

HEAVY = ("chdb", "clickhouse_driver", "clickhouse_connect", "grpc", "fastapi", "pydantic", "opentelemetry")


def test_the_help_lists_every_command_and_imports_none_of_the_heavy_libraries():
    script = (
        "import sys\n"
        "from otelhouse.__main__ import cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert result.stdout.rstrip().endswith("[]")
    for name in COMMANDS:
        assert f"\n  {name} " in result.stdout


@pytest.mark.parametrize("module", ["otelhouse.house", "otelhouse.canary_command"])
def test_who_has_no_window_for_agents_loads_nothing_of_mcp(module):
    script = f"import sys, {module}\nprint([name for name in ('mcp', 'mcp_server.window') if name in sys.modules])"

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert result.stdout == "[]\n"


@pytest.mark.parametrize("looked", [True, False])
def test_no_garbage_is_looked_for_while_something_is_imported_and_then_as_before(looked):
    (gc.enable if looked else gc.disable)()
    try:
        with no_garbage():
            assert not gc.isenabled()
        assert gc.isenabled() is looked
    finally:
        gc.enable()


def test_the_version_is_told():
    assert CliRunner().invoke(cli, ["--version"]).output == f"otelhouse, version {__version__}\n"


@pytest.mark.parametrize(
    ("program", "on_path", "typed"),
    [
        ("/usr/bin/otelhouse", "/usr/bin/otelhouse", "otelhouse"),
        (".venv/bin/otelhouse", None, ".venv/bin/otelhouse"),
        (".venv/bin/otelhouse", "/usr/bin/otelhouse", ".venv/bin/otelhouse"),
        ("/x/otelhouse/__main__.py", None, "python -m otelhouse"),
    ],
)
def test_what_to_type_next_is_told_as_it_was_typed_before(program, on_path, typed):
    assert _typed(program, on_path) == typed


def test_an_unknown_command_is_refused():
    result = CliRunner().invoke(cli, ["upp"])

    assert result.exit_code == 2
    assert "No such command" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_can_be_loaded_and_explains_itself(name):
    result = CliRunner().invoke(cli, [name, "--help"])

    assert result.exit_code == 0, result.output
    assert result.output.startswith("Usage:")
