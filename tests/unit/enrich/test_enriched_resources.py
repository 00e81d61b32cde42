"""What comes out of the enrichment for a resource: cluster, pod, workload, composition, and never less than came in."""

import dataclasses

import pytest
from enriched_requests import NORTH, House
from kubernetes_made import CLUSTER, LABEL, OTHER, made, pod, shop, uid

from enrich.clusters import Cluster
from enrich.objects import Container
from identity.sender import Sender

SOUTH = Cluster(OTHER, "south")
POD_LABEL = f"k8s.pod.labels.{LABEL}"
ALL_OF_THE_SHOP = {
    "service.name": "shop",
    "k8s.cluster.uid": CLUSTER,
    "k8s.cluster.name": "north",
    "k8s.namespace.name": "shop",
    "k8s.pod.name": "shop-7d9f-abcde",
    "k8s.pod.uid": uid(1),
    "k8s.node.name": "node-1",
    "k8s.replicaset.name": "shop-7d9f",
    "k8s.deployment.name": "shop",
    "krateo.composition.id": uid(90),
}


@pytest.fixture
def house():
    house = House()
    house.put(*shop())
    return house


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ({"k8s.pod.uid": uid(1)}, "uid"),
        ({"k8s.pod.ip": "10.1.0.7"}, "pod_ip"),
        ({"k8s.pod.name": "shop-7d9f-abcde", "k8s.namespace.name": "shop"}, "name"),
    ],
)
def test_one_name_of_a_pod_is_enough_to_know_all_about_it(house, said, source):
    assert house.resource({"service.name": "shop", **said}) == {"service.name": "shop", **ALL_OF_THE_SHOP, **said}
    assert house.counted("found", what="pod", source=source) == 1
    assert house.counted("found", what="composition", source="owner_uid") == 1
    assert house.counted("found", what="cluster", source="object") == 1


@pytest.mark.parametrize("before", ["", "containerd://"])
def test_a_containers_id_tells_the_container_as_well(house, before):
    said = house.resource({"container.id": before + "b" * 64})
    assert said == {"container.id": before + "b" * 64, **ALL_OF_THE_SHOP, "k8s.container.name": "sidecar"}


def test_the_label_of_the_pod_is_its_composition_and_is_written_as_a_label_too():
    house = House()
    house.put(*shop(labels={LABEL: "c-7", "app.kubernetes.io/name": "shop", "private": "x"}))
    said = house.resource({"k8s.pod.uid": uid(1)})
    assert said["krateo.composition.id"] == "c-7"
    assert said[POD_LABEL] == "c-7"
    assert said["k8s.pod.labels.app.kubernetes.io/name"] == "shop"
    assert "k8s.pod.labels.private" not in said


def test_nothing_that_a_sender_said_is_overwritten_or_doubled(house):
    own = {key: f"own {key}" for key in ALL_OF_THE_SHOP} | {"k8s.pod.uid": uid(1), "k8s.cluster.uid": CLUSTER}
    own |= {"k8s.pod.name": "shop-7d9f-abcde", "k8s.namespace.name": "shop"}
    assert house.resource(own) == own


def test_what_a_sender_left_empty_is_filled_in_its_place(house):
    empty = {"k8s.cluster.uid": "", "k8s.node.name": "", "k8s.pod.uid": uid(1), "krateo.composition.id": ""}
    assert house.resource(empty) == ALL_OF_THE_SHOP


def test_a_label_in_the_newer_spelling_is_not_written_again():
    house = House()
    house.put(pod(labels={LABEL: "c-7"}))
    said = house.resource({"k8s.pod.uid": uid(1), f"k8s.pod.label.{LABEL}": "c-7"})
    assert POD_LABEL not in said
    assert said["krateo.composition.id"] == "c-7"


@pytest.mark.parametrize(
    ("own", "source"),
    [
        ({"krateo.composition.id": "mine"}, "attribute"),
        ({LABEL: "mine"}, "attribute"),
        ({POD_LABEL: "mine"}, "pod_label_attribute"),
        ({f"k8s.pod.label.{LABEL}": "mine"}, "pod_label_attribute"),
        ({"krateo.composition.id": "mine", POD_LABEL: "label"}, "attribute"),
    ],
)
def test_a_resources_own_word_about_its_composition_comes_before_any_object(house, own, source):
    said = house.resource({"k8s.pod.uid": uid(1), **own})
    assert said["krateo.composition.id"] == "mine"
    assert house.counted("found", what="composition", source=source) == 1


