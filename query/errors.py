"""What can go wrong with a question, as the one who asked needs to know it.

    QuestionError                 code                 HTTP
    ├── UnknownQuestionError      unknown_question     404
    ├── UnknownParameterError     unknown_parameter    400
    ├── MissingParameterError     missing_parameter    400
    ├── BadParameterError         bad_parameter        400
    ├── DeniedError               denied               403   outside of what the reader may see
    ├── TooLargeError             too_large            413
    ├── LimitExceededError        limit_exceeded       422   over rows, bytes, memory or time: ask for less
    ├── TooManyError              too_many             429   too many questions of this reader at once: ask again
    ├── BusyError                 busy                 503   too many questions at once: ask again
    ├── NotReachableError         not_reachable        503   ClickHouse does not answer
    └── FailedError               failed               502   ClickHouse answered with an error

Every error carries what happened, the field it is about (or an empty text) and the mend; where ClickHouse is quoted,
its words stand apart too, for who must not take them for ours. An empty answer is no error.
`wire_error` is the one shape in which errors leave the house, whoever raised them.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import ClassVar

from store import errors as store_errors

_NOT_REACHABLE = "See that ClickHouse runs and look at /readyz, then ask again."
_SHARDS = "Ask again: what the other shards have is answered then, as partial. `otelhouse doctor` names the nodes."
_LIMIT = "Ask for a shorter time window, or filter by service."
_FAILED = "Look at the house's log; if the schema is old, run `otelhouse migrate`."
_REFUSED = (
    "Give ClickHouse's user the right that its message names. `otelhouse query-user` writes all that makes the user of "
    "`query.username`; `otelhouse doctor` says what a user lacks."
)
_OF_THE_USER = frozenset({164, 192, 193, 194, 195, 452, 497, 516})
"""ClickHouse's codes for what a user may not: READONLY, UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD,
IP_ADDRESS_NOT_ALLOWED, SETTING_CONSTRAINT_VIOLATION, ACCESS_DENIED, AUTHENTICATION_FAILED."""
_LONGEST = 500
"""Characters of ClickHouse's message that an asker is shown."""


class QuestionError(Exception):
    """A question was not answered. `code` is stable: programs may rely on it."""

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, message: str, *, mend: str, field: str = "", quoted: str = "") -> None:
        """`quoted`: words of ClickHouse, which may hold cells of rows, and so what monitored systems wrote."""
        self.own = message
        """What happened in words of the house alone."""
        self.quoted = quoted
        self.message = f"{message}: {quoted}" if quoted else message
        super().__init__(self.message)
        self.mend = mend
        self.field = field


class UnknownQuestionError(QuestionError):
    """No handler file has this name."""

    code = "unknown_question"
    status = 404


class UnknownParameterError(QuestionError):
    """The question has no parameter of this name."""

    code = "unknown_parameter"
    status = 400


class MissingParameterError(QuestionError):
    """A parameter without a default was not given."""

    code = "missing_parameter"
    status = 400


class BadParameterError(QuestionError):
    """A value is of the wrong kind, out of bounds or contradicts another."""

    code = "bad_parameter"
    status = 400


class DeniedError(QuestionError):
    """The reader may not see what is asked for. That is no empty answer, and asking again will not help."""

    code = "denied"
    status = 403


class TooLargeError(QuestionError):
    """The request itself is larger than any question."""

    code = "too_large"
    status = 413


class LimitExceededError(QuestionError):
    """The question would cost more than it may."""

    code = "limit_exceeded"
    status = 422


class TooManyError(QuestionError):
    """This reader has too many questions under way; others are answered meanwhile."""

    code = "too_many"
    status = 429


class BusyError(QuestionError):
    """More questions at once than are allowed, or ClickHouse asks for a pause."""

    code = "busy"
    status = 503


class NotReachableError(QuestionError):
    """ClickHouse does not answer."""

    code = "not_reachable"
    status = 503


class FailedError(QuestionError):
    """ClickHouse answered with an error that the asker cannot mend by asking otherwise."""

    code = "failed"
    status = 502


def of_questions() -> list[type[QuestionError]]:
    """What a question itself can end with; other windows have errors of their own beside these."""
    return [one for one in QuestionError.__subclasses__() if one.__module__ == __name__]


def from_store(error: store_errors.StoreError, *, quote: bool = True) -> QuestionError:
    """Say a failure of the port in the words of the one who asked; the caller chains the original.

    Without `quote` ClickHouse's own words are left out: they may hold cells of rows that the one who asked may not see.
    """
    said = _shortened(str(error)) if quote else ""
    where = "" if quote else f": its words are in the house's log (query id {error.query_id or '-'})"
    if isinstance(error, store_errors.ShardsMissingError):
        missing = ", ".join(error.shards)
        return NotReachableError(f"Of ClickHouse's cluster, {missing} did not answer{where}", mend=_SHARDS, quoted=said)
    if isinstance(error, store_errors.NotReachableError):
        return NotReachableError(f"ClickHouse does not answer{where}", mend=_NOT_REACHABLE, quoted=said)
    if isinstance(error, store_errors.OverloadedError):
        return BusyError(f"ClickHouse is overloaded{where}", mend="Ask again in a few seconds.", quoted=said)
    if isinstance(error, store_errors.LimitError):
        return LimitExceededError(f"The question went over its limit{where}", mend=_LIMIT, quoted=said)
    mend = _REFUSED if error.code in _OF_THE_USER else _FAILED
    return FailedError(f"ClickHouse could not answer{where}", mend=mend, quoted=said)


def _shortened(text: str) -> str:
    """ClickHouse repeats whole statements in its messages; the log has them in full."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def wire_error(code: str, message: str, *, mend: str, field: str = "") -> Mapping[str, object]:
    """The body of every refusal and failure."""
    return {"error": {"code": code, "message": message, "field": field, "mend": mend}}


def unknown_question(name: str, questions: Iterable[str]) -> UnknownQuestionError:
    """The refusal of a question that does not exist, with the nearest one that does."""
    return UnknownQuestionError(f"There is no question {name[:80]!r}", field="name", mend=suggest(name, questions))


def suggest(wrong: str, known: Iterable[str]) -> str:
    """A mend for a name that does not exist: the nearest one, and all of them."""
    names = list(known)
    near = difflib.get_close_matches(wrong[:80].lower(), names, n=1)
    meant = f"Did you mean `{near[0]}`? " if near else ""
    return f"{meant}There {'are' if len(names) != 1 else 'is'} {', '.join(names) or 'none'}."
