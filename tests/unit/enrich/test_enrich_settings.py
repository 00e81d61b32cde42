"""When a house enriches, which clusters it asks, and what it will not be set to."""

import re
from pathlib import Path

import pytest
from enriched_requests import House
from pydantic import ValidationError

from enrich import counters
from enrich.lookups import NOT_ASKED, NOT_KEPT, PENDING, Outcome
from enrich.settings import EnrichSettings

PAGE = (Path(__file__).parents[3] / "docs" / "enrichment.md").read_text()
FILE = {"kubeconfig": "/etc/kubeconfig"}


def chosen(**settings):
    return EnrichSettings.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "outside", "inside"),
    [
        ({}, False, True),
        ({"clusters": [FILE]}, True, True),
        ({"cluster": {"name": "prod"}}, True, True),
        ({"cluster": {"uid": "u"}}, True, True),
        ({"mode": "on"}, True, True),
        ({"mode": "off", "clusters": [FILE]}, False, False),
    ],
)
def test_a_house_enriches_in_a_cluster_or_where_it_is_told_of_one(settings, outside, inside):
    assert chosen(**settings).wanted(in_cluster=False) is outside
    assert chosen(**settings).wanted(in_cluster=True) is inside


def test_the_own_cluster_is_asked_where_no_other_is_set():
    (own,) = chosen(cluster={"name": "prod"}).connections(in_cluster=True)
    assert (own.name, own.kubeconfig) == ("prod", None)
    assert chosen().connections(in_cluster=False) == ()
    assert chosen(mode="off").connections(in_cluster=True) == ()
    (set_,) = chosen(clusters=[{**FILE, "context": "north"}]).connections(in_cluster=True)
    assert set_.context == "north"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"clusters": [{**FILE, "name": "a"}, {**FILE, "name": "a"}]}, "two clusters are called a"),
        ({"clusters": [{"context": "north"}]}, "context"),
        ({"composition": {"label": "no spaces"}}, "composition.label"),
        ({"composition": {"owner_depth": 21}}, "owner_depth"),
        ({"patience_ms": -1}, "patience_ms"),
        ({"directory": {"remember_s": 3599}}, "remember_s"),
        ({"patience": 1}, "Extra inputs"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(settings, says):
    with pytest.raises(ValidationError, match=says):
        chosen(**settings)


def test_settings_reach_the_parts_that_they_are_about():
    house = House(
        {
            "patience_ms": 7,
            "directory": {"max_objects": 100, "remember_s": 7200, "max_waiting": 150},
            "pod": {"annotations": ["team"], "service_name": "none"},
        }
    )
    assert house.parts.stage._patience == 0.007
    assert house.parts.directory._limits.objects == 100
    assert house.parts.directory._limits.remember_s == 7200
    assert house.parts.directory._limits.annotations == ("team",)
    assert house.parts.sightings._limit == 150


def counter_names():
    house = House()
    names = {sample.name for metric in house.registry.collect() for sample in metric.samples}
    names |= {metric.name for metric in house.registry.collect()}
    bare = {name.removesuffix("_created").removesuffix("_total") for name in names}
    return sorted({name.rpartition("_seconds_")[0] + "_seconds" if "_seconds_" in name else name for name in bare})


@pytest.mark.parametrize("name", counter_names())
def test_every_counter_is_documented_by_its_name(name):
    assert name in (counters.__doc__ or "")
    assert name in PAGE


@pytest.mark.parametrize(
    "reason",
    [
        *(one.value for one in Outcome if one not in {Outcome.FOUND, Outcome.DROPPED}),
        PENDING,
        NOT_ASKED,
        NOT_KEPT,
        "no_object",
        "not_in_directory",
        "cluster_unknown",
        "several_clusters",
        "no_cluster_known",
        "name_only",
        "other_cluster",
        "other_pod",
    ],
)
def test_every_reason_is_documented_with_its_mend(reason):
    assert re.search(rf"^\|[^|]*`{reason}`[^|]*\|[^|]+\|[^|]+\|$", PAGE, re.MULTILINE)
