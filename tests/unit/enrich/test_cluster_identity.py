"""Which cluster a resource is from, and when nobody knows."""

import pytest

from enrich.cluster_identity import NOBODY, ClusterIdentity, ClusterSource
from enrich.clusters import Cluster, Clusters

NORTH, SOUTH = Cluster("uid-north", "north"), Cluster("uid-south", "south")


def identity(*known, configured=None, setting=NOBODY, override=False):
    clusters = Clusters(len(known) if configured is None else configured)
    for one in known:
        clusters.found(one)
    return ClusterIdentity(clusters, setting, override=override)


def test_the_only_cluster_is_the_cluster_of_those_who_do_not_say():
    decision = identity(NORTH).decide(NOBODY, bound=False)
    assert (decision.cluster, decision.source) == (NORTH, ClusterSource.DISCOVERY)


def test_with_several_clusters_nothing_is_guessed():
    two = identity(NORTH, SOUTH)
    assert two.decide(NOBODY, bound=False).cluster == NOBODY
    assert two.why_unknown() == "several_clusters"


def test_one_of_two_clusters_that_was_found_out_first_is_not_the_only_one():
    assert identity(NORTH, configured=2).decide(NOBODY, bound=False).cluster == NOBODY


def test_a_house_that_knows_no_cluster_says_so():
    assert identity().why_unknown() == "no_cluster_known"


def test_an_object_proves_the_cluster_where_there_are_several():
    decision = identity(NORTH, SOUTH).decide(NOBODY, bound=False, proof=SOUTH)
    assert (decision.cluster, decision.source) == (SOUTH, ClusterSource.OBJECT)


def test_a_setting_is_the_word_of_those_who_do_not_say_and_its_other_half_is_found():
    for setting in (Cluster("uid-north"), Cluster(name="north")):
        decision = identity(NORTH, SOUTH, setting=setting).decide(NOBODY, bound=False)
        assert (decision.cluster, decision.source) == (NORTH, ClusterSource.SETTING)


def test_a_setting_names_the_only_cluster():
    unnamed = Cluster("uid-north")
    assert identity(unnamed, setting=Cluster(name="prod")).decide(NOBODY, bound=False).cluster == Cluster(
        "uid-north", "prod"
    )


def test_a_sender_is_believed_and_only_its_other_half_is_added():
    two = identity(NORTH, SOUTH)
    assert two.decide(Cluster(name="north"), bound=False).cluster == NORTH
    assert two.decide(Cluster("uid-south"), bound=False).cluster == SOUTH
    assert two.decide(Cluster("uid-other", "other"), bound=False).cluster == Cluster("uid-other", "other")


@pytest.mark.parametrize("setting", [NOBODY, Cluster("uid-north"), Cluster("uid-north", "north")])
def test_a_name_that_nobody_knows_gets_no_uid_by_guessing(setting):
    decision = identity(Cluster("uid-north"), setting=setting).decide(Cluster(name="mine"), bound=False)
    assert decision.cluster == Cluster(name="mine")


def test_a_name_gets_the_uid_that_an_object_proves():
    decision = identity(NORTH, SOUTH).decide(Cluster(name="what-we-call-it"), bound=False, proof=NORTH)
    assert decision.cluster == Cluster("uid-north", "what-we-call-it")


def test_two_clusters_of_one_name_are_not_told_apart_by_it():
    twins = identity(Cluster("uid-1", "prod"), Cluster("uid-2", "prod"))
    assert twins.decide(Cluster(name="prod"), bound=False).cluster == Cluster(name="prod")


def test_override_lets_the_house_know_better_than_a_sender_but_not_than_a_token():
    mine = identity(NORTH, override=True)
    assert mine.decide(SOUTH, bound=False).cluster == NORTH
    assert mine.decide(SOUTH, bound=True).cluster == SOUTH
    assert identity(override=True).decide(SOUTH, bound=False).cluster == SOUTH


def test_a_tokens_name_gets_the_uid_of_the_cluster_with_that_name():
    decision = identity(NORTH, SOUTH).decide(Cluster(name="south"), bound=True)
    assert (decision.cluster, decision.source) == (SOUTH, ClusterSource.TOKEN)


def test_a_cluster_that_was_built_anew_is_not_mixed_with_the_one_before():
    clusters = Clusters(1)
    clusters.found(Cluster("uid-1", "prod"))
    clusters.found(Cluster("uid-2", "prod"), before="uid-1")
    assert clusters.only == clusters.by_name("prod") == Cluster("uid-2", "prod")
    assert clusters.by_uid("uid-1").name == "prod"


def test_two_clusters_of_one_name_are_told_by_their_uids_alone():
    clusters = Clusters(2)
    clusters.found(Cluster("uid-1", "prod"))
    clusters.found(Cluster("uid-2", "prod"))
    assert clusters.by_name("prod") is None
    assert clusters.by_uid("uid-1").name == "prod"


def test_a_cluster_without_a_uid_was_not_found_out():
    with pytest.raises(ValueError, match="the uid of cluster 'prod'"):
        Clusters(1).found(Cluster(name="prod"))
