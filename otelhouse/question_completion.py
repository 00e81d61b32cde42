"""What a shell may complete on the line of `otelhouse query`: questions, their parameters, words to choose from.

In: what click has read of the line so far. Out: completions with a remark each. It asks no house: questions are those
that came with this release.
"""

from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from sql.catalogue import Question, load_catalogue
from sql.parameter import Kind, Parameter

_MOMENTS = ("5m", "15m", "1h", "6h", "1d", "7d", "now")


def names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Questions whose names begin like this."""
    questions = load_catalogue().behind("cli")
    return [CompletionItem(name, help=one.summary) for name, one in questions.items() if name.startswith(incomplete)]


def values(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What may stand after `--NAME`; where none does, parameters that were not given yet."""
    question = _asked(context)
    if question is None:
        return []
    given = _given(context)
    last = question.parameter(_name(given[-1])) if given and _is_flag(given[-1]) else None
    if last is not None:
        return [CompletionItem(word, help=last.help) for word in _words(last) if word.startswith(incomplete)]
    return flags(context, incomplete)


def flags(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Parameters of the question, as `--NAME`, that were not given yet."""
    question = _asked(context)
    if question is None:
        return []
    given = {_name(word) for word in _given(context) if _is_flag(word)}
    flagged = {f"--{one.name.replace('_', '-')}": one for one in question.parameters if one.name not in given}
    return [CompletionItem(flag, help=one.help) for flag, one in flagged.items() if flag.startswith(incomplete)]


class QuestionCommand(click.Command):
    """A command whose flags are its own and those of the question that it names."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The question's parameters first."""
        return [*flags(ctx, incomplete), *super().shell_complete(ctx, incomplete)]


def _words(one: Parameter) -> Sequence[str]:
    if one.choices:
        return [word for word in one.choices if word]
    if one.kind is Kind.TIME:
        return _MOMENTS
    return [one.default] if one.default else []


def _asked(context: click.Context) -> Question | None:
    questions = load_catalogue().behind("cli")
    return questions.get(str(context.params.get("name")))


def _given(context: click.Context) -> Sequence[str]:
    return [str(word) for word in context.params.get("parameters") or ()]


def _is_flag(word: str) -> bool:
    return word.startswith("--") and "=" not in word


def _name(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")
