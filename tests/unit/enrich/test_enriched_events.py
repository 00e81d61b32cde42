"""Kubernetes events, in every shape that collectors send, get the composition of the object that they are about."""

import asyncio
import dataclasses
import json

import pytest
from asked_source import AskedSource
from enriched_requests import NORTH, House, logs
from kubernetes_made import CLUSTER, GROUP, LABEL, OTHER, made, pod, shop, uid

from enrich import attributes
from enrich.clusters import Cluster
from enrich.errors import DeniedError
from identity.sender import Sender

HUGE = "x" * 300_000
"""Of one body: more than is read while others wait."""
SOUTH = Cluster(OTHER, "south")


def event(known, **involved):
    about = {
        "apiVersion": f"{known.group}/v1" if known.group else "v1",
        "kind": known.kind,
        "name": known.name,
        "namespace": known.namespace,
        "uid": known.uid,
        **involved,
    }
    return {"kind": "Event", "metadata": {"name": "e", "uid": "e-1"}, "involvedObject": about, "reason": "BackOff"}


def watched(known, kind="ADDED", **involved):
    return {"type": kind, "object": event(known, **involved)}


def flat(known):
    """Resource and record attributes as the k8sevents receiver writes them."""
    return {
        "k8s.node.name": "",
        "k8s.object.kind": known.kind,
        "k8s.object.name": known.name,
        "k8s.object.uid": known.uid,
        "k8s.object.api_version": "v1",
    }, {"k8s.event.reason": "BackOff", "k8s.event.uid": "e-1", "k8s.namespace.name": known.namespace}


@pytest.fixture
def house():
    house = House()
    house.put(*shop())
    return house


def pod_of(house, number=1):
    return house.parts.directory.by_uid(uid(number))


def body_shapes():
    def newer(known):
        said = event(known)
        said["regarding"] = said.pop("involvedObject")
        return said

    yield "watched map", watched
    yield "watched text", lambda known: json.dumps(watched(known))
    yield "indented text", lambda known: json.dumps(watched(known), indent=1)
    yield "pulled map", event
    yield "pulled text", lambda known: json.dumps(event(known))
    yield "events.k8s.io map", lambda known: {"type": "ADDED", "object": newer(known)}
    yield "events.k8s.io text", lambda known: json.dumps(newer(known))
    yield "deleted", lambda known: watched(known, "DELETED")


SHAPES = [pytest.param(shape, id=name) for name, shape in body_shapes()]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_of_an_event_gets_the_composition_on_the_record_and_on_the_resource(house, shape):
    ((resource, (record,)),) = house.send(logs(({"k8s.namespace.name": "shop"}, shape(pod_of(house)))))
    assert record == {LABEL: uid(90)}
    assert resource["krateo.composition.id"] == uid(90)
    assert resource["k8s.cluster.uid"] == CLUSTER
    assert "k8s.pod.name" not in resource
    assert house.counted("found", what="event_composition", source="owner_uid") == 1
    assert house.counted("unknown", what="composition", reason="no_object") == 0


def test_an_event_in_flat_attributes_gets_it_as_well(house):
    resource, own = flat(pod_of(house))
    ((resource, (record,)),) = house.send(logs((resource, ("Back-off restarting", own))))
    assert record[LABEL] == uid(90)
    assert resource["krateo.composition.id"] == uid(90)


