"""Helm itself has nothing to say against the chart, with any of its values files."""

import re

import pytest
import yaml
from rendered_chart import CHART, CI, SCENES, rendered

from bench import helm_binary
from otelhouse import __version__

pytestmark = pytest.mark.helm


@pytest.mark.parametrize("scene", SCENES)
def test_lint_is_content_to_the_letter(scene):
    done = helm_binary.run("lint", "--strict", CHART, "--values", CHART / "ci" / f"{scene}-values.yaml")

    assert done.returncode == 0, done.stdout
    assert not re.search(r"\[(WARNING|ERROR)\]", done.stdout), done.stdout


def test_there_is_a_values_file_for_each_part_that_can_be_switched_on():
    kinds = {one["kind"] for scene in SCENES for one in rendered(scene)}

    assert kinds >= {"CronJob", "DaemonSet", "HorizontalPodAutoscaler", "ServiceMonitor", "Agent", "RemoteMCPServer"}
    assert len(CI) == len(SCENES) > 5


def test_the_chart_packs_without_what_only_its_makers_need(tmp_path):
    done = helm_binary.run("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tgz")

    shown = helm_binary.run("show", "readme", archive).stdout
    assert "## Values" in shown
    assert archive.stat().st_size < 200_000, "Kubernetes keeps each release in a Secret of at most 1 MiB"


def test_the_chart_is_of_this_release():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    assert chart["appVersion"] == __version__
