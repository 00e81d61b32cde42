"""What is written of the clusters' objects when a house ends: as much as there is time for, and nothing after it."""

import asyncio

from enrich.directory import Directory
from enrich.objects import KubernetesObject
from enrich.recording import Sightings
from enrich.recording_task import RecordingTask
from otelhouse import cluster_watching


def waiting_objects():
    sightings = Sightings()
    directory = Directory(listener=sightings)
    directory.put(KubernetesObject("cluster", "uid", "", "v1", "Pod", "web-0", "shop"))
    return sightings, directory


def ended(recorder, caplog):
    """What runs on after the flush, and what was said; `recorder.asked` is set when it is given something."""

    async def run():
        task = RecordingTask(*waiting_objects(), recorder, every_s=0.005)
        task.start()
        await asyncio.wait_for(recorder.asked.wait(), 30)
        await cluster_watching._flush(task)
        return asyncio.all_tasks() - {asyncio.current_task()}

    caplog.set_level("WARNING", "otelhouse")
    return asyncio.run(run()), caplog.text


class Recorder:
    def __init__(self, write):
        self._write = write
        self.asked = asyncio.Event()
        self.written = 0

    async def record(self, sightings):
        self.asked.set()
        await self._write()
        self.written += len(sightings)


async def never():
    await asyncio.Event().wait()


async def soon():
    """After some turns of the loop, in which the end has begun."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_store_that_is_too_slow_is_given_nothing_after_the_end(monkeypatch, caplog):
    monkeypatch.setattr(cluster_watching, "FLUSH_SECONDS", 0.02)
    recorder = Recorder(never)

    running, said = ended(recorder, caplog)

    assert running == set()
    assert "objects were not written to the end" in said


def test_what_is_on_its_way_is_written_and_nothing_is_said(caplog):
    recorder = Recorder(soon)

    running, said = ended(recorder, caplog)

    assert (running, recorder.written, said) == (set(), 1, "")
