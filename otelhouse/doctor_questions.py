"""Doctor's look at the ClickHouse user by whom questions are asked, where they have one of their own.

In: the settings. Out: findings: whether the server lets it in, which rights it lacks, and whether its profile lets
through what a question may take. Changes nothing.
"""

import contextlib
from collections.abc import Iterator

from otelhouse import question_opening
from otelhouse.doctor_checks import Diagnosis, failed, ok
from otelhouse.settings import Settings
from sql import catalogue, question_user, rendering
from store import opening
from store.errors import StoreError
from store.port import Limits, Select, Store

_LIMITS = Limits(seconds=10.0, rows=10)


def look(settings: Settings) -> Iterator[Diagnosis]:
    """All of it; nothing where questions have no user of their own."""
    if not question_opening.has_own_user(settings):
        return
    user = settings.query.username
    try:
        with contextlib.closing(opening.open_questions(question_opening.as_question_user(settings))) as door:
            missing = [right for right in _rights(settings) if not _has(door, right)]
            if not missing:
                door.select(Select("SELECT 1", limits=_most(settings)))
    except StoreError as error:
        mend = (
            "see query.username and query.password; `otelhouse query-user` writes what makes that user, with the "
            "bounds that the settings have now"
        )
        yield failed(f"user {user}, by whom questions are asked: {error}", mend)
        return
    if not missing:
        yield ok(f"user {user} may read all that questions read")
        return
    mend = "; ".join(f"GRANT {right} TO {user}" for right in missing)
    yield failed(f"user {user}, by whom questions are asked, lacks rights", mend)


def _most(settings: Settings) -> Limits:
    """What one question may ask for at most. The user's profile may be of a time when that was less, and refuse it."""
    most = settings.query
    return Limits(most.max_seconds, most.max_rows, most.max_bytes_read, most.max_memory_bytes, most.max_answer_bytes)


def _rights(settings: Settings) -> Iterator[str]:
    return question_user.rights(rendering.identifier(settings.store.database), settings.store.cluster)


def _has(door: Store, right: str) -> bool:
    what, _, on = right.rpartition(" ON ")
    statement = rendering.fill(catalogue.probe("check_grant"), {"right": what, "on": on})
    return bool(int(str(door.select(Select(statement, limits=_LIMITS)).rows[0][0])))
