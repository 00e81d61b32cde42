"""The composition of an object: its label, its owners' labels, its own uid, in this order, and not too far."""

import dataclasses
import itertools
import random

import pytest
from kubernetes_made import CLUSTER, GROUP, LABEL, made, owned_by, pod, shop, uid

from enrich.composition import Compositions, Source
from enrich.directory import Directory
from enrich.objects import Reference


def walk(known, *others, depth=5, label=LABEL, groups=(GROUP,)):
    directory = Directory()
    for one in (known, *others):
        directory.put(one)
    return Compositions(directory, label, groups, depth).of(known)


def test_the_objects_own_label_comes_first():
    *owners, labelled = shop(labels={LABEL: "mine"}, composition_labels={LABEL: "theirs"})
    finding = walk(labelled, *owners)
    assert (finding.composition_id, finding.source) == ("mine", Source.LABEL)


def test_an_unlabelled_pod_takes_the_label_of_the_nearest_owner_that_has_one():
    composition, deployment, replica_set, plain = shop(composition_labels={LABEL: "far"})
    near = dataclasses.replace(deployment, labels={LABEL: "near"})
    finding = walk(plain, replica_set, near, composition)
    assert (finding.composition_id, finding.source) == ("near", Source.OWNER_LABEL)


def test_below_a_composition_without_a_label_its_uid_is_the_id():
    *owners, plain = shop()
    finding = walk(plain, *owners)
    assert (finding.composition_id, finding.source) == (uid(90), Source.OWNER_UID)


def test_a_composition_without_a_label_is_its_own_and_with_one_it_is_its_owners():
    root, *_ = shop()
    assert walk(root).composition_id == uid(90)
    assert walk(root).source is Source.UID
    labelled, *_ = shop(composition_labels={LABEL: "owning"})
    assert walk(labelled).composition_id == "owning"


def test_an_object_that_belongs_to_nobody_is_known_to_belong_to_nobody():
    finding = walk(pod())
    assert (finding.composition_id, finding.source, finding.missing) == ("", Source.NONE, ())


def test_the_label_and_the_groups_are_settings():
    composition, deployment, replica_set, plain = shop(labels={LABEL: "ignored", "example.org/app": "app-7"})
    assert walk(plain, label="example.org/app").composition_id == "app-7"
    unlabelled = dataclasses.replace(plain, labels={})
    finding = walk(unlabelled, replica_set, deployment, composition, groups=("apps",))
    assert finding.composition_id == uid(80)


@pytest.mark.parametrize(("depth", "found", "cut"), [(3, uid(90), False), (2, "", True), (0, "", True)])
def test_owners_are_walked_no_deeper_than_allowed(depth, found, cut):
    *owners, plain = shop()
    finding = walk(plain, *owners, depth=depth)
    assert (finding.composition_id, finding.cut) == (found, cut)


def test_a_short_way_to_an_owner_is_walked_though_a_long_one_was_cut_there():
    top = made("Deployment", "top", 1, labels={LABEL: "found"})
    shared = made("ReplicaSet", "shared", 2, top)
    near = made("ReplicaSet", "near", 3, shared)
    far = made("ReplicaSet", "far", 4, near)
    plain = pod("p", 5, far, owned_by(shared, controller=False))
    assert walk(plain, far, near, shared, top, depth=3).composition_id == "found"


def test_owners_in_a_ring_end_the_walk_and_are_told():
    first = made("Deployment", "a", 1)
    second = made("Deployment", "b", 2, first)
    first = dataclasses.replace(first, owners=(owned_by(second),))
    finding = walk(first, second, depth=20)
    assert finding.cycle
    assert finding.composition_id == ""


def test_an_object_that_owns_itself_is_a_ring():
    alone = made("Deployment", "a", 1)
    alone = dataclasses.replace(alone, owners=(owned_by(alone),))
    assert walk(alone).cycle


def test_two_ways_to_one_owner_are_no_ring():
    top = made("Deployment", "top", 1)
    left, right = made("ReplicaSet", "left", 2, top), made("ReplicaSet", "right", 3, top)
    finding = walk(pod("p", 4, left, right), top, left, right)
    assert not finding.cycle