def test_metrics_about_an_object_that_is_no_pod_get_its_composition(house):
    said = house.resource({"k8s.deployment.uid": uid(80), "k8s.deployment.name": "shop"})
    assert said["krateo.composition.id"] == uid(90)
    assert "k8s.pod.name" not in said


def test_a_pod_that_belongs_to_no_composition_is_counted_as_known():
    house = House()
    house.put(pod())
    assert "krateo.composition.id" not in house.resource({"k8s.pod.uid": uid(1)})
    assert house.counted("found", what="composition", source="none") == 1
    assert house.counted("unknown", what="composition", reason="not_in_directory") == 0


def test_what_was_deleted_is_still_known(house):
    for number in (1, 70, 80, 90):
        house.parts.directory.gone(CLUSTER, uid(number))
    assert house.resource({"k8s.pod.uid": uid(1)}) == ALL_OF_THE_SHOP


def test_an_unknown_pod_gets_the_cluster_and_is_counted(house):
    said = house.resource({"k8s.pod.uid": uid(55)})
    assert said == {"k8s.pod.uid": uid(55), "k8s.cluster.uid": CLUSTER, "k8s.cluster.name": "north"}
    assert house.counted("unknown", what="pod", reason="not_in_directory") == 1
    assert house.counted("unknown", what="composition", reason="not_in_directory") == 1


def test_a_resource_that_names_nothing_is_counted_as_such(house):
    house.resource({"service.name": "shop"})
    assert house.counted("unknown", what="composition", reason="no_object") == 1
    assert house.counted("unknown", what="pod", reason="not_in_directory") == 0


def test_an_address_that_belongs_to_a_proxy_does_not_make_the_resource_the_proxys_pod(house):
    said = house.resource({"k8s.pod.ip": "10.1.0.7", "k8s.pod.name": "another", "k8s.namespace.name": "shop"})
    assert "k8s.deployment.name" not in said
    assert house.counted("mismatches", what="pod") == 1
    assert house.counted("unknown", what="pod", reason="other_pod") == 1


def test_the_peers_address_means_nothing_unless_it_is_set_to(house):
    assert "k8s.pod.name" not in house.resource({"service.name": "shop"}, sender=Sender("10.1.0.7"))


def test_the_peers_address_may_be_set_to_mean_the_sending_pod_but_not_against_its_own_word():
    house = House({"pod": {"by_peer_address": True}})
    house.put(*shop())
    peer = Sender("10.1.0.7")
    assert house.resource({"service.name": "shop"}, sender=peer) == {"service.name": "shop", **ALL_OF_THE_SHOP}
    assert house.counted("found", what="pod", source="peer_address") == 1
    assert "k8s.pod.name" not in house.resource({"k8s.node.name": "n"}, sender=peer)


def test_with_several_clusters_a_pods_uid_proves_which_one():
    house = House(clusters=(NORTH, SOUTH))
    house.put(pod("p", 1, cluster=OTHER))
    said = house.resource({"k8s.pod.uid": uid(1)})
    assert (said["k8s.cluster.uid"], said["k8s.cluster.name"]) == (OTHER, "south")


def test_with_several_clusters_an_address_or_a_name_proves_nothing():
    house = House(clusters=(NORTH, SOUTH))
    house.put(*shop())
    for own in ({"k8s.pod.ip": "10.1.0.7"}, {"k8s.pod.name": "shop-7d9f-abcde", "k8s.namespace.name": "shop"}):
        assert house.resource(own) == own
    assert house.counted("unknown", what="cluster", reason="several_clusters") == 2
    assert house.counted("unknown", what="pod", reason="cluster_unknown") == 2


def test_with_several_clusters_an_address_is_good_within_the_one_that_the_sender_names():
    house = House(clusters=(NORTH, SOUTH))
    house.put(*shop(), pod("other", 2, cluster=OTHER))
    assert house.resource({"k8s.pod.ip": "10.1.0.7", "k8s.cluster.name": "south"})["k8s.pod.name"] == "other"
    assert house.resource({"k8s.pod.ip": "10.1.0.7", "k8s.cluster.uid": CLUSTER})["k8s.deployment.name"] == "shop"


