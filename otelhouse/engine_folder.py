"""The working folder of a process with the embedded engine: the folder of its data.

In: that folder, held by this process alone. Out: a context within which it is the working folder. The engine keeps the
schemas of Protobuf inserts in `__cache__` below the working folder and takes no setting for another place; beside its
data it is sure to be writable, and in nobody's way.

What an earlier process left there is removed. A schema that was being written when that process was killed would be
half a file, which the engine takes for whole, and refuses each INSERT from then on.
"""

import contextlib
import shutil
from pathlib import Path

SCHEMAS = "__cache__"


def working_in(folder: Path) -> contextlib.chdir[Path]:
    """Make it the working folder while the context is open. Raises `OSError` where old schemas cannot be removed."""
    folder = folder.expanduser()
    if (folder / SCHEMAS).exists():
        shutil.rmtree(folder / SCHEMAS)
    return contextlib.chdir(folder)
