"""The files of the chart that are made of others are up to date."""

import functools
import json

import pytest
import yaml
from click.testing import CliRunner
from rendered_chart import CHART

from bench import chart_files, chart_values
from bench.chart_values import ValuesError
from enrich.kubernetes_settings import KubernetesSettings
from otelhouse.__main__ import cli
from otelhouse.setting_keys import setting_keys
from otelhouse.settings import Settings

MADE = [
    "README.md",
    "files/agent-tables.txt",
    "files/agent-user.xml",
    "files/collector/daemonset.yaml",
    "files/collector/deployment.yaml",
    "files/grafana/otelhouse.json",
    "files/handlers-routes.xml",
    "files/handlers-tables.txt",
    "files/handlers-user.xml",
    "files/prometheus/otelhouse.rules.yaml",
    "values.schema.json",
]


@functools.cache
def made():
    return chart_files.files()


def test_what_is_made_is_known():
    assert sorted(made()) == MADE


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_of_others_is_as_it_would_be_made_now(name):
    assert made()[name] == (CHART / name).read_text(encoding="utf-8"), "write them again: python -m bench.chart_files"


@pytest.mark.parametrize("part", ["routes", "user"])
def test_the_handlers_are_what_the_command_exports(part):
    exported = CliRunner().invoke(cli, ["handlers", "export", part], catch_exceptions=False)

    assert exported.output == (CHART / "files" / f"handlers-{part}.xml").read_text(encoding="utf-8")


def test_every_value_is_described_once_in_the_readme():
    values = chart_values.read((CHART / "values.yaml").read_text(encoding="utf-8"))
    readme = (CHART / "README.md").read_text(encoding="utf-8")

    assert len(values) > 100
    for value in values:
        assert readme.count(f"\n| `{value.key}` |") == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\n", "line 1: a has no description"),
        ("# -- of nothing\n\na:\n  # -- b\n  b: 1\n", "2 descriptions and 1 keys"),
        ("- a\n", "no mapping"),
    ],
)
def test_a_value_without_a_description_is_refused(text, why):
    with pytest.raises(ValuesError, match=why):
        chart_values.read(text)


def test_a_description_may_have_several_lines_and_a_schema():
    (value,) = chart_values.read("# == Part\n\na:\n  # -- One\n  # two.\n  # @schema {minimum: 3}\n  b: 4\n")

    assert (value.key, value.about, value.schema, value.section) == ("a.b", "One two.", {"minimum": 3}, "Part")


def test_receivers_may_read_every_kind_that_they_watch_and_nothing_else():
    text = (CHART / "templates" / "rbac.yaml").read_text(encoding="utf-8")
    rules = yaml.safe_load(text[text.index("rules:") : text.index("  {{- range")])["rules"]

    allowed = {f"{name}.{rule['apiGroups'][0]}".rstrip(".") for rule in rules for name in rule["resources"]}
    assert allowed == set(KubernetesSettings().kinds)
    assert all(rule["verbs"] == ["get", "list", "watch"] for rule in rules)


def test_every_setting_that_is_a_secret_is_refused_in_the_configmap():
    text = (CHART / "templates" / "_settings.tpl").read_text(encoding="utf-8")

    secret = [key.dotted for key in setting_keys(Settings) if key.secret]
    assert secret
    for name in secret:
        assert f"\n{name}: " in text


def test_the_schema_knows_every_setting():
    definitions = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))["$defs"]

    for key in setting_keys(Settings):
        node = definitions["settings"]
        for name in key.path[:-1]:
            node = definitions[node["properties"][name]["$ref"].rpartition("/")[2]]
        assert key.path[-1] in node["properties"], key.dotted
