"""`otelhouse config`: what is in force, and where each value came from."""

import json
from collections.abc import Sequence
from typing import Any

import click
import yaml

from otelhouse.configuration import Configuration, Entry
from otelhouse.invocation import configured
from otelhouse.setting_keys import SettingKey, setting_keys
from otelhouse.settings import Settings


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "yaml", "json", "markdown"]),
    default="table",
    show_default=True,
    help="table: for people; yaml: a settings file; json: with origins; markdown: the reference.",
)
@configured
def config(configuration: Configuration, form: str) -> None:
    """Print the settings in force and where each came from; secrets are masked."""
    if form == "markdown":
        click.echo(reference(setting_keys(Settings)), nl=False)
        return
    entries = configuration.entries()
    write = {"table": as_table, "yaml": as_yaml, "json": as_json}[form]
    click.echo(write(entries), nl=False)


def as_table(entries: Sequence[Entry]) -> str:
    """Three columns: the setting, its value, where it came from."""
    rows = [(entry.key.dotted, _text(entry.value), entry.origin) for entry in entries]
    rows.insert(0, ("SETTING", "VALUE", "FROM"))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}".rstrip() for name, value, origin in rows]
    return "\n".join(lines) + "\n"


def as_json(entries: Sequence[Entry]) -> str:
    """A list of objects with key, value, origin and the environment variable."""
    listed = [
        {
            "key": entry.key.dotted,
            "value": entry.value,
            "origin": entry.origin,
            "variable": entry.key.variable,
        }
        for entry in entries
    ]
    return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"


def as_yaml(entries: Sequence[Entry]) -> str:
    """A settings file with everything in force; masked secrets are to be put in again."""
    tree: dict[str, Any] = {}
    for entry in entries:
        room = tree
        for name in entry.key.path[:-1]:
            room = room.setdefault(name, {})
        room[entry.key.path[-1]] = entry.value
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def reference(keys: Sequence[SettingKey]) -> str:
    """docs/settings.md: every setting with its variable, its default, what is allowed, and what it does."""
    lines = [
        "# Settings",
        "",
        "Written by `otelhouse config --format markdown`; a test compares it with the code.",
        "",
        "A value comes from the first of these that names it: a flag (`--set ingest.grpc.port=4317`, or one",
        "of its own), the environment variable, the YAML file (`--config FILE` or `OTELHOUSE_CONFIG`), the",
        "default. Unknown keys, unknown `OTELHOUSE_*` variables and bad values stop the start.",
        "`otelhouse config` shows what is in force and where each value came from.",
    ]
    for room in dict.fromkeys(key.path[:-1] for key in keys):
        lines += ["", f"## {'.'.join(room)}", ""]
        lines += ["| setting, variable | default | allowed | meaning |", "|---|---|---|---|"]
        lines += [_row(key) for key in keys if key.path[:-1] == room]
    return "\n".join(lines) + "\n"


def _row(key: SettingKey) -> str:
    default = _code(_text(key.default))
    cells = (f"`{key.dotted}`<br>`{key.variable}`", default, key.allowed, key.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _code(text: str) -> str:
    return f"`{text}`" if text else "(empty)"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
