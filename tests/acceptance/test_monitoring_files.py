"""The page of metrics, the rules of alarms and the dashboard name what a house really shows, in PromQL that parses."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from foreign_senders import promql
from running_house import environment

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "metrics.md"
RULES = yaml.safe_load((ROOT / "deploy/prometheus/otelhouse.rules.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((ROOT / "deploy/grafana/otelhouse.json").read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
CLIENTS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
"""Shown by the Prometheus client itself."""
SCRAPE = {"instance", "job"}
"""Labels that Prometheus adds."""
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", re.MULTILINE)
METRIC = re.compile(r"\b(?:otelhouse|process)_\w+\b")


def expressions():
    return [rule["expr"] for rule in ALERTS] + [one["expr"] for panel in PANELS for one in panel["targets"]]


def documented():
    """Every name that the page knows, with its labels, a histogram's with its suffixes."""
    found = {}
    for name, kind, labels in ROW.findall(PAGE.read_text(encoding="utf-8")):
        has = {label.strip() for label in labels.split(",") if label.strip()}
        if kind == "histogram":
            found |= {f"{name}_bucket": has | {"le"}, f"{name}_sum": has, f"{name}_count": has}
        else:
            found[name] = has
    return found


def test_the_page_of_metrics_is_what_a_house_shows():
    command = [sys.executable, "-m", "bench.metrics_page"]
    made = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=240, check=False
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout == PAGE.read_text(encoding="utf-8"), "python -m bench.metrics_page > docs/metrics.md"


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_that_is_asked_for_exists_with_its_labels(expression):
    known = documented()
    names = set(METRIC.findall(expression)) - CLIENTS
    assert names <= set(known)
    labels = set().union(*(known[name] for name in names)) | SCRAPE
    by = re.findall(r"\bby \(([^)]*)\)", expression)
    asked = {label.strip() for group in by for label in group.split(",")} | set(re.findall(r"(\w+)=~?\"", expression))
    assert asked <= labels


@pytest.mark.go
def test_prometheus_takes_every_expression():
    plain = [one.replace("[$__rate_interval]", "[5m]") for one in expressions()]
    checked = subprocess.run(
        [promql()], input=json.dumps(plain), capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(checked.stdout) == []


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alarm_says_how_bad_it_is_and_what_to_do(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description"}
    named = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
    kept = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", rule["expr"]) for label in group.split(",")}
    assert set(named) <= (kept or {label for name in METRIC.findall(rule["expr"]) for label in documented()[name]})


def test_panels_have_names_and_places_of_their_own():
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert all(panel["description"] for panel in PANELS)