def test_very_many_owners_of_owners_are_walked_once_each():
    layers = [[made("ReplicaSet", f"r{level}-{n}", 100 * level + n) for n in range(8)] for level in range(1, 6)]
    for below, above in itertools.pairwise(layers):
        below[:] = [dataclasses.replace(one, owners=tuple(map(owned_by, above))) for one in below]
    everyone = [one for layer in layers for one in layer]
    directory = Directory()
    looked = []
    entry = directory.entry
    for one in everyone:
        directory.put(one)
    directory.entry = lambda *names: looked.append(names) or entry(*names)
    assert Compositions(directory, LABEL, (GROUP,), 20).of(layers[0][0]).composition_id == ""
    assert len(looked) == 32
    looked.clear()
    assert Compositions(directory, LABEL, (GROUP,), 3).of(layers[0][0]).cut
    assert len(looked) == 24  # 8 a layer, though the walk was cut above


def test_the_controller_is_asked_before_other_owners():
    other = made("Deployment", "other", 1, labels={LABEL: "other"})
    controller = made("ReplicaSet", "controller", 2, labels={LABEL: "controller"})
    owned = pod("p", 3, owned_by(other, controller=False), controller)
    assert walk(owned, other, controller).composition_id == "controller"


def test_an_owner_that_is_not_known_is_named():
    _, _, replica_set, plain = shop()
    finding = walk(plain)
    expected = Reference(CLUSTER, "apps", "v1", "ReplicaSet", "shop", "shop-7d9f", replica_set.uid)
    assert finding.missing == (expected,)
    assert finding.composition_id == ""


def test_an_unknown_owner_that_is_a_composition_is_taken_by_its_uid_though_it_may_have_a_label():
    _, deployment, replica_set, plain = shop()
    finding = walk(plain, deployment, replica_set)
    assert (finding.composition_id, finding.source) == (uid(90), Source.OWNER_UID)
    assert [one.kind for one in finding.missing] == ["Shop"]


def test_a_deleted_owner_still_tells():
    composition, deployment, replica_set, plain = shop(composition_labels={LABEL: "kept"})
    directory = Directory()
    for one in (composition, deployment, replica_set, plain):
        directory.put(one)
    for one in (plain, replica_set, deployment, composition):
        directory.gone(CLUSTER, one.uid)
    assert Compositions(directory, LABEL, (GROUP,), 5).of(plain).composition_id == "kept"


def test_a_reference_alone_tells_where_its_group_is_one_of_compositions():
    compositions = Compositions(Directory(), LABEL, (GROUP,), 5)
    root = Reference(CLUSTER, GROUP, "v1", "Shop", "shop", "my-shop", uid(90))
    assert compositions.of_unknown(root).composition_id == uid(90)
    assert compositions.of_unknown(Reference(CLUSTER, "", "v1", "Pod", "shop", "p", uid(1))).composition_id == ""


@pytest.mark.parametrize("seed", range(200))
def test_the_short_way_along_single_owners_finds_what_the_walk_finds(seed, monkeypatch):
    draw = random.Random(seed)
    size = draw.randrange(1, 8)
    known = [made(draw.choice(["Shop", "ReplicaSet"]), f"o{n}", n + 1) for n in range(size)]
    for at in range(size):
        owners = draw.sample(known, k=min(size, draw.choice([0, 1, 1, 1, 1, 2])))
        labels = {LABEL: f"c{at}"} if draw.random() < 0.15 else {}
        known[at] = dataclasses.replace(known[at], owners=tuple(map(owned_by, owners)), labels=labels)
    directory = Directory()
    for one in known:
        if draw.random() < 0.9:
            directory.put(one) if draw.random() < 0.9 else directory.learn(one)
    compositions = Compositions(directory, LABEL, (GROUP,), draw.randrange(5))
    found = [compositions.of(one) for one in known]
    monkeypatch.setattr(Compositions, "straight", lambda *_: None)
    assert found == [compositions.of(one) for one in known]
