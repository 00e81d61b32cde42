"""The result of a bench run, written for machines (JSON), for people (a table) and for the README (an SVG picture).

In: `Figures`. Out: text. It measures nothing.
"""

import dataclasses
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from bench import ingest_bars
from bench.ingest_benchmark import Figures

_ROW, _LEFT, _WIDTH, _BAR = 46, 190, 520, 14
_COLOURS = {"ingester": "#2f6f9f", "ClickHouse": "#e0a526", "floor": "#9aa5ad"}


def machine() -> dict[str, str | int]:
    """Say what the figures were measured on."""
    models = [line for line in _cpu_info() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.processor()
    return {
        "cpu": model or platform.machine(),
        "cores": os.cpu_count() or 0,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def as_json(figures: Sequence[Figures], clickhouse_version: str) -> str:
    """Give one object: the machine, the server's version and a list of lines."""
    lines = [
        dataclasses.asdict(line) | {"items_per_second": line.items_per_second, "over_floor": line.over_floor}
        for line in figures
    ]
    return json.dumps({"machine": machine(), "clickhouse": clickhouse_version, "figures": lines}, indent=2) + "\n"


def figures_of(told: Mapping[str, Any]) -> list[Figures]:
    """Read back what `as_json` wrote."""
    names = [field.name for field in dataclasses.fields(Figures)]
    return [Figures(**{name: line[name] for name in names if name in line}) for line in told["figures"]]


def as_markdown(figures: Sequence[Figures]) -> str:
    """Give the table that stands in the README."""
    head = (
        "| workload | bytes | ingester | ClickHouse | Native floor | both over the floor "
        "| items/s | items an INSERT | ingester's peak memory |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(
        f"| {name_of(line)} | {line.bytes_per_item:.0f} | {line.ingester_us:.2f} "
        f"| {line.clickhouse_us:.2f} | {line.floor_us:.2f} | {line.over_floor:.2f} "
        f"| {line.items_per_second:,.0f} | {line.rows_per_insert:,} | {line.ingester_peak_bytes / 2**20:.0f} MiB |\n"
        for line in figures
    )


def as_page(figures: Sequence[Figures]) -> str:
    """Give the table, and below it the bars."""
    return f"{as_markdown(figures)}\n{ingest_bars.as_markdown(figures)}"


def name_of(line: Figures) -> str:
    """Name what was sent, how, and what was done with it."""
    return f"{line.workload}, {line.compression}{', enriched' * line.enriched}"


def as_svg(every: Sequence[Figures]) -> str:
    """Draw a pair of bars a line: ingester and ClickHouse in one, the Native floor below it; without enrichment."""
    figures = [line for line in every if not line.enriched] or every
    scale = _WIDTH / max(max(line.ingester_us + line.clickhouse_us, line.floor_us) for line in figures)
    height = _ROW * len(figures) + 60
    size = f'width="{_LEFT + _WIDTH + 90}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="10" y="20" font-size="14">CPU microseconds an item, from the front door to the merged table</text>',
        _legend(),
    ]
    for index, line in enumerate(figures):
        parts.append(_bars(line, 54 + index * _ROW, scale))
    return "\n".join([*parts, "</svg>\n"])


def write(folder: Path, figures: Sequence[Figures], clickhouse_version: str) -> list[Path]:
    """Write the three forms into `folder` and give their paths."""
    texts = {
        "ingest.json": as_json(figures, clickhouse_version),
        "ingest.md": as_page(figures),
        "ingest.svg": as_svg(figures),
    }
    return [write_text(folder / name, text) for name, text in texts.items()]


def write_text(path: Path, text: str) -> Path:
    """Write one file, its folder with it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _bars(line: Figures, top: int, scale: float) -> str:
    ours = line.ingester_us + line.clickhouse_us
    ingester, clickhouse, floor = line.ingester_us * scale, line.clickhouse_us * scale, line.floor_us * scale
    return "\n".join(
        (
            f'<text x="10" y="{top + 12}">{escape(line.workload)}, {line.compression}</text>',
            _bar(_LEFT, top, ingester, "ingester"),
            _bar(_LEFT + ingester, top, clickhouse, "ClickHouse"),
            f'<text x="{_LEFT + ingester + clickhouse + 5:.1f}" y="{top + 12}">{ours:.1f}</text>',
            _bar(_LEFT, top + _BAR + 2, floor, "floor"),
            f'<text x="{_LEFT + floor + 5:.1f}" y="{top + _BAR + 14}">{line.floor_us:.1f}</text>',
        )
    )


def _bar(left: float, top: int, width: float, part: str) -> str:
    return f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{_COLOURS[part]}"/>'


def _legend() -> str:
    words = {"ingester": "ingester", "ClickHouse": "ClickHouse", "floor": "ClickHouse, same rows ready-made (Native)"}
    lefts = (_LEFT, _LEFT + 90, _LEFT + 190)
    return "\n".join(
        f'<rect x="{left}" y="30" width="10" height="10" fill="{_COLOURS[part]}"/>'
        f'<text x="{left + 15}" y="39">{words[part]}</text>'
        for left, part in zip(lefts, _COLOURS, strict=True)
    )


def _cpu_info() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
