"""The corpus of log lines is what it says it is; tests/integration/test_severity.py stores it."""

from pathlib import Path

import pytest
import yaml

CORPUS = yaml.safe_load((Path(__file__).parents[2] / "corpus" / "severity.yaml").read_text(encoding="utf-8"))
LEVELS = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}


def test_it_has_lines_enough_of_formats_enough():
    told = [line for name, lines in CORPUS.items() if name != "plain" for line in lines]
    assert len(told) >= 200
    assert len(CORPUS) - 1 >= 20
    assert len(CORPUS["plain"]) >= 40


def test_no_line_stands_in_it_twice():
    lines = [text for lines in CORPUS.values() for _, text in lines]
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize("name", CORPUS)
def test_every_line_has_a_level_and_plain_lines_have_none(name):
    assert {level for level, _ in CORPUS[name]} <= ({""} if name == "plain" else LEVELS)


def test_most_plain_lines_have_a_word_in_them_that_is_a_level_elsewhere():
    words = ("error", "err", "fatal", "panic", "crit", "warn", "alert", "trace", "debug", "info", "level")
    tempting = [text for _, text in CORPUS["plain"] if any(word in text.lower() for word in words)]
    assert len(tempting) >= 40
