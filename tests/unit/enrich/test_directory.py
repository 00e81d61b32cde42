"""The directory knows every object by uid, address, container and name, and forgets the deleted ones in time."""

import threading

import pytest
from kubernetes_made import CLUSTER, OTHER, made, pod, uid

from enrich.directory import Directory, DirectoryLimits
from enrich.indexes import ClusterIndexes, Entry
from enrich.objects import Container


class Ears:
    def __init__(self):
        self.heard = []

    def changed(self, known, first_seen, at, *, gone):
        self.heard.append((known.name, first_seen, at, gone))


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ears():
    return Ears()


@pytest.fixture
def directory(clock, ears):
    return Directory(DirectoryLimits(remember_s=3600, address_grace_s=60), ears, clock)


def test_a_pod_is_found_by_everything_that_names_it(directory):
    kept = pod(labels={"app": "shop"})
    assert directory.put(kept)
    assert directory.by_uid(kept.uid) == kept
    assert directory.by_uid(kept.uid, CLUSTER) == kept
    assert directory.by_uid(kept.uid, OTHER) is None
    assert directory.by_pod_address(CLUSTER, "10.1.0.7") == kept
    assert directory.by_pod_address(OTHER, "10.1.0.7") is None
    assert directory.by_container("b" * 64) == (kept, Container("sidecar", "b" * 64))
    assert directory.by_container("b" * 64, OTHER) is None
    assert directory.by_name(CLUSTER, "", "Pod", "shop", kept.name) == kept
    assert directory.by_name(CLUSTER, "", "Pod", "bank", kept.name) is None


def test_two_clusters_may_use_one_address(directory):
    mine, other = pod(number=1), pod(number=2, cluster=OTHER)
    directory.put(mine)
    directory.put(other)
    assert directory.by_pod_address(CLUSTER, "10.1.0.7") == mine
    assert directory.by_pod_address(OTHER, "10.1.0.7") == other


def test_a_reused_address_means_the_newest_running_pod_in_whatever_order_they_are_heard_of(directory):
    old, new = pod("old", 1, created=100.0), pod("new", 2, created=200.0)
    directory.put(new)
    directory.put(old)
    assert directory.by_pod_address(CLUSTER, "10.1.0.7") == new
    directory.put(old)
    assert directory.by_pod_address(CLUSTER, "10.1.0.7") == new


def test_when_the_newest_pod_at_an_address_is_gone_the_one_that_still_runs_has_it(directory):
    old, new = pod("old", 1, created=100.0), pod("new", 2, created=200.0)
    directory.put(old)
    directory.put(new)
    directory.gone(CLUSTER, new.uid)
    assert directory.by_pod_address(CLUSTER, "10.1.0.7") == old


def test_a_finished_pod_gives_its_address_up_to_a_running_one(directory):
    job = pod("job", 1, created=300.0, finished=True)
    runs = pod("runs", 2, created=200.0)
    directory.put(runs)
    directory.put(job)
    assert directory.by_pod_address(CLUSTER, "10.1.0.7") == runs


def test_the_address_of_a_pod_that_ended_means_it_for_a_moment(directory, clock):
    kept = pod()
    directory.put(kept)
    directory.gone(CLUSTER, kept.uid)
    clock.now += 59
    assert directory.by_pod_address(CLUSTER, "10.1.0.7") == kept
    clock.now += 2
    assert directory.by_pod_address(CLUSTER, "10.1.0.7") is None
    assert directory.by_uid(kept.uid) == kept


def test_pods_in_the_network_of_their_node_are_not_found_by_its_address(directory):
    directory.put(pod("proxy", 1, host_network=True, addresses=("192.168.0.1",)))
    assert directory.by_pod_address(CLUSTER, "192.168.0.1") is None


def test_an_address_that_a_node_has_means_no_pod_whoever_is_heard_of_first(directory):
    for number, first in enumerate(("pod", "node")):
        address = f"192.168.0.{number}"
        both = [pod(f"proxy-{number}", 10 + number, addresses=(address,))]
        both.insert(first == "pod", made("Node", f"node-{number}", 20 + number, addresses=(address,)))
        for one in both:
            directory.put(one)
        assert directory.by_pod_address(CLUSTER, address) is None


