"""Prompts: the guides as the beginning of a conversation, with what is known filled in.

In: a prompt's name and its arguments. Out: a text. Refused, with `UnknownPromptError`: a name that is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mcp_server import resources
from mcp_server.hostile_text import clean

_LONGEST = 500


class UnknownPromptError(Exception):
    """There is no such prompt."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it is listed."""

    name: str
    about: str
    arguments: tuple[tuple[str, str], ...]
    """Name and what it is; all may be left out."""


_OBJECT = (("namespace", "Kubernetes namespace"), ("pod_name", "Pod or workload"))
_SERVICE = (("service", "Service name"), ("cluster", "Cluster"))
_ARGUMENTS = {
    "crash_loop": _OBJECT,
    "oom_kill": _OBJECT,
    "failed_release": (("namespace", "Kubernetes namespace"), ("composition_id", "Krateo composition id")),
    "slow_service": _SERVICE,
    "silent_pipeline": (("cluster", "Cluster"),),
}
_TRIAGE = Prompt(
    "triage", "Find the cause of an alert.", (("alert", "The alert's text"), *_OBJECT, ("service", "Service name"))
)
_TRIAGE_TEXT = (
    "Find the cause with otelhouse's tools in as few calls as you can: find_problems, then narrow by what it names, "
    "then what_changed around the beginning. Answer with: cause, evidence (query ids), how sure, what was not looked "
    "at, the smallest mend, and how to verify it."
)


def listed() -> list[Prompt]:
    """Every prompt, in a fixed order."""
    guides = (Prompt(name, about, _ARGUMENTS[name]) for name, about in resources.GUIDES.items())
    return [_TRIAGE, *guides]


def text(name: str, arguments: Mapping[str, str]) -> str:
    """The prompt with its arguments. Raises `UnknownPromptError`."""
    known = {one.name: one for one in listed()}
    if name not in known:
        raise UnknownPromptError(name[:100])
    names = [argument for argument, _ in known[name].arguments]
    facts = [f"- {one}: {clean(arguments[one])[:_LONGEST]}" for one in names if arguments.get(one)]
    body = _TRIAGE_TEXT if name == _TRIAGE.name else resources.guide(name)
    return "\n".join([body, *(["", "What is known:", *facts] if facts else [])])
