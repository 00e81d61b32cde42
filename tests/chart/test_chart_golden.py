"""What the chart renders is what stands in golden/, so that a review sees what a change does to a cluster.

To write them again: OTELHOUSE_TESTS_WRITE_GOLDEN=1 pytest tests/chart/test_chart_golden.py
"""

import os
import re
from pathlib import Path

import pytest
import yaml
from rendered_chart import SCENES, rendered, template

pytestmark = pytest.mark.helm

GOLDEN = Path(__file__).parent / "golden"
LONG_KEYS = {"otelhouse-routes.xml", "otelhouse-user.xml", "collector.yaml"}
LONG = "a file of files/, whole"
"""Stands for what test_chart_files.py looks at, so that a new question or another Collector changes nothing here."""
SUM = re.compile(r"(checksum/config: )[0-9a-f]{64}")


def golden(objects):
    texts = []
    for one in sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"])):
        long = {key: LONG for key in one.get("data", {}) if key in LONG_KEYS}
        shown = {**one, "data": {**one["data"], **long}} if long else one
        texts.append(SUM.sub(r"\1...", yaml.safe_dump(shown, sort_keys=True, width=120)))
    return "---\n".join(texts)


@pytest.mark.parametrize("scene", SCENES)
def test_the_chart_renders_what_was_reviewed(scene):
    file = GOLDEN / f"{scene}.yaml"
    text = golden(rendered(scene))
    if os.environ.get("OTELHOUSE_TESTS_WRITE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8")

    assert text == file.read_text(encoding="utf-8"), f"look at the difference, then write {file.name} again"


def test_every_golden_file_has_its_values():
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == set(SCENES)


def test_the_chart_renders_the_same_for_the_oldest_kubernetes():
    assert golden(template(kubernetes="1.30.0")) == golden(rendered("default"))