def test_a_pod_of_which_the_network_is_not_known_is_found_once_its_node_is(directory):
    unsure = pod("shop", 1, host_network=None, node="node-1", addresses=("10.1.0.9",))
    directory.put(unsure)
    assert directory.by_pod_address(CLUSTER, "10.1.0.9") is None

    directory.put(made("Node", "node-1", 2))
    assert directory.by_pod_address(CLUSTER, "10.1.0.9") is None

    directory.put(made("Node", "node-1", 2, addresses=("192.168.0.1",)))
    assert directory.by_pod_address(CLUSTER, "10.1.0.9") == unsure


def test_a_pod_of_which_the_network_is_not_known_is_not_found_by_its_node_s_address(directory):
    directory.put(made("Node", "node-1", 2, addresses=("192.168.0.1",)))
    directory.put(pod("proxy", 1, host_network=None, node="node-1", addresses=("192.168.0.1",)))
    assert directory.by_pod_address(CLUSTER, "192.168.0.1") is None


def test_an_address_that_many_running_pods_share_means_none_of_them(directory):
    for number in range(3):
        directory.put(pod(f"proxy-{number}", number))
    assert directory.by_pod_address(CLUSTER, "10.1.0.7") is None


def test_a_pod_that_got_another_address_is_not_found_by_the_first(directory):
    directory.put(pod())
    directory.put(pod(addresses=("10.1.0.8",)))
    assert directory.by_pod_address(CLUSTER, "10.1.0.7") is None
    assert directory.by_pod_address(CLUSTER, "10.1.0.8").uid == uid(1)


def test_a_container_that_was_started_again_is_found_by_both_ids(directory):
    directory.put(pod(containers=(Container("app", "a" * 64),)))
    directory.put(pod(containers=(Container("app", "c" * 64),)))
    assert directory.by_container("a" * 64)[1].name == "app"
    assert directory.by_container("c" * 64)[1].name == "app"


def test_a_pod_that_restarts_for_ever_does_not_grow_for_ever(directory):
    for number in range(1_000):
        directory.put(pod(containers=(Container("app", f"{number:064x}"),)))
    assert len(directory.by_uid(uid(1)).containers) == 64
    assert directory.by_container(f"{999:064x}") is not None
    assert directory.by_container(f"{0:064x}") is None
    size = directory.census().bytes
    directory.put(pod(containers=(Container("app", "f" * 64),)))
    assert directory.census().bytes == size


def test_a_deleted_object_is_remembered_for_an_hour_and_then_forgotten_everywhere(directory, clock):
    kept = pod()
    directory.put(kept)
    directory.gone(CLUSTER, kept.uid)
    clock.now += 3599
    directory.put(pod("other", 2))
    assert directory.by_uid(kept.uid) == kept
    assert directory.by_container("a" * 64) is not None
    clock.now += 2
    directory.put(pod("third", 3, containers=()))
    assert directory.by_uid(kept.uid) is None
    assert directory.by_name(CLUSTER, "", "Pod", "shop", kept.name) is None
    assert directory.census().live == 2
    assert directory.census().deleted == 0


def test_a_list_makes_what_is_not_in_it_gone_but_only_of_its_kind(directory, ears):
    stays, goes, other = pod("stays", 1), pod("goes", 2), made("Deployment", "shop", 3)
    for one in (stays, goes, other):
        directory.put(one)
    ears.heard.clear()
    directory.replace(CLUSTER, "", "Pod", [stays])
    assert [(name, gone) for name, _, _, gone in ears.heard] == [("goes", True)]
    assert directory.census().live == 2


def test_a_list_that_breaks_off_makes_nothing_gone(directory):
    directory.put(pod("one", 1))
    directory.put(pod("two", 2))

    def pages():
        yield pod("one", 1)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        directory.replace(CLUSTER, "", "Pod", pages())
    assert directory.census().live == 2


