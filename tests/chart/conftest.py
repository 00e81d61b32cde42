"""What tests of the Helm chart need: the real Helm, built before the first of them runs.

All tests that call it carry the mark `helm`. Where it cannot be built they are skipped; with OTELHOUSE_TESTS_NO_SKIP=1
each of them fails instead.
"""

import os

import pytest

from bench import helm_binary
from bench.unavailable import UnavailableError

_why_not = ""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build Helm now, since it takes longer than a test may."""
    if session.config.option.collectonly or not any(item.get_closest_marker("helm") for item in session.items):
        return
    global _why_not  # noqa: PLW0603 - pytest's hooks share no other place
    try:
        helm_binary.build()
    except UnavailableError as error:
        _why_not = str(error)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not _why_not or item.get_closest_marker("helm") is None:
        return
    if os.environ.get("OTELHOUSE_TESTS_NO_SKIP") == "1":
        pytest.fail(f"no Helm: {_why_not}", pytrace=False)
    pytest.skip(f"NOT TESTED WITH HELM: {_why_not}")
