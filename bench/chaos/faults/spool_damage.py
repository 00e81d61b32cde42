"""A file of the spool is cut short or has flipped bits when the house starts.

A spool is filled once, while ClickHouse is away. Each round takes a copy, damages one file at one random place, and
starts a house with an empty database on it. Which requests may be lost is read off the undamaged file: those whose
bytes were hit. A request that is there must be there whole, once, and the log must name the file and how many are lost.
"""

import random
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.chaos import ground
from bench.chaos.census import Counts
from bench.chaos.fault import Plan, Verdict
from bench.chaos.ground import Ground
from bench.chaos.ledger import NOTHING, Note

FILL_SECONDS = 4.0
_ID = re.compile(rb"(\d{8})/\d{5}")
_TOLD = re.compile(r"lost are (\d+) of (\d+) requests")


@dataclass(frozen=True, slots=True)
class Hit:
    """What was done to one file."""

    file: str
    what: str
    begin: int
    """First byte that is wrong or missing."""
    end: int
    """Behind the last one."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where one request lies in a file: from the end of the one before to the begin of the one behind, at most."""

    number: int
    begin: int
    end: int


def run(plan: Plan) -> Verdict:
    """Fill once, damage in every round."""
    broken, lost, hits = [], 0, 0
    with TemporaryDirectory(prefix="otelhouse-chaos-spool-") as folder:
        spool = Path(folder) / "filled"
        with ground.laid({"OTELHOUSE_INGEST_SPOOL_PATH": str(spool), **ground.ALWAYS}) as here:
            run_name, notes = _fill(here, plan)
            files = {file.name: stretches(file.read_bytes()) for file in sorted(spool.glob("*.spool*"))}
            plan.say(f"{len(notes)} requests in {len(files)} files")
            for number in range(plan.rounds):
                copy = Path(folder) / "damaged"
                shutil.copytree(spool, copy)
                hit = damage(copy, plan.draw(number))
                problems, missing = _round(here, copy, run_name, notes, hit, files)
                shutil.rmtree(copy)
                lost, hits = lost + missing, hits + bool(missing)
                broken += [f"round {number + 1}, {hit.what} of {hit.file}: {words}" for words in problems]
                plan.say(
                    f"round {number + 1} of {plan.rounds}: {hit.what}: {missing} requests lost, {problems or 'ok'}"
                )
    seen = f"{hits} files damaged, {lost} requests lost with them, all of them told; {len(broken)} surprises"
    return Verdict(plan.rounds, seen, tuple(broken), {"requests_lost": lost, "rounds_with_loss": hits})


def _fill(here: Ground, plan: Plan) -> tuple[str, list[Note]]:
    """Leave a spool full of requests behind, the house stopped."""
    here.house.start()
    load = here.load(plan.seed, senders=4, items=20)
    with here.under(load) as senders:
        senders.wait_for(1)
        here.server.kill()
        time.sleep(plan.seconds(FILL_SECONDS, 1))
        notes = senders.finish(0.0)
    if code := here.house.stop():
        raise RuntimeError(f"the house ended with {code}; {here.house.last_words()}")
    here.server.restart()
    stored = here.count(load.run)
    waiting = [note for note in notes if note.acknowledged and (note.signal, note.number) not in stored]
    return load.run, waiting


def stretches(data: bytes) -> list[Stretch]:
    """Where each request lies in a file, as far as the ids of its items tell."""
    spans: dict[int, tuple[int, int]] = {}
    for found in _ID.finditer(data):
        begin, _ = spans.get(number := int(found[1]), (found.start(), 0))
        spans[number] = (begin, found.end())
    ordered = sorted(spans.items(), key=lambda item: item[1])
    begins = [0] + [end for _, (_, end) in ordered[:-1]]
    ends = [begin for _, (begin, _) in ordered[1:]] + [len(data)]
    return [Stretch(number, begin, end) for (number, _), begin, end in zip(ordered, begins, ends, strict=True)]


def damage(spool: Path, draw: random.Random) -> Hit:
    """Hit one file at one place."""
    file = draw.choice(sorted(spool.glob("*.spool*")))
    data = bytearray(file.read_bytes())
    place = draw.randrange(len(data))
    match draw.choice(("one bit", "one bit", "some bits", "zeros", "cut")):
        case "one bit":
            data[place] ^= 1 << draw.randrange(8)
            hit = Hit(file.name, f"bit flipped at {place}", place, place + 1)
        case "some bits":
            end = min(len(data), place + draw.randrange(2, 64))
            for at in range(place, end):
                data[at] ^= draw.randrange(1, 256)
            hit = Hit(file.name, f"bytes {place} to {end} garbled", place, end)
        case "zeros":
            end = min(len(data), place + 4096)
            data[place:end] = bytes(end - place)
            hit = Hit(file.name, f"bytes {place} to {end} zeroed", place, end)
        case _:
            hit = Hit(file.name, f"cut to {place} bytes", place, len(data))
            del data[place:]
    file.write_bytes(data)
    return hit


def _round(
    here: Ground, spool: Path, run_name: str, notes: list[Note], hit: Hit, files: Mapping[str, list[Stretch]]
) -> tuple[list[str], int]:
    """Start on the damaged spool; gives what did not hold, and how many requests are lost."""
    here.fresh_database()
    here.house.settings["OTELHOUSE_INGEST_SPOOL_PATH"] = str(spool)
    begun = len(here.house.log())
    here.house.start()
    here.house.wait_drained()
    standing = here.house.spool()
    code = here.house.stop()
    problems = [] if not code else [f"the house ended with {code}"]
    counts = here.count(run_name)
    missing, wrong = compare(notes, counts, hit, files[hit.file])
    problems += wrong
    told = sum(int(found[1]) for found in _told(here.house.log()[begun:], hit.file))
    if told != missing:
        problems.append(f"{missing} requests are lost, the log tells of {told}")
    if missing and (standing is None or not standing.damaged):
        problems.append("its status tells of no damaged file")
    return problems, missing


def _told(log: str, file: str) -> list[re.Match[str]]:
    """What the log says of a file, the first time."""
    lines = [line for line in log.splitlines() if file in line]
    return [found for found in map(_TOLD.search, lines) if found][:1]


def compare(notes: list[Note], counts: Counts, hit: Hit, stretches_: list[Stretch]) -> tuple[int, list[str]]:
    """How many requests are missing, and what is wrong beyond those that were hit."""
    struck = {one.number for one in stretches_ if one.begin < hit.end and hit.begin < one.end}
    wrong, missing = [], 0
    for note in notes:
        held = counts.get((note.signal, note.number), NOTHING)
        if held.rows > held.distinct:
            wrong.append(f"request {note.number} stands {held.rows} times for {held.distinct} items")
        if held.distinct == note.items:
            continue
        missing += 1
        if held.distinct:
            wrong.append(f"request {note.number} is there in part: {held.distinct} of {note.items} items")
        if note.number not in struck:
            wrong.append(f"request {note.number} is lost and was not hit")
    return missing, wrong
