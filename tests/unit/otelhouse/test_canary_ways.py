"""For which clusters the canary beats."""

import pytest

from canary.settings import MOST_CLUSTERS
from otelhouse import canary_ways
from otelhouse.settings import Settings


def clusters(**settings):
    return canary_ways.clusters(Settings.model_validate(settings))


def watched(*names):
    return [{"name": name, "kubeconfig": "/nowhere"} for name in names]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ("",)),
        ({"enrich": {"cluster": {"name": "east"}}}, ("east",)),
        ({"enrich": {"clusters": watched("east", "west")}}, ("east", "west")),
        ({"enrich": {"cluster": {"name": "west"}, "clusters": watched("east", "west")}}, ("west", "east")),
        ({"canary": {"clusters": ["one"]}, "enrich": {"clusters": watched("east", "west")}}, ("one",)),
    ],
)
def test_it_beats_for_every_cluster_that_the_settings_know_unless_they_say_for_which(settings, names):
    assert clusters(**settings) == names


def test_of_more_clusters_than_it_can_the_rest_is_told(caplog):
    names = [f"c{number}" for number in range(MOST_CLUSTERS + 1)]

    assert clusters(enrich={"clusters": watched(*names)}) == tuple(names[:MOST_CLUSTERS])
    assert f"for none of ('c{MOST_CLUSTERS}',)" in caplog.text
