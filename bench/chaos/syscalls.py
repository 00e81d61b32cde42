"""What a process did, in the order in which it did it, read off strace's own log.

In: a log of ``strace -f -yy --strings-in-hex=all``. Out: `Call`s: which system call on which file or socket, the bytes,
when it began and when it returned, as places in the log. With several threads strace writes a call in two lines
where others come between (``<unfinished ...>``, ``... resumed>``); one that stands in one line began after all above.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.unavailable import UnavailableError

TRACED = (
    "read,readv,recvfrom,recvmsg,write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync,rename,renameat,renameat2"
)
_LINE = re.compile(r"^(\d+) +(.*)$")
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)")
_TARGET = re.compile(r"^\d+<((?:->|[^>])*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_HEX = re.compile(r"\\x([0-9a-f]{2})")
_UNFINISHED = "<unfinished ...>"


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that succeeded."""

    name: str
    target: str
    """Path of the file, or ``TCP:[here->there]``; of a rename the new path."""
    source: str
    """Of a rename the old path."""
    data: bytes
    begun: int
    ended: int
    result: int


def prefix(log: Path, longest: int) -> list[str]:
    """The words before a command that make strace write `log`, with up to `longest` bytes of each buffer."""
    words = ["strace", "-f", "-qq", "-yy", "--seccomp-bpf", "--strings-in-hex=all", "-s", str(longest)]
    words += ["-e", f"trace={TRACED}", "-o", str(log)]
    try:
        done = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise UnavailableError("install strace (apt-get install strace)") from error
    if done.returncode:
        raise UnavailableError(f"strace may not trace here: {done.stderr.strip()}")
    return words


def read(lines: Iterable[str]) -> Iterator[Call]:
    """Give the calls, by when they ended."""
    open_: dict[str, tuple[int, str]] = {}
    for place, line in enumerate(lines):
        if not (found := _LINE.match(line)):
            continue
        thread, text = found.groups()
        if text.endswith(_UNFINISHED):
            open_[thread] = (place, text.removesuffix(_UNFINISHED))
            continue
        begun = place
        if resumed := _RESUMED.match(text):
            begun, head = open_.pop(thread, (place, ""))
            text = head + resumed[1]
        if (call := _call(text, begun, place)) is not None:
            yield call


def _call(text: str, begun: int, ended: int) -> Call | None:
    found = _CALL.match(text)
    if found is None or int(found[3]) < 0:
        return None
    name, arguments, result = found[1], found[2], int(found[3])
    if name.startswith("rename"):
        old, new = (bytes_of(string[1]).decode() for string in _STRING.finditer(arguments))
        return Call(name, new, old, b"", begun, ended, result)
    target = _TARGET.match(arguments)
    if target is None:
        return None
    data = b"".join(bytes_of(string[1]) for string in _STRING.finditer(arguments, target.end()))
    return Call(name, bytes_of(target[1]).decode(errors="replace"), "", data, begun, ended, result)


def bytes_of(text: str) -> bytes:
    r"""Read ``\x41\x42``; what is no hex is taken as it stands."""
    if text.startswith("\\x"):
        return bytes.fromhex("".join(_HEX.findall(text)))
    return text.encode()
