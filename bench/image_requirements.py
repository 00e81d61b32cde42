"""Writes what the container image installs, as parts of the one lock: `python -m bench.image_requirements`.

In: requirements/runtime.txt. Out: requirements/image.txt, without the embedded engine (a pod speaks with a ClickHouse
server) and without what builds packages; and requirements/image-build.txt, which is the latter alone. Versions and
hashes stay to the letter, so that the image has what was tested.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "requirements"
ENGINE = frozenset({"chdb", "chdb-core", "pandas", "numpy"})
"""The embedded engine and what it alone needs: 0.8 GB."""
BUILDING = frozenset({"editables", "hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"})
"""Hatchling and what it alone needs."""

_NAME = re.compile(r"^([A-Za-z0-9._-]+)")
_HEAD = "# Made of runtime.txt by `python -m bench.image_requirements`.\n"


def files(lock: str) -> dict[str, str]:
    """File name -> text."""
    entries = list(_entries(lock))
    left = "".join(text for name, text in entries if name not in ENGINE | BUILDING)
    building = "".join(text for name, text in entries if name in BUILDING)
    return {"image.txt": _HEAD + left, "image-build.txt": _HEAD + building}


def _entries(lock: str) -> Iterator[tuple[str, str]]:
    """Each requirement with its hashes."""
    name, lines = "", ""
    for line in lock.splitlines(keepends=True):
        if found := _NAME.match(line):
            if name:
                yield name, lines
            name, lines = found[1].lower(), ""
        lines += line
    if name:
        yield name, lines


def main() -> None:
    """Write both."""
    for name, text in files((FOLDER / "runtime.txt").read_text(encoding="utf-8")).items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote {FOLDER / name}", file=sys.stderr)  # noqa: T201  a command


if __name__ == "__main__":
    main()