def test_events_of_several_objects_in_one_resource_each_get_their_own(house):
    house.put(pod("other", 2, labels={LABEL: "c-2"}), pod("free", 3))
    bodies = [watched(pod_of(house, number)) for number in (1, 2, 3)]
    ((resource, records),) = house.send(logs(({}, *bodies)))
    assert [record.get(LABEL) for record in records] == [uid(90), "c-2", None]
    assert "krateo.composition.id" not in resource
    assert house.counted("found", what="event_composition", source="none") == 1


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(
            lambda said: {
                **said,
                "object": {"action": 'say "hi" \\ {"involvedObject":{', "count": 7, **said["object"]},
            },
            id="marks in a text before it",
        ),
        pytest.param(
            lambda said: {"object": {**said["object"], "about": {"involvedObject": {"kind": "Pod", "name": "no"}}}},
            id="another one deeper before it",
        ),
        pytest.param(
            lambda said: {
                "object": {"about": {"a": 7, "involvedObject": {"kind": "Pod", "name": "no"}}, **said["object"]}
            },
            id="another one deeper before it, and not the first there",
        ),
        pytest.param(lambda said: {**said, "object": {**said["object"], "series": {"count": 2}}}, id="a map behind it"),
        pytest.param(lambda said: {"annotations": {"a": [1, {}]}, **said["object"]}, id="a map before it"),
    ],
)
@pytest.mark.parametrize("text", [False, True])
def test_the_involved_object_is_found_among_whatever_else_an_event_holds(house, shape, text):
    body = shape(watched(pod_of(house), fieldPath="spec"))
    ((_, (record,)),) = house.send(logs(({}, json.dumps(body, sort_keys=True) if text else body)))
    assert record == {LABEL: uid(90)}


def test_an_involved_object_of_any_length_is_read(house):
    ((_, (record,)),) = house.send(logs(({}, watched(pod_of(house), fieldPath="x" * 5_000))))
    assert record == {LABEL: uid(90)}


@pytest.mark.parametrize("text", [False, True])
def test_of_two_involved_objects_the_one_in_the_watched_object_counts(house, text):
    house.put(pod("other", 2, labels={LABEL: "c-2"}))
    both = {"action": "a", "involvedObject": event(pod_of(house, 2))["involvedObject"], **watched(pod_of(house))}
    ((_, (record,)),) = house.send(logs(({}, json.dumps(both, sort_keys=True) if text else both)))
    assert record == {LABEL: uid(90)}


def test_ids_of_any_length_that_senders_write_are_not_remembered(house):
    before = attributes._serialized.cache_info().currsize
    for number in range(5):
        own = f"{number}" * 10_000
        ((_, (record,)),) = house.send(logs(({"krateo.composition.id": own}, watched(pod_of(house)))))
        assert record == {LABEL: own}
    assert attributes._serialized.cache_info().currsize == before


def test_what_is_remembered_of_an_object_ends_with_a_change_of_it_or_of_an_owner(house):
    sent = logs(({}, watched(pod_of(house))))
    assert house.send(sent)[0][1] == [{LABEL: uid(90)}]
    replica_set = house.parts.directory.by_uid(uid(70))
    house.put(dataclasses.replace(replica_set, labels={LABEL: "new"}))
    assert house.send(sent)[0][1] == [{LABEL: "new"}]
    house.put(dataclasses.replace(pod_of(house), labels={LABEL: "newer"}))
    assert house.send(sent)[0][1] == [{LABEL: "newer"}]


def test_what_is_remembered_of_an_object_is_remembered_for_its_cluster_alone():
    house = House(clusters=(NORTH, SOUTH))
    house.put(pod("p", 1, labels={LABEL: "c"}))
    for said, expected in ((CLUSTER, {LABEL: "c"}), (OTHER, {}), (CLUSTER, {LABEL: "c"})):
        ((_, (record,)),) = house.send(logs(({"k8s.cluster.uid": said}, watched(pod("p", 1)))))
        assert record == expected
    assert house.counted("mismatches", what="cluster") == 1


def test_what_others_made_the_house_remember_is_no_secret_told_to_a_token_of_another_cluster():
    house = House(clusters=(NORTH, SOUTH))
    house.put(pod("p", 1, labels={LABEL: "secret"}))
    sent = logs(({}, watched(pod("p", 1))))
    assert house.send(sent)[0][1] == [{LABEL: "secret"}]
    for name in ("south", "unheard-of"):
        assert house.send(sent, sender=Sender("a", "t", cluster_name=name))[0][1] == [{}]


