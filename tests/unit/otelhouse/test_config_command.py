"""`otelhouse config` shows what is in force, where it came from, and no secret."""

import json

import pytest
import yaml
from click.testing import CliRunner

from otelhouse import configuration
from otelhouse.__main__ import cli
from otelhouse.invocation import Surroundings
from otelhouse.setting_keys import setting_keys
from otelhouse.settings import Settings


@pytest.fixture
def otelhouse():
    def run(*arguments, environ=None):
        return CliRunner().invoke(cli, arguments, obj=Surroundings(environ or {}))

    return run


def test_the_table_has_a_line_for_every_setting_with_its_origin(otelhouse):
    result = otelhouse("config", "--set", "log.level=debug", environ={"OTELHOUSE_QUERY_PORT": "1"})

    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["SETTING", "VALUE", "FROM"]
    assert [line[0] for line in lines[1:]] == [key.dotted for key in setting_keys(Settings)]
    assert ["query.port", "1", "OTELHOUSE_QUERY_PORT"] in lines
    assert ["log.level", "debug", "--set"] in lines
    assert result.exit_code == 0


def test_the_yaml_is_a_settings_file_with_the_same_meaning(otelhouse, tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text(otelhouse("config", "--format", "yaml", "--set", "query.port=9").stdout)

    assert configuration.load(file=path).settings.query.port == 9


def test_the_json_names_key_value_origin_and_variable(otelhouse):
    listed = json.loads(otelhouse("config", "--format", "json").stdout)

    assert {
        "key": "query.port",
        "value": 8080,
        "origin": "default",
        "variable": "OTELHOUSE_QUERY_PORT",
    } in listed


def test_the_yaml_can_be_read_by_any_yaml_reader(otelhouse):
    assert yaml.safe_load(otelhouse("config", "--format", "yaml").stdout)["query"]["port"] == 8080


def test_a_wrong_setting_ends_with_exit_code_2_and_its_name(otelhouse):
    result = otelhouse("config", environ={"OTELHOUSE_QUERY_PORT": "x"})

    assert result.exit_code == 2
    assert "query.port (OTELHOUSE_QUERY_PORT)" in result.stderr
    assert result.stdout == ""


def test_a_pair_without_a_value_is_refused(otelhouse):
    result = otelhouse("config", "--set", "query.port")

    assert result.exit_code == 2
    assert "is not KEY=VALUE" in result.stderr


def test_the_settings_file_is_given_by_flag(otelhouse, tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text("query: {port: 7}")

    assert f"{path}, line 1" in otelhouse("config", "--config", str(path)).stdout
