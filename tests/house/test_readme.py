"""README.md and the quickstart tell newcomers only what is there: commands, questions, files.

That the commands work, one after the other, is tried in tests/acceptance/test_up_demo_query.py.
"""

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from otelhouse import demo_command
from otelhouse.__main__ import COMMANDS, cli
from sql.catalogue import load_catalogue

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
CHORES = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def typed(page):
    """Lines of code that begin with a program of the house, without their comments."""
    lines = page.read_text(encoding="utf-8").splitlines()
    code = [line.strip().partition(" #")[0].strip() for line in lines if line.startswith("    ")]
    return [shlex.split(line) for line in code if line.startswith(("make ", ".venv/bin/otelhouse ", "otelhouse "))]


def test_the_readme_begins_with_make_up_demo_and_a_question():
    assert typed(ROOT / "README.md")[:3] == [
        ["make", "up"],
        [".venv/bin/otelhouse", "demo"],
        [".venv/bin/otelhouse", "query", "slow_traces"],
    ]


def chosen_by(command, words):
    """The command, inside its group where it is in one, and the words after it."""
    chosen = cli.get_command(None, command)
    while isinstance(chosen, click.Group) and words and words[0] in chosen.commands:
        chosen, words = chosen.commands[words[0]], words[1:]
    return chosen, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_exists(page):
    questions = load_catalogue()
    for program, command, *rest in typed(page):
        if program == "make":
            assert command in CHORES
            continue
        assert command in COMMANDS
        if command == "query":
            names = {parameter.name for parameter in questions[rest[0]].parameters}
            given = {word.lstrip("-").replace("-", "_") for word in rest[1:] if word.startswith("--")}
            options = {option.lstrip("-") for one in cli.get_command(None, command).params for option in one.opts}
            assert given <= names | options
        else:
            chosen, words = chosen_by(command, rest)
            options = {option for parameter in chosen.params for option in parameter.opts}
            assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_into_the_house_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target and page.name != "settings.md":  # its words hold patterns of values
            assert (page.parent / target).exists(), target


def test_the_questions_that_the_demo_recommends_are_understood():
    questions = load_catalogue()
    recommended = [
        shlex.split(line) for line in demo_command._questions("otelhouse", "0" * 32).splitlines() if "query" in line
    ]

    assert len(recommended) == 3
    for _, _, name, *words in recommended:
        names = {parameter.name for parameter in questions[name].parameters}
        assert {word[2:].replace("-", "_") for word in words if word.startswith("--")} <= names


def test_the_version_is_the_same_everywhere():
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)

    assert CliRunner().invoke(cli, ["--version"]).output.split()[-1] == declared[1]
