"""A kubectl or a helm that a test tells what to answer: for phases that no cluster is needed for.

Called as `kubectl ...`: notes its arguments in $STUB/calls and answers with the first of $STUB/answers (a JSON list of
[regular expression over "NAME ARGUMENTS", exit code, standard output]) that fits; without one it succeeds silently.
"""

import json
import os
import re
import sys
from pathlib import Path

FOLDER = Path(os.environ["STUB"])
line = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
with (FOLDER / "calls").open("a", encoding="utf-8") as calls:
    calls.write(line + "\n")
if "/dev/stdin" in line:
    line += f" <<{sys.stdin.read()}"
for pattern, code, output in json.loads((FOLDER / "answers").read_text(encoding="utf-8")):
    if re.search(pattern, line):
        sys.stdout.write(output)
        sys.exit(code)
