"""What a person should know where a question answered with no rows: whether that is health, and what to ask instead.

In: the question's name and what was written for its parameters. Out: remarks for standard error, none for a question
that did not come with this release. Silence is no health: a question that always answers with a first row says so in
its own description, and that sentence is repeated here.
"""

import re
import shlex
from collections.abc import Iterator, Mapping

from sql.catalogue import load_catalogue

_MEANING = re.compile(r"No row at all means [^.]+\.")
_TAKES_A_BEGINNING = "ends in *"
"""How the help of a parameter tells that a star at its end stands for every name that begins so."""


def remarks(name: str, written: Mapping[str, str]) -> Iterator[str]:
    """Remarks on an answer without rows to the question NAME."""
    question = load_catalogue().behind("cli").get(name)
    if question is None:
        return
    if meaning := _MEANING.search(question.description):
        yield meaning.group()
    for parameter in question.parameters:
        value = written.get(parameter.name, "")
        if value and not value.endswith("*") and _TAKES_A_BEGINNING in parameter.help:
            flag = f"--{parameter.name.replace('_', '-')}"
            exact, beginning = shlex.quote(value), shlex.quote(f"{value}*")
            yield f"{flag} {exact} is that very name; {flag} {beginning} is all that begin so"