def test_a_uid_that_two_clusters_have_means_the_object_of_the_one_that_is_said():
    house = House(clusters=(NORTH, SOUTH))
    house.put(pod("p", 1, labels={LABEL: "c"}), pod("p", 1, cluster=OTHER, labels={LABEL: "d"}))
    for said, expected in ((CLUSTER, "c"), (OTHER, "d"), (CLUSTER, "c")):
        ((_, (record,)),) = house.send(logs(({"k8s.cluster.uid": said}, watched(pod("p", 1)))))
        assert record == {LABEL: expected}


def test_events_that_are_maps_beside_those_that_are_text_are_each_seen_once(house):
    body = watched(pod_of(house))
    ((resource, records),) = house.send(logs(({}, json.dumps(body), body, json.dumps(body))))
    assert records == [{LABEL: uid(90)}] * 3
    assert resource["krateo.composition.id"] == uid(90)
    assert house.counted("found", what="event_composition", source="owner_uid") == 3


@pytest.mark.parametrize("text", [False, True])
def test_a_thousand_events_take_another_way_and_come_out_the_same(house, text):
    body = watched(pod_of(house))
    ((_, records),) = house.send(logs(({}, *[json.dumps(body) if text else body] * 1_000)))
    assert records == [{LABEL: uid(90)}] * 1_000


@pytest.mark.parametrize(
    ("resource", "record", "expected"),
    [
        ({}, {LABEL: "record"}, {LABEL: "record"}),
        ({}, {"krateo.composition.id": "record"}, {LABEL: "record", "krateo.composition.id": "record"}),
        ({}, {f"k8s.pod.labels.{LABEL}": "r"}, {LABEL: "r", f"k8s.pod.labels.{LABEL}": "r"}),
        ({"krateo.composition.id": "resource"}, {}, {LABEL: "resource"}),
        ({LABEL: "resource"}, {}, {LABEL: "resource"}),
        ({f"k8s.pod.labels.{LABEL}": "label"}, {}, {LABEL: "label"}),
        ({"krateo.composition.id": "resource"}, {LABEL: "record"}, {LABEL: "record"}),
    ],
)
def test_the_records_own_word_comes_first_then_the_resources_then_the_object(house, resource, record, expected):
    ((_, (said,)),) = house.send(logs((resource, (watched(pod_of(house)), record))))
    assert said == expected


@pytest.mark.parametrize("own", [f"k8s.pod.label.{LABEL}", LABEL, "krateo.composition.id"])
@pytest.mark.parametrize("size", [10, 100_000])
def test_what_an_event_says_itself_is_seen_among_others_that_say_nothing_and_in_a_request_of_any_size(house, own, size):
    house.put(pod("other", 2, labels={LABEL: "c-2"}))
    bodies = ["x" * size, watched(pod_of(house)), (watched(pod_of(house)), {own: "own"}), watched(pod_of(house, 2))]
    ((_, records),) = house.send(logs(({}, *bodies)))
    assert [record.get(LABEL) for record in records] == [None, uid(90), "own", "c-2"]


def test_resources_with_and_without_maps_of_one_request_are_each_read(house):
    body = watched(pod_of(house))
    texts = ["an order", json.dumps(body), "an order"]
    (_, first), (_, second), (_, third) = house.send(logs(({}, *texts), ({}, "an order", body), ({}, *texts)))
    assert first == third == [{}, {LABEL: uid(90)}, {}]
    assert second == [{}, {LABEL: uid(90)}]


def test_a_request_whose_maps_break_the_enrichment_is_stored_as_it_came(house, monkeypatch, caplog):
    def broken(_body):
        raise RuntimeError("made to break")

    monkeypatch.setattr("enrich.events.of_body", broken)
    ((resource, records),) = house.send(logs(({}, *[watched(pod_of(house))] * 3)))
    assert records == [{}] * 3
    assert "krateo.composition.id" not in resource
    assert house.counted("broken") == 1
    assert caplog.text.count("stored as it came") == 1