def test_a_sender_that_says_another_cluster_than_its_pod_is_in_is_kept_and_counted(house):
    said = house.resource({"k8s.pod.uid": uid(1), "k8s.cluster.uid": OTHER})
    assert said == {"k8s.pod.uid": uid(1), "k8s.cluster.uid": OTHER}
    assert house.counted("mismatches", what="cluster") == 1


def test_override_writes_what_the_house_knows_in_place_of_what_a_sender_says():
    house = House({"cluster": {"override": True}})
    house.put(*shop())
    said = house.resource({"k8s.pod.uid": uid(1), "k8s.cluster.uid": OTHER, "k8s.cluster.name": "claimed"})
    assert said == ALL_OF_THE_SHOP


def test_a_token_sees_the_objects_of_its_own_cluster_only():
    house = House(clusters=(NORTH, SOUTH))
    house.put(*shop(), pod("mine", 2, cluster=OTHER))
    south = Sender("10.0.0.1", "south-token", cluster_name="south")
    said = house.resource({"k8s.pod.uid": uid(1), "k8s.cluster.uid": CLUSTER}, sender=south)
    assert said == {"k8s.pod.uid": uid(1), "k8s.cluster.name": "south", "k8s.cluster.uid": OTHER}
    assert house.counted("mismatches", what="cluster") == 1
    mine = house.resource({"k8s.pod.uid": uid(2)}, sender=south)
    assert (mine["k8s.pod.name"], mine["k8s.cluster.uid"]) == ("mine", OTHER)
    assert house.counted("found", what="cluster", source="token") == 2


def test_a_token_of_a_cluster_that_nobody_watches_sees_nothing(house):
    stranger = Sender("10.0.0.1", "token", cluster_name="elsewhere")
    assert house.resource({"k8s.pod.uid": uid(1)}, sender=stranger) == {
        "k8s.pod.uid": uid(1),
        "k8s.cluster.name": "elsewhere",
    }
    assert house.counted("unknown", what="pod", reason="other_cluster") == 1


def test_names_that_are_empty_name_nothing_and_the_next_one_is_looked_at(house):
    said = house.resource({"k8s.pod.uid": "", "container.id": "", "k8s.pod.ip": "10.1.0.7"})
    assert said["k8s.pod.uid"] == uid(1)


def test_what_came_before_is_remembered_as_long_as_nothing_changes(house, monkeypatch):
    own = {"k8s.pod.uid": uid(1)}
    assert house.resource(own) == ALL_OF_THE_SHOP
    monkeypatch.setattr("enrich.resources.Resources.resolve", None)
    assert house.resource(own) == ALL_OF_THE_SHOP
    assert house.counted("found", what="pod", source="uid") == 2
    assert house.counted("broken") == 0


@pytest.mark.parametrize("number", [1, 70, 80, 90])
def test_a_change_of_any_object_behind_a_resource_is_seen_at_once(house, number):
    assert house.resource({"k8s.pod.uid": uid(1)})["krateo.composition.id"] == uid(90)
    changed = house.parts.directory.by_uid(uid(number))
    house.put(dataclasses.replace(changed, labels={LABEL: f"new-{number}"}))
    assert house.resource({"k8s.pod.uid": uid(1)})["krateo.composition.id"] == f"new-{number}"


def test_a_cluster_that_is_found_out_later_is_written_from_then_on():
    house = House(clusters=())
    assert house.resource({"service.name": "a"}) == {"service.name": "a"}
    house = House()
    house.parts.clusters.found(Cluster(CLUSTER, "renamed"))
    assert house.resource({"service.name": "a"})["k8s.cluster.name"] == "renamed"
    house.parts.clusters.found(Cluster(CLUSTER, "again"))
    assert house.resource({"service.name": "a"})["k8s.cluster.name"] == "again"


def test_a_pod_that_takes_an_address_over_is_seen_at_once(house):
    assert house.resource({"k8s.pod.ip": "10.1.0.7"})["k8s.pod.name"] == "shop-7d9f-abcde"
    house.put(pod("new", 5, created=9e9))
    assert house.resource({"k8s.pod.ip": "10.1.0.7"})["k8s.pod.name"] == "new"


def test_senders_of_two_clusters_with_the_same_attributes_are_not_mixed_up():
    house = House(clusters=(NORTH, SOUTH))
    house.put(pod("n", 1), pod("s", 2, cluster=OTHER))
    own = {"k8s.pod.ip": "10.1.0.7"}
    for _ in range(2):
        for name, found in (("north", "n"), ("south", "s")):
            said = house.resource(own, sender=Sender("10.0.0.1", name, cluster_name=name))
            assert said["k8s.pod.name"] == found


