"""What streams say to ClickHouse: the files of sql/streams/.

In: a file's name. Out: its statement, with the fragments in it that it names. Values are bound by the engine.
"""

from functools import cache
from importlib import resources

from sql import catalogue, rendering

_FOLDER = "streams"


@cache
def statement(name: str) -> str:
    """The statement of `sql/streams/NAME.sql`."""
    text = (resources.files("sql") / _FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    fragments = {**catalogue.fragments(), **_own_fragments()}
    for _ in range(2):  # a fragment may name another one
        text, _ = rendering.include(text, fragments)
    return text


@cache
def _own_fragments() -> dict[str, str]:
    folder = resources.files("sql") / _FOLDER / "fragments"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return {file.name.removesuffix(".sql"): file.read_text(encoding="utf-8").rstrip() for file in files}
