"""What a test does that needs a program which this machine lacks.

In: why it cannot run. It is skipped; with OTELHOUSE_TESTS_NO_SKIP=1 it fails instead.
"""

import os
from typing import NoReturn

import pytest


def lacking(why: str) -> NoReturn:
    """End the test."""
    if os.environ.get("OTELHOUSE_TESTS_NO_SKIP") == "1":
        pytest.fail(why, pytrace=False)
    pytest.skip(why)
