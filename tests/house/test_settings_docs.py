"""docs/settings.md is the reference of the settings as they are, and every setting that a page names exists."""

import re
from pathlib import Path

import pytest

from otelhouse.config_command import reference
from otelhouse.configuration import CONFIG_VARIABLE, TESTS_PREFIX, TOKEN_VARIABLE
from otelhouse.setting_keys import setting_keys
from otelhouse.settings import Settings

ROOT = Path(__file__).parents[2]
KEYS = setting_keys(Settings)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_reference_is_what_the_code_says():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert page == reference(KEYS), "write it again: otelhouse config --format markdown > docs/settings.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_and_variable_that_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    rooms = "|".join(sorted({key.path[0] for key in KEYS}))

    variables = set(re.findall(r"\bOTELHOUSE_[A-Z0-9_]*[A-Z0-9]\b", text)) - {CONFIG_VARIABLE, TOKEN_VARIABLE}
    dotted = set(re.findall(rf"(?:`|--set )((?:{rooms})\.[a-z_.]+)(?:`|=)", text))

    # A Collector has variables of its own, in files of ours.
    collectors = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "deploy" / "collector").glob("*.yaml"))
    elsewhere = set(re.findall(r"\$\{env:(OTELHOUSE_[A-Z0-9_]+)", collectors))
    assert {v for v in variables if not v.startswith(TESTS_PREFIX)} <= {key.variable for key in KEYS} | elsewhere
    names = {key.dotted for key in KEYS}
    branches = {".".join(key.path[:depth]) for key in KEYS for depth in range(1, len(key.path))}
    modules = {name for name in dotted if Path(ROOT, *name.split(".")).with_suffix(".py").exists()}
    assert {name for name in dotted if not name.endswith(".py")} - modules <= names | branches


def test_the_pages_name_settings_at_all():
    named = [page for page in PAGES if "process.store_wait_s" in page.read_text(encoding="utf-8")]

    assert {page.name for page in named} >= {"settings.md", "quickstart.md"}
