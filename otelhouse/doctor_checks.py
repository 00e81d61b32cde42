"""What `otelhouse doctor` looks at: a list of checks, each of which finds something out and says what to do about it.

In: the settings in force. Out: findings, as they are found. A check is a function that yields findings and raises
nothing of its own; to add one, write it and name it in `CHECKS`. Nothing here changes anything.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from otelhouse.settings import Settings


class Outcome(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    WARNING = "warning"
    """The house works without, but not as well."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was found."""

    outcome: Outcome
    what: str
    mend: str = ""
    """What to do; empty where nothing is to be done."""


Check = Callable[[Settings], Iterator[Diagnosis]]


def checks() -> Mapping[str, Check]:
    """All checks by name, in the order in which they are made; each loads what it needs only now."""
    from otelhouse import doctor_doors, doctor_kubernetes, doctor_spool, doctor_store  # noqa: PLC0415  load libraries

    return {
        "doors": doctor_doors.check,
        "spool": doctor_spool.check,
        "store": doctor_store.check,
        "kubernetes": doctor_kubernetes.check,
    }


def ok(what: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(Outcome.OK, what)


def warning(what: str, mend: str) -> Diagnosis:
    """Something could be better."""
    return Diagnosis(Outcome.WARNING, what, mend)


def failed(what: str, mend: str) -> Diagnosis:
    """Something does not work."""
    return Diagnosis(Outcome.FAILED, what, mend)
