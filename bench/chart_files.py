"""Writes the files of the Helm chart that are made of others: `python -m bench.chart_files`.

In: values.yaml, what otelhouse can be set to, its questions, and what is copied from deploy/. Out: README.md,
values.schema.json and files/ in `helm/otelhouse`. A test compares them with what is written here.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib import resources
from itertools import groupby
from pathlib import Path

from bench import chart_schema, chart_values
from bench.chart_values import Value
from sql import agent_user, http_handlers
from sql.catalogue import load_catalogue

CHART = Path(__file__).parents[1] / "helm" / "otelhouse"
INTRODUCTION = "README.intro.md"
DEPLOY = Path(__file__).parents[1] / "deploy"
COPIES = (
    "collector/daemonset.yaml",
    "collector/deployment.yaml",
    "grafana/otelhouse.json",
    "prometheus/otelhouse.rules.yaml",
)
"""Helm reads nothing outside of the chart, so it gets copies."""


def files(chart: Path = CHART) -> Mapping[str, str]:
    """Path in the chart -> text. Raises `ValuesError` where values.yaml is not documented."""
    values = chart_values.read((chart / "values.yaml").read_text(encoding="utf-8"))
    introduction = (chart / INTRODUCTION).read_text(encoding="utf-8")
    return {
        "README.md": introduction + "\n" + reference(values),
        "values.schema.json": json.dumps(chart_schema.schema(values), indent=1) + "\n",
        "files/handlers-routes.xml": _exported("routes"),
        "files/handlers-user.xml": _exported("user"),
        "files/handlers-tables.txt": "\n".join(http_handlers.tables(load_catalogue())) + "\n",
        "files/agent-user.xml": (resources.files("sql") / "agents" / "user.xml").read_text(encoding="utf-8"),
        "files/agent-tables.txt": "\n".join(agent_user.readable_tables()) + "\n",
        **{f"files/{name}": (DEPLOY / name).read_text(encoding="utf-8") for name in COPIES},
    }


def _exported(part: str) -> str:
    """What `otelhouse handlers export` writes, with the settings as they are without a file."""
    command = [sys.executable, "-m", "otelhouse", "handlers", "export", part]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env={}).stdout


def reference(values: list[Value]) -> str:
    """Every value in a table, section by section."""
    parts = ["## Values", "", "Made of the comments in values.yaml by `python -m bench.chart_files`."]
    for section, members in groupby(values, key=lambda value: value.section):
        parts += ["", f"### {section}", "", "| value | default | meaning |", "|---|---|---|"]
        parts += [f"| `{value.key}` | {_shown(value.default)} | {value.about.replace('|', '/')} |" for value in members]
    return "\n".join(parts) + "\n"


def _shown(default: object) -> str:
    if default == "":
        return "(empty)"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def main() -> None:
    """Write them."""
    for name, text in files().items():
        (CHART / name).parent.mkdir(parents=True, exist_ok=True)
        (CHART / name).write_text(text, encoding="utf-8")
        print(f"wrote {CHART / name}", file=sys.stderr)  # noqa: T201  a command


if __name__ == "__main__":
    main()
