"""The bars of `otelhouse bench ingest`, which are the same with enrichment off and on, and whether they hold.

In: `Figures`. Out: what reached which bar, and a table. It measures nothing. What a flat record costs more with
enrichment is a matter of tenths of a microsecond, for which `otelhouse bench enrich` is made.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.ingest_benchmark import Figures


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure of some workload may be at most."""

    what: str
    workload: str
    compressions: tuple[str, ...]
    seen: Callable[[Figures], float]
    most: float


BARS = (
    Bar("ingester, us a record", "flat logs", ("gzip",), lambda line: line.ingester_us, 2.5),
    Bar("both over the floor", "flat logs", ("none", "gzip"), lambda line: line.over_floor, 1.6),
    Bar("ingester, us an event", "kubernetes events", ("none", "gzip"), lambda line: line.ingester_us, 60.0),
)


@dataclass(frozen=True, slots=True)
class Reached:
    """One bar and what was seen."""

    name: str
    enriched: bool
    most: float
    seen: float

    @property
    def holds(self) -> bool:
        """Whether it was reached."""
        return self.seen <= self.most


def reached(figures: Sequence[Figures]) -> list[Reached]:
    """Hold the figures to all bars that there are for them."""
    return list(_reached(figures))


def _reached(figures: Sequence[Figures]) -> Iterator[Reached]:
    for bar in BARS:
        for line in figures:
            if (line.workload, line.compression in bar.compressions) == (bar.workload, True):
                name = f"{line.workload}, {line.compression}: {bar.what}"
                yield Reached(name, line.enriched, bar.most, bar.seen(line))


def as_markdown(figures: Sequence[Figures]) -> str:
    """Give the table of the bars."""
    head = "| bar | enrichment | at most | seen |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {one.name} | {'on' if one.enriched else 'off'} | {one.most:g} "
        f"| {one.seen:.2f}{'' if one.holds else ', missed'} |\n"
        for one in reached(figures)
    )