def test_the_attribute_of_events_keeps_its_name_whatever_the_label_is_called():
    house = House({"composition": {"label": "example.org/app"}})
    house.put(pod(labels={"example.org/app": "app-7"}))
    ((_, records),) = house.send(
        logs(({}, watched(pod_of(house)), (watched(pod_of(house)), {"example.org/app": "own", LABEL: ""})))
    )
    assert records == [{LABEL: "app-7"}, {"example.org/app": "own", LABEL: "own"}]


def test_an_event_about_a_composition_itself_has_its_uid_even_if_nobody_knows_it(house):
    unknown = made("Shop", "new-shop", 91)
    ((_, (record,)),) = house.send(logs(({}, watched(unknown))))
    assert unknown.group == GROUP
    assert record == {LABEL: uid(91)}


def test_an_event_about_an_object_that_was_deleted_still_has_its_composition(house):
    for number in (1, 70, 80, 90):
        house.parts.directory.gone(CLUSTER, uid(number))
    ((_, (record,)),) = house.send(logs(({}, watched(pod_of(house)))))
    assert record == {LABEL: uid(90)}


def test_an_event_about_a_node_has_the_nodes_name_for_a_uid(house):
    house.put(made("Node", "node-1", 60, labels={LABEL: "infra"}))
    node = made("Node", "node-1", 60)
    ((_, (record,)),) = house.send(logs(({}, watched(node, uid="node-1", namespace="default"))))
    assert record == {LABEL: "infra"}


def test_an_event_about_a_static_pod_has_the_hash_of_its_file_for_a_uid(house):
    ((_, (record,)),) = house.send(logs(({}, watched(pod_of(house), uid="0" * 32))))
    assert record == {LABEL: uid(90)}


def test_plain_logs_of_the_same_request_are_left_alone(house):
    bodies = ["an order", {"order": 7, "object": {"kind": "x"}}, watched(pod_of(house)), '{"order":7}']
    ((resource, records),) = house.send(logs(({}, *bodies)))
    assert records == [{}, {}, {LABEL: uid(90)}, {}]
    assert "krateo.composition.id" not in resource


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        '{"involvedObject":',
        '{"involvedObject":5,"regarding":["x"]}',
        '{"object":5,"involvedObject":1}',
        '{"involvedObject":{"kind":"Pod"}}',
        '{"involvedObject":{"kind":"Pod","name":["x"]}}',
        '{"regarding":"your order"}',
        '{"a":' * 100_000 + '"involvedObject"',
        {"involvedObject": "x"},
        {"involvedObject": {"kind": "Pod"}},
        {"object": {"involvedObject": {"kind": {"deep": 1}, "name": 5}}},
        {"object": "x"},
        '{"involvedObject":{"kind":"Pod","name":"x"} was seen',
        '{"object":{"count":7,"involvedObject":{"kind":"Pod","name":"x"},"message":"cut of',
        {"requestObject": {"involvedObject": {"kind": "Pod", "name": "x"}}},
        {"message": '{"involvedObject":{"kind":"Pod","name":"x"}}'},
        [{"involvedObject": {"kind": "Pod", "name": "x"}}],
        None,
    ],
)
def test_what_only_looks_like_an_event_is_left_alone(house, body):
    ((_, (record,)),) = house.send(logs(({}, body)))
    assert record == {}
    assert house.counted("broken") == 0


def test_an_object_without_an_event_attribute_is_no_flat_event(house):
    resource, _ = flat(pod_of(house))
    ((_, (record,)),) = house.send(logs((resource, ("hello", {"other": "x"}))))
    assert record == {"other": "x"}


