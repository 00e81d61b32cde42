"""The store that questions and streams are asked at: by a user who reads, where there is one.

In: settings and the house's store. Out: a store that only reads. Refused, with `StartError`: an address that cannot be
used. Whether a server lets that user in shows when it is asked: in `/readyz`, to doctor, in the first answer.

    embedded engine            sessions in a role that reads and does nothing else
    server, `query.username`   a door of its own, as that user
    server, without            the house's own door and user, and `readonly = 2` with each statement
"""

from pathlib import Path

from otelhouse.opening import StartError
from otelhouse.settings import Settings
from store import opening
from store.errors import StoreError
from store.port import Store
from store.reading import ReadOnly
from store.settings import StoreSettings


def open_questions(settings: Settings, store: Store, began_in: Path) -> Store:
    """Open it; the caller closes it before `store`. Raises `StartError`.

    `began_in`: the working folder at the start, which a relative folder of the engine means.
    """
    place = settings.store
    try:
        if place.embedded:
            folder = began_in / place.path.expanduser()
            return opening.open_questions(place.model_copy(update={"path": folder}))
        if has_own_user(settings):
            return opening.open_questions(as_question_user(settings))
    except StoreError as error:
        raise StartError(f"the door for questions cannot be opened: {error}") from error
    return ReadOnly(store)


def has_own_user(settings: Settings) -> bool:
    """Whether questions have a ClickHouse user of their own."""
    return bool(settings.query.username) and not settings.store.embedded


def as_question_user(settings: Settings) -> StoreSettings:
    """The way to ClickHouse as that user."""
    named = {"username": settings.query.username, "password": settings.query.password}
    return settings.store.model_copy(update=named)