def test_an_address_of_a_pod_that_ended_means_it_for_a_while_though_nothing_changes(house):
    clock = [1_000.0]
    house.parts.directory._now = lambda: clock[0]
    house.put(pod("ended", 5, addresses=("10.1.0.9",), finished=True))
    for now, expected in ((1_010, "ended"), (1_059, "ended"), (1_061, None), (1_062, None)):
        clock[0] = now
        assert house.resource({"k8s.pod.ip": "10.1.0.9"}).get("k8s.pod.name") == expected


def test_a_pod_that_comes_to_be_known_is_seen_by_resources_that_came_before(house):
    own = {"container.id": "c" * 64}
    assert "k8s.pod.name" not in house.resource(own)
    assert "k8s.pod.name" not in house.resource(own)
    house.put(pod("new", 6, containers=(Container("app", "c" * 64),)))
    assert house.resource(own)["k8s.pod.name"] == "new"
    assert house.resource(own)["k8s.pod.name"] == "new"


def test_resources_are_counted_by_whether_they_were_remembered(house):
    for uid_ in (uid(1), uid(1), uid(1), "unknown"):
        house.resource({"k8s.pod.uid": uid_})
    counted = {outcome: house.counted("resource_cache", outcome=outcome) for outcome in ("hit", "miss")}
    assert counted == {"hit": 2, "miss": 2}
    assert house.registry.get_sample_value("otelhouse_enrich_resource_cache_entries") == 2

    changed = house.parts.directory.by_uid(uid(1))
    house.put(dataclasses.replace(changed, labels={LABEL: "new"}))
    house.resource({"k8s.pod.uid": uid(1)})
    assert house.counted("resource_cache", outcome="miss") == 3, "what is remembered and true no more is no hit"


def test_very_many_resources_are_not_all_remembered(house, monkeypatch):
    monkeypatch.setattr("enrich.remembered.MOST", 3)
    for number in range(10):
        house.resource({"service.name": f"s{number}"})
    known = house.parts.stage._resources._known
    assert len(known) == 3
    house.resource({"service.name": "x" * 5_000})
    assert len(known) == 3


def test_owners_in_a_ring_and_walks_that_were_cut_are_counted():
    first, second = made("Deployment", "a", 21), made("Deployment", "b", 22)
    ring = dataclasses.replace(first, owners=pod("x", 9, second).owners)
    house = House({"composition": {"owner_depth": 2}})
    house.put(*shop(), ring, dataclasses.replace(second, owners=pod("x", 9, first).owners))
    house.resource({"k8s.deployment.uid": uid(21)})
    assert house.counted("owner_cycles") == 1
    house.resource({"k8s.pod.uid": uid(1)})
    house.resource({"k8s.pod.ip": "10.1.0.7"})
    assert house.counted("owner_walks_cut") == 2


def test_an_attribute_that_is_no_text_names_nothing_and_breaks_nothing(house):
    own = {"k8s.pod.uid": 7, "k8s.cluster.name": ["a"], "container.id": {"deep": "x"}, "krateo.composition.id": 5}
    said = house.resource(own)
    assert said == {
        "k8s.pod.uid": "",
        "k8s.cluster.name": '["a"]',
        "container.id": '{"deep":"x"}',
        "krateo.composition.id": "",
        "k8s.cluster.uid": CLUSTER,
    }
    assert house.counted("broken") == 0


def test_a_request_that_cannot_be_enriched_is_stored_as_it_came(house, monkeypatch, caplog):
    monkeypatch.setattr(house.parts.directory, "entry", None)
    assert house.resource({"k8s.pod.uid": uid(1)}) == {"k8s.pod.uid": uid(1)}
    assert house.counted("broken") == 1
    assert "stored as it came" in caplog.text


def test_a_house_without_kubernetes_still_writes_the_cluster_of_its_settings():
    house = House({"cluster": {"name": "prod", "uid": "u"}}, clusters=())
    assert house.resource({POD_LABEL: "c-7"}) == {
        POD_LABEL: "c-7",
        "k8s.cluster.name": "prod",
        "k8s.cluster.uid": "u",
        "krateo.composition.id": "c-7",
    }
    assert house.counted("found", what="cluster", source="setting") == 1
