"""A disk of a few mebibytes for one process, gone with it.

In: a folder and a size. Out: the command that runs a program with a file system of its own at that folder (a tmpfs in
a mount namespace, so that nobody else sees it and nothing is left behind), and files put onto it from outside.
Raises `UnavailableError` where the machine allows no such thing.
"""

import subprocess
from pathlib import Path

from bench.unavailable import UnavailableError


def prefix(folder: Path, size: int) -> list[str]:
    """Give the words before a command. The folder must exist."""
    for unshare in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        words = [*unshare, "sh", "-c", f'mount -t tmpfs -o size={size} tmpfs "$0" && exec "$@"', str(folder)]
        try:
            done = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise UnavailableError(f"{error.filename} is not installed") from error
        if done.returncode == 0:
            return words
    raise UnavailableError(f"a file system of one's own is not allowed here: {done.stderr.strip()}")


class Ballast:
    """A file of somebody else's on the disk of a process."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._file = Path(f"/proc/{pid}/root{folder}") / "ballast"

    def fill(self) -> int:
        """Write until nothing more fits; gives the bytes."""
        block = bytes(64 * 1024)
        with self._file.open("wb", buffering=0) as file:
            try:
                while file.write(block) == len(block):
                    pass
            except OSError:
                pass  # full, as it should be
            return file.tell()

    def remove(self) -> None:
        """Make room again."""
        self._file.unlink()