def test_a_list_with_an_object_of_another_kind_is_refused(directory):
    with pytest.raises(ValueError, match="Deployment shop does not belong into a list of Pod"):
        directory.replace(CLUSTER, "", "Pod", [made("Deployment", "shop", 3)])


def test_an_object_without_a_uid_is_refused(directory):
    with pytest.raises(ValueError, match="has no uid"):
        directory.put(made("Pod", "x", 1, cluster=""))


def test_an_object_that_takes_the_name_of_another_shows_that_the_other_is_gone(directory, ears):
    directory.put(made("StatefulSet", "db", 1))
    directory.put(made("StatefulSet", "db", 2))
    assert directory.by_name(CLUSTER, "apps", "StatefulSet", "shop", "db").uid == uid(2)
    assert [gone for *_, gone in ears.heard] == [False, True, False]
    assert directory.census().live == 1


def test_a_pod_whose_deletion_no_watch_saw_is_gone_with_the_next_list_though_a_lookup_found_its_successor(directory):
    old, new = pod("web-0", 1, addresses=("10.1.0.7",)), pod("web-0", 2, addresses=("10.1.0.8",))
    directory.put(old)
    directory.learn(new)
    assert directory.by_name(CLUSTER, "", "Pod", "shop", "web-0") == old
    directory.replace(CLUSTER, "", "Pod", [new])
    assert directory.entry(old.uid).gone_at
    assert [one.known.uid for one in directory.everything()] == [new.uid]
    assert directory.by_name(CLUSTER, "", "Pod", "shop", "web-0") == new


def test_what_is_there_is_there_whoever_has_its_name():
    indexes = ClusterIndexes()
    for one in (pod("web-0", 1), pod("web-0", 2)):
        indexes.add(Entry(one, weight=1, first_seen=1.0, gone_at=0.0, ended_at=0.0, watched=True), None)
    assert indexes.live("", "Pod") == {uid(1), uid(2)}


def test_only_what_is_new_is_told(directory, ears, clock):
    directory.put(pod(labels={"a": "1"}))
    clock.now += 10
    assert not directory.put(pod(labels={"a": "1"}))
    assert directory.put(pod(labels={"a": "2"}))
    directory.gone(CLUSTER, uid(1))
    directory.gone(CLUSTER, uid(1))
    directory.gone(CLUSTER, uid(99))
    start = 1_000_000.0
    name = "shop-7d9f-abcde"
    assert ears.heard == [
        (name, start, start, False),
        (name, start, start + 10, False),
        (name, start, start + 10, True),
    ]


def test_an_object_that_comes_back_is_there_again(directory, ears, clock):
    directory.put(pod())
    directory.gone(CLUSTER, uid(1))
    clock.now += 10
    assert directory.put(pod())
    clock.now += 3600
    directory.put(pod("other", 2))
    assert directory.by_uid(uid(1)) is not None
    assert [gone for *_, gone in ears.heard] == [False, True, False, False]


def test_what_a_lookup_found_is_forgotten_an_hour_after_it_was_last_found(directory, clock):
    directory.learn(made("Shop", "my-shop", 1))
    clock.now += 3000
    directory.learn(made("Shop", "my-shop", 1))
    clock.now += 3000
    directory.put(pod("other", 2))
    assert directory.by_uid(uid(1)) is not None
    clock.now += 700
    directory.put(pod("third", 3))
    assert directory.by_uid(uid(1)) is None


def test_a_lookup_does_not_revive_what_a_watch_saw_deleted(directory):
    directory.put(pod())
    directory.gone(CLUSTER, uid(1))
    assert not directory.learn(pod(labels={"late": "answer"}))
    assert directory.census().live == 0
    assert directory.by_uid(uid(1)).labels == {}


def test_a_watch_may_say_that_something_is_gone_which_only_a_lookup_knew(directory, ears, clock):
    directory.learn(pod("first", 1))
    clock.now += 1800
    directory.learn(pod("second", 2))
    directory.gone(CLUSTER, uid(1))
    assert ears.heard[-1] == ("first", 1_000_000.0, 1_001_800.0, True)
    assert not directory.learn(pod("first", 1))
    clock.now += 3500
    directory.put(pod("third", 3))
    assert directory.by_uid(uid(1)) is not None


