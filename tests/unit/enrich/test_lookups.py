"""Lookups: one at a time for an object, never for long, and three different ways to find nothing."""

import asyncio
import dataclasses
from collections import Counter

import pytest
from asked_source import AskedSource
from kubernetes_made import CLUSTER, made, owned_by, pod, shop, uid

from enrich.directory import Directory, DirectoryLimits
from enrich.errors import DeniedError, FailedError
from enrich.lookups import NOT_ASKED, NOT_KEPT, PENDING, LookupLimits, Lookups
from enrich.objects import Reference

PATIENCE = 10.0


def reference_to(known):
    return Reference(CLUSTER, known.group, known.version, known.kind, known.namespace, known.name, known.uid)


class House:
    """Lookups over a source, with a clock that a test moves."""

    def __init__(self, source, **limits):
        self.time = 1_000.0
        self.source = source
        self.directory = Directory()
        self.outcomes = Counter()
        count = lambda outcome: self.outcomes.update([outcome.value])  # noqa: E731 - the shortest listener
        self.lookups = Lookups(source, self.directory, LookupLimits(**limits), count, lambda: self.time)

    async def ask(self, *references, patience=PATIENCE):
        return await self.lookups.wait_for(references, patience)


def play(scene, *objects, raises=None, **limits):
    async def run():
        house = House(AskedSource(*objects, raises=raises), **limits)
        try:
            await asyncio.wait_for(scene(house), 30)
        finally:
            await house.lookups.close()

    asyncio.run(run())


def test_what_is_found_is_in_the_directory_and_asked_for_once():
    kept = pod()

    async def scene(house):
        assert await house.ask(reference_to(kept))
        assert house.directory.by_uid(kept.uid) == kept
        assert await house.ask(reference_to(kept))
        assert len(house.source.asked) == 1
        assert house.outcomes == {"found": 1}

    play(scene, kept)


def test_many_who_want_the_same_object_are_one_lookup():
    kept = pod()

    async def scene(house):
        house.source.gate.clear()
        asking = [asyncio.create_task(house.ask(reference_to(kept))) for _ in range(50)]
        await asyncio.sleep(0)
        house.source.gate.set()
        assert all(await asyncio.gather(*asking))
        assert len(house.source.asked) == 1

    play(scene, kept)


def test_owners_are_asked_for_as_well_and_shared_owners_once():
    *owners, first = shop()
    second = dataclasses.replace(first, name="shop-7d9f-fghij", uid=uid(2))

    async def scene(house):
        assert await house.ask(reference_to(first), reference_to(second))
        assert all(house.directory.by_uid(one.uid) for one in (*owners, first, second))
        assert Counter(one.kind for one in house.source.asked) == {
            "Pod": 2,
            "ReplicaSet": 1,
            "Deployment": 1,
            "Shop": 1,
        }

    play(scene, *owners, first, second)


def test_owners_that_a_watch_knows_are_not_asked_for():
    composition, deployment, replica_set, plain = shop()

    async def scene(house):
        for one in (deployment, composition):
            house.directory.put(one)
        await house.ask(reference_to(plain))
        assert [one.kind for one in house.source.asked] == ["Pod", "ReplicaSet"]

    play(scene, replica_set, plain)


def test_owners_in_a_ring_are_asked_for_once_each():
    first = made("Deployment", "a", 1)
    second = made("Deployment", "b", 2, first)
    first = dataclasses.replace(first, owners=(owned_by(second),))

    async def scene(house):
        assert await house.ask(reference_to(first), reference_to(second))
        assert len(house.source.asked) == 2

    play(scene, first, second)


def test_owners_are_asked_for_no_deeper_than_allowed():
    *owners, plain = shop()

    async def scene(house):
        await house.ask(reference_to(plain))
        assert [one.kind for one in house.source.asked] == ["Pod", "ReplicaSet"]

    play(scene, *owners, plain, depth=1)


@pytest.mark.parametrize(
    ("raises", "outcome"),
    [
        (None, "absent"),
        (DeniedError("may not get pods"), "denied"),
        (FailedError("503"), "failed"),
        (KeyError("a bug"), "failed"),
    ],
)
def test_absent_denied_and_failed_are_three_answers_each_good_for_a_while(raises, outcome):
    missing = reference_to(pod())

    async def scene(house):
        assert house.lookups.why(missing) == NOT_ASKED
        await house.ask(missing)
        assert house.lookups.why(missing) == outcome
        house.time += 29
        await house.ask(missing)
        assert len(house.source.asked) == 1
        house.time += 2
        await house.ask(missing)
        assert len(house.source.asked) == 2
        assert house.outcomes == {outcome: 2}

    play(scene, raises=raises)