def test_events_prove_the_cluster_of_their_resource_where_there_are_several():
    house = House(clusters=(NORTH, SOUTH))
    mine = pod("p", 1, cluster=OTHER, labels={LABEL: "c"})
    house.put(mine)
    ((resource, (record,)),) = house.send(logs(({}, watched(mine))))
    assert (resource["k8s.cluster.uid"], resource["k8s.cluster.name"], record[LABEL]) == (OTHER, "south", "c")
    assert house.counted("unknown", what="cluster", reason="several_clusters") == 0
    assert house.counted("found", what="cluster", source="object") == 1


def test_events_of_two_clusters_in_one_resource_prove_nothing():
    house = House(clusters=(NORTH, SOUTH))
    both = pod("p", 1, cluster=OTHER, labels={LABEL: "c"}), pod("q", 2, labels={LABEL: "d"})
    house.put(*both)
    ((resource, records),) = house.send(logs(({}, *map(watched, both))))
    assert "k8s.cluster.uid" not in resource
    assert [record[LABEL] for record in records] == ["c", "d"]


def test_a_token_does_not_learn_the_compositions_of_another_cluster():
    house = House(clusters=(NORTH, SOUTH))
    house.put(pod("p", 1, labels={LABEL: "secret"}))
    for sender in (Sender("a", "t", cluster_name="south"), Sender("a", "t", cluster_name="unheard-of")):
        ((_, (record,)),) = house.send(logs(({}, watched(pod("p", 1)))), sender=sender)
        assert record == {}
    assert house.counted("mismatches", what="cluster") == 2


def test_an_event_about_an_unknown_object_is_counted_with_the_reason():
    several, one = House(clusters=(NORTH, SOUTH)), House()
    for house, reason in ((several, "cluster_unknown"), (one, "not_asked")):
        ((_, (record,)),) = house.send(logs(({}, watched(pod("ghost", 5)))))
        assert record == {}
        assert house.counted("unknown", what="event_composition", reason=reason) == 1


def asking(scene, *objects, raises=None, patience_ms=5_000):
    async def run():
        source = AskedSource(*objects, raises=raises)
        house = House({"patience_ms": patience_ms}, source=source)
        try:
            await asyncio.wait_for(scene(house, source), 30)
        finally:
            await house.parts.close()

    asyncio.run(run())


def test_an_unknown_object_is_looked_up_with_its_owners_before_the_request_goes_on():
    everyone = shop(composition_labels={LABEL: "found"})

    async def scene(house, source):
        ((_, records),) = await house.sent(logs(({}, *[watched(everyone[3])] * 3)))
        assert records == [{LABEL: "found"}] * 3
        assert len(source.asked) == 4
        assert house.counted("waits", outcome="answered") == 1
        assert house.counted("lookups", outcome="found") == 4

    asking(scene, *everyone)


def test_an_unknown_pod_of_a_resource_is_looked_up_by_its_name():
    everyone = shop()

    async def scene(house, source):
        said = {"k8s.pod.uid": uid(1), "k8s.pod.name": "shop-7d9f-abcde", "k8s.namespace.name": "shop"}
        ((resource, _),) = await house.sent(logs((said,)))
        assert resource["k8s.deployment.name"] == "shop"
        assert resource["krateo.composition.id"] == uid(90)

    asking(scene, *everyone)


def test_a_request_goes_on_when_its_patience_ends_and_the_next_one_has_the_answer():
    everyone = shop()

    async def scene(house, source):
        source.gate.clear()
        loop = asyncio.get_running_loop()
        began = loop.time()
        ((_, (record,)),) = await house.sent(logs(({}, watched(everyone[3]))))
        assert record == {}
        assert loop.time() - began < 5
        assert house.counted("waits", outcome="gave_up") == 1
        assert house.counted("unknown", what="event_composition", reason="pending") == 1
        source.gate.set()
        while house.parts.sightings.waiting < 4:  # noqa: ASYNC110 - bounded by the scene's own timeout
            await asyncio.sleep(0.001)
        assert {one.belonging.composition_id for one in house.parts.sightings.take(9)} == {uid(90)}
        ((_, (record,)),) = await house.sent(logs(({}, watched(everyone[3]))))
        assert record == {LABEL: uid(90)}

    asking(scene, *everyone, patience_ms=20)