def test_a_full_directory_forgets_the_longest_deleted_first_then_refuses(clock):
    directory = Directory(DirectoryLimits(objects=3), now=clock)
    for number in range(3):
        directory.put(pod(f"p{number}", number))
    directory.gone(CLUSTER, uid(1))
    directory.gone(CLUSTER, uid(0))
    assert directory.put(pod("p3", 3))
    assert directory.by_uid(uid(1)) is None
    assert directory.by_uid(uid(0)) is not None
    assert directory.put(pod("p4", 4))
    assert not directory.put(pod("p5", 5))
    assert directory.put(pod("p4", 4, labels={"known": "ones still change"}))
    census = directory.census()
    assert (census.live, census.deleted, census.refused, census.forgotten_early) == (3, 0, 1, 2)


def test_bytes_are_bounded_as_well():
    directory = Directory(DirectoryLimits(bytes=100_000))
    for number in range(1_000):
        directory.put(pod(f"p{number}", number))
    census = directory.census()
    assert 30 < census.live < 100
    assert census.bytes <= 100_000
    assert census.refused == 1_000 - census.live


class Churn:
    """Two writers and a reader on one directory."""

    def __init__(self):
        self.directory = Directory(DirectoryLimits(objects=500))
        self.wrong = []
        self.done = threading.Event()

    def read(self):
        while not self.done.is_set():
            for number in range(100):
                address = f"10.0.0.{number}"
                self.check(self.directory.by_uid(uid(number)), "uid", uid(number))
                self.check(self.directory.by_pod_address(CLUSTER, address), "addresses", (address,))

    def check(self, found, field, expected):
        if found is not None and getattr(found, field) != expected:
            self.wrong.append(found)

    def write(self, offset):
        for turn in range(20):
            for number in range(offset, 100, 2):
                at = (f"10.0.0.{number}",)
                self.directory.put(pod(f"p{number}", number, addresses=at, labels={"turn": str(turn)}))
            for number in range(offset, 100, 4):
                self.directory.gone(CLUSTER, uid(number))


def test_readers_and_writers_do_not_get_into_each_others_way():
    churn = Churn()
    reader = threading.Thread(target=churn.read)
    writers = [threading.Thread(target=churn.write, args=(offset,)) for offset in (0, 1)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    churn.done.set()
    reader.join(60)
    assert churn.wrong == []
    census = churn.directory.census()
    assert (census.live, census.deleted) == (50, 50)


def test_every_change_of_what_can_be_found_is_counted_and_nothing_else(directory, clock):
    def changes(step):
        before = directory.changes
        step()
        return directory.changes - before

    one = pod("p", 1)
    assert changes(lambda: directory.put(one)) == 1
    assert changes(lambda: directory.put(pod("p", 1))) == 0
    assert changes(lambda: directory.learn(pod("p", 1, labels={"a": "b"}))) == 0
    assert changes(lambda: directory.put(pod("p", 1, labels={"a": "b"}))) == 1
    assert changes(lambda: directory.learn(pod("q", 2, cluster=OTHER))) == 1
    assert changes(lambda: directory.gone(CLUSTER, uid(1))) == 1
    assert changes(lambda: directory.gone(CLUSTER, uid(1))) == 0
    clock.now += 10_000
    assert changes(lambda: directory.gone(CLUSTER, uid(9))) == 2  # the deleted one and the learnt one are forgotten
    assert directory.by_uid(uid(1)) is None


def test_a_finder_finds_what_the_directory_finds_as_it_changes(directory):
    directory.put(pod("p", 1))
    anywhere, here = directory.finder(), directory.finder(CLUSTER)
    directory.put(pod("q", 2, cluster=OTHER))
    assert [find(uid(1)) is directory.entry(uid(1)) for find in (anywhere, here)] == [True, True]
    assert anywhere(uid(2)).known.name == "q"
    assert here(uid(2)) is None
    assert directory.finder("unheard-of")(uid(1)) is None
    directory.put(pod("newer", 1))
    assert here(uid(1)).known.name == anywhere(uid(1)).known.name == "newer"
