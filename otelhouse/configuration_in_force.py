"""The deed that says with which settings a house was started.

In: a `Configuration`. Out: the `Deed` ``configuration.in_force``: every setting that is not the default, with its value
and where it came from. Secrets and passwords inside addresses are masked, as `otelhouse config` masks them.
"""

import json

from identity.audit import Deed
from otelhouse.configuration import Configuration, Entry
from otelhouse.opening import name_of

ACTION = "configuration.in_force"


def deed(configuration: Configuration, role: str) -> Deed:
    """Say what is in force. `role` is the command that started the house: ``up``, ``ingest``, ``serve``."""
    told = [entry for entry in configuration.entries() if entry.origin != "default"]
    return Deed(
        action=ACTION,
        actor="system",
        peer="",
        outcome="ok",
        target=f"{role} on {name_of(configuration.settings.store)}",
        details={entry.key.dotted: _text(entry) for entry in told},
    )


def _text(entry: Entry) -> str:
    value = entry.value if isinstance(entry.value, str) else json.dumps(entry.value, ensure_ascii=False)
    return f"{value} ({entry.origin})"