def test_resources_and_events_of_one_request_share_its_patience():
    async def scene(house, source):
        source.gate.clear()
        named = {"k8s.pod.uid": uid(7), "k8s.pod.name": "p", "k8s.namespace.name": "shop"}
        many = [(named, "hello"), ({}, watched(pod("ghost", 5))), ({}, json.dumps(watched(pod("ghost", 6))))]
        await house.sent(logs(*many))
        seconds = house.registry.get_sample_value("otelhouse_enrich_wait_seconds_sum")
        assert 0.02 < seconds < 0.2

    asking(scene, patience_ms=50)


def test_without_patience_nobody_waits_and_everything_is_still_looked_up():
    async def scene(house, source):
        await house.sent(logs(({}, watched(pod("ghost", 5)))))
        assert house.registry.get_sample_value("otelhouse_enrich_wait_seconds_count") == 0
        while not source.asked:  # noqa: ASYNC110 - bounded by the scene's own timeout
            await asyncio.sleep(0)

    asking(scene, patience_ms=0)


def test_a_right_that_is_missing_is_counted_as_such():
    async def scene(house, source):
        for _ in range(2):
            await house.sent(logs(({}, watched(pod("ghost", 5)))))
        assert house.counted("lookups", outcome="denied") == 1
        assert house.counted("unknown", what="event_composition", reason="denied") == 2

    asking(scene, raises=DeniedError("may not get pods"))


def test_an_unknown_composition_that_owns_a_pod_is_taken_at_its_uid_when_it_may_not_be_read():
    *_, plain = everyone = shop()

    async def scene(house, source):
        house.put(*everyone[1:])
        ((_, (record,)),) = await house.sent(logs(({}, watched(plain))))
        assert record == {LABEL: uid(90)}

    asking(scene, raises=DeniedError("may not get shops"))


def test_what_only_a_lookup_knows_is_asked_for_again_when_it_is_old():
    root = made("Shop", "my-shop", 90)

    async def scene(house, source):
        clock = [0.0]
        house.parts.lookups._now = lambda: clock[0]
        await house.sent(logs(({}, watched(root))))
        source.objects = [dataclasses.replace(root, labels={LABEL: "owned"})]
        clock[0] = 301
        await house.sent(logs(({}, watched(root))))
        while house.parts.directory.by_uid(uid(90)).labels == {}:  # noqa: ASYNC110 - bounded by the scene's own timeout
            await asyncio.sleep(0)
        ((_, (record,)),) = await house.sent(logs(({}, watched(root))))
        assert record == {LABEL: "owned"}

    asking(scene, root)


def test_the_owner_of_a_resources_pod_that_only_a_lookup_knows_is_asked_for_again_when_it_is_old():
    *owners, plain = shop()

    async def scene(house, source):
        clock = [0.0]
        house.parts.lookups._now = lambda: clock[0]
        house.put(plain)
        for seconds, asked in ((0, 3), (10, 3), (301, 4)):
            clock[0] = seconds
            await house.sent(logs(({"k8s.pod.uid": uid(1)},)))
            while len(source.asked) < asked:  # noqa: ASYNC110 - bounded by the scene's own timeout
                await asyncio.sleep(0)
            assert (len(source.asked) > 3) == (seconds > 300)

    asking(scene, *owners)


@pytest.mark.parametrize("text", [False, True])
def test_few_but_huge_events_are_read_on_a_thread(monkeypatch, text):
    house = House()
    house.put(*shop())
    ran = []

    async def to_thread(step):
        ran.append(step)
        return step()

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    small = watched(shop()[-1])
    house.resource({}, json.dumps(small) if text else small)
    assert ran == []
    large = small | {"managed": HUGE}
    house.resource({}, json.dumps(large) if text else large)
    assert len(ran) == 2  # to read them, and to write on them
