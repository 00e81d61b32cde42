"""The spool over REST, for operators: look at it, empty it now, read all of it.

    GET  /api/v1/ingest/spool                  what waits, by kind, and why
    POST /api/v1/ingest/spool/drain            try now what waits; answers with what waits then
    POST /api/v1/ingest/spool/verify?after=N   read files for some seconds, behind entry N; answers with what is damaged
                                               and where to go on

In: a pipeline. Out: a router. Refused: readers who are no operators, or see a part of the data only (403); a house
without a spool (404); an `after` that is no number (400).
"""

from typing import ClassVar

from fastapi import APIRouter, Request, Response

from identity.asgi_guard import require
from identity.reader import Role
from ingest.pipeline import Pipeline
from ingest.spooling import Spooling
from otelhouse import spool_report
from query import errors, rendering

ROOT = "/api/v1/ingest/spool"
CHECK_SECONDS = 10.0
"""One look reads for as long; an answer must come before whoever waits gives up."""
_NEVER_STORED = {"cache-control": "no-store"}


class NoSpoolError(errors.QuestionError):
    """This house keeps nothing on disk."""

    code: ClassVar[str] = spool_report.NO_SPOOL
    status: ClassVar[int] = 404


def router(pipeline: Pipeline) -> APIRouter:
    """The routes."""
    window = _Window(pipeline)
    routes = APIRouter()
    for path, method, endpoint, summary in (
        ("", "GET", window.status, "What waits in the spool, by kind, and why."),
        ("/drain", "POST", window.drain, "Try now what waits in the spool."),
        ("/verify", "POST", window.verify, "Read the spool for some seconds, and say what is damaged."),
    ):
        routes.add_api_route(
            f"{ROOT}{path}", endpoint, methods=[method], summary=summary, response_class=Response, tags=["operators"]
        )
    return routes


class _Window:
    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def status(self, request: Request) -> Response:
        """What waits."""
        return await self._answer(self._spooling(request))

    async def drain(self, request: Request) -> Response:
        """Try now."""
        spooling = self._spooling(request)
        self._pipeline.hurry_drain()
        return await self._answer(spooling)

    async def verify(self, request: Request) -> Response:
        """Read some more."""
        spooling = self._spooling(request)
        return _json(spool_report.of_check(await spooling.check(_after(request), CHECK_SECONDS)))

    def _spooling(self, request: Request) -> Spooling:
        require(request.scope, Role.OPERATOR)
        if self._pipeline.spooling is None:
            raise NoSpoolError(
                "this house has no spool", mend="Set ingest.spool.mode to when_needed or always, and start it again."
            )
        return self._pipeline.spooling

    async def _answer(self, spooling: Spooling) -> Response:
        return _json(spool_report.of_status(await spooling.status(), self._pipeline.outlooks.bad()))


def _after(request: Request) -> int:
    written = request.query_params.get("after", "0")
    if not (written.isascii() and written.isdecimal() and len(written) <= 16):
        raise errors.BadParameterError(
            "`after` is no number of an entry", field="after", mend="Give what the last answer calls `after`."
        )
    return int(written)


def _json(body: object) -> Response:
    return Response(rendering.dump(body) + "\n", media_type="application/json", headers=_NEVER_STORED)