def test_what_was_found_is_good_for_five_minutes_and_then_asked_for_again():
    kept = made("Shop", "my-shop", 90)

    async def scene(house):
        await house.ask(reference_to(kept))
        house.time += 299
        await house.ask(reference_to(kept))
        assert len(house.source.asked) == 1
        house.time += 2
        house.source.objects = [dataclasses.replace(kept, labels={"now": "labelled"})]
        await house.ask(reference_to(kept))
        assert house.directory.by_uid(kept.uid).labels == {"now": "labelled"}

    play(scene, kept)


def test_another_object_that_has_the_name_by_now_is_not_the_one_that_was_meant():
    meant, now = pod(number=1), pod(number=2)

    async def scene(house):
        await house.ask(reference_to(meant))
        assert house.lookups.why(reference_to(meant)) == "absent"
        assert house.directory.by_uid(meant.uid) is None
        assert house.directory.by_uid(now.uid) == now

    play(scene, now)


def test_a_reference_without_a_uid_means_whoever_has_the_name():
    kept = pod()

    async def scene(house):
        await house.ask(dataclasses.replace(reference_to(kept), uid=""))
        assert house.directory.by_uid(kept.uid) == kept
        assert house.outcomes == {"found": 1}

    play(scene, kept)


def test_nobody_waits_longer_than_patience_and_the_answer_still_comes():
    kept = pod()

    async def scene(house):
        house.source.gate.clear()
        assert not await house.ask(reference_to(kept), patience=0.01)
        assert house.lookups.why(reference_to(kept)) == PENDING
        chase = house.lookups.chase(reference_to(kept))
        house.source.gate.set()
        await chase.task
        assert house.directory.by_uid(kept.uid) == kept

    play(scene, kept)


def test_nobody_waits_for_what_others_have_waited_for_already():
    kept = pod()

    async def scene(house):
        house.source.gate.clear()
        assert not await house.ask(reference_to(kept), patience=0.01)
        house.time += 1
        # It would time out the whole test if this waited.
        assert not await house.ask(reference_to(kept), patience=0.9)

    play(scene, kept)


def test_few_are_asked_for_at_once_and_what_finds_no_place_is_dropped():
    pods = [pod(f"p{number}", number) for number in range(10)]

    async def scene(house):
        house.source.gate.clear()
        asking = asyncio.create_task(house.ask(*map(reference_to, pods)))
        while house.source.under_way < 2:  # noqa: ASYNC110 - bounded by the scene's own timeout
            await asyncio.sleep(0)
        house.source.gate.set()
        await asking
        assert house.source.most_at_once == 2
        assert house.outcomes == {"found": 5, "dropped": 5}

    play(scene, *pods, at_once=2, waiting=3)


def test_an_api_server_that_does_not_answer_has_failed():
    async def scene(house):
        house.source.gate.clear()
        await house.ask(reference_to(pod()))
        assert house.outcomes == {"failed": 1}

    play(scene, timeout_s=0.01)


def test_answers_are_bounded():
    async def scene(house):
        for number in range(20):
            await house.ask(reference_to(pod(f"p{number}", number)))
        assert house.lookups.why(reference_to(pod("p0", 0))) == NOT_ASKED
        assert house.lookups.why(reference_to(pod("p19", 19))) == "absent"

    play(scene, remembered=5)


def test_what_was_found_and_found_no_room_is_said_to_be_not_kept():
    kept = pod()

    async def scene(house):
        house.directory._limits = DirectoryLimits(objects=0)
        await house.ask(reference_to(kept))
        assert house.lookups.why(reference_to(kept)) == NOT_KEPT

    play(scene, kept)


def test_closing_ends_what_still_runs():
    async def scene(house):
        house.source.gate.clear()
        await house.ask(reference_to(pod()), patience=0.01)
        await house.lookups.close()
        assert house.source.under_way == 0
        await house.lookups.close()

    play(scene)
