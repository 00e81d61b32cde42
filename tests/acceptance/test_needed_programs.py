"""A test whose program is missing is skipped, and fails where skipping is forbidden."""

import re
from pathlib import Path

import pytest
from needed_programs import lacking

HERE = Path(__file__).parent
NO_MATTER_OF_THE_MACHINE = {"a server may be asked by many", "the engine is held by the house"}
"""A test that has nothing to say for one of its parameters."""


@pytest.mark.parametrize(
    ("forbidden", "outcome"), [("1", pytest.fail.Exception), ("0", pytest.skip.Exception)], ids=["forbidden", "allowed"]
)
def test_what_is_lacking_fails_only_where_skipping_is_forbidden(monkeypatch, forbidden, outcome):
    monkeypatch.setenv("OTELHOUSE_TESTS_NO_SKIP", forbidden)

    with pytest.raises(outcome, match="curl is not installed"):
        lacking("curl is not installed")


def test_no_acceptance_test_skips_by_itself_where_it_is_forbidden():
    for file in HERE.glob("test_*.py"):
        text = file.read_text(encoding="utf-8")
        skips = set(re.findall(r'pytest\.skip\("(.*?)"\)', text)) - NO_MATTER_OF_THE_MACHINE
        if skips or re.search(r'pytest\.skip\(f"', text):
            assert "OTELHOUSE_TESTS_NO_SKIP" in text, f"{file.name} skips: {skips}"
