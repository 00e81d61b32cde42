"""What the Krateo portal asks of its event service, answered as it always was.

    GET /events?composition_id=ID&limit=N   an array of SSEK8sEvent, newest first; without an id, those of all objects
    GET /events?composition=ID              the same, as the streams beside it may be asked
    GET /events/ID?limit=N                  the same
    GET /ping, /health                      `Ok.` and `ok`: this process answers

In: a desk that has the question `krateo_events`. Out: routes. `limit` is 200 unless said otherwise, and brought to 1 to
200 rather than refused, as clients rely on. An id without events is an empty array. What is refused, denied or failed
has the status and the error of all other routes, and is never an empty array.
"""

import re
from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request, Response

from identity import asgi_guard
from identity.reader import Role
from query import hanging_up, openapi, rendering
from query.desk import Desk
from query.parameters import Written
from store.port import Cell

QUESTION = "krateo_events"
MOST = 200
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    async def of_all(request: Request) -> Response:
        asked = request.query_params
        return await _answer(desk, request, asked.get("composition_id") or asked.get("composition", ""))

    async def of_one(request: Request) -> Response:
        return await _answer(desk, request, request.path_params["composition_id"])

    for path, endpoint, extra in (
        ("/events", of_all, openapi.portal_operation(in_path=False)),
        ("/events/{composition_id}", of_one, openapi.portal_operation(in_path=True)),
    ):
        app.add_api_route(
            path,
            endpoint,
            summary="Newest Kubernetes events, as the Krateo portal reads them.",
            openapi_extra=extra,
            response_class=Response,
        )
    for path, word in (("/ping", "Ok.\n"), ("/health", "ok")):
        _add_word(app, path, word)


def sse_k8s_event(row: Mapping[str, Cell]) -> dict[str, object]:
    """One row of the question as the portal has an event; `metadata` is that of the object, all times are one."""
    when, name, namespace, uid = row["eventTime"], row["obj_name"], row["obj_namespace"], row["obj_uid"]
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": when},
        "involvedObject": {
            "apiVersion": row["obj_api_version"],
            "kind": row["obj_kind"],
            "name": name,
            "namespace": namespace,
            "uid": uid,
        },
        "reason": row["reason"],
        "message": row["message"],
        "type": row["type"],
        "firstTimestamp": when,
        "lastTimestamp": when,
        "eventTime": when,
        "source": {"component": row["source_component"]},
        "compositionId": row["composition_id"],
    }


async def _answer(desk: Desk, request: Request, composition_id: str) -> Response:
    reader = asgi_guard.require(request.scope, Role.VIEWER, narrowed_too=True)
    written: dict[str, Written] = {
        "composition_id": composition_id,
        "limit": _limit(request.query_params.getlist("limit")),
    }
    reply = await hanging_up.unless_gone(request, desk.ask_async(QUESTION, written, reader=reader))
    names = [column.name for column in reply.columns]
    events = [sse_k8s_event(dict(zip(names, row, strict=True))) for row in reply.rows]
    headers = _HEADERS | rendering.headers(reply)
    return Response(rendering.dump(events) + "\n", media_type="application/json", headers=headers)


def _limit(given: Sequence[str]) -> int:
    """As the portal's event service reads it: what is no number is as if it were not there."""
    text = given[-1].strip() if given else ""
    if not _NUMBER.fullmatch(text):
        return MOST
    return min(MOST, max(1, int(text)))


def _add_word(app: FastAPI, path: str, word: str) -> None:
    async def say(_: Request) -> Response:
        return Response(word, media_type="text/plain", headers=_HEADERS)

    app.add_api_route(path, say, summary="Whether this process answers.", response_class=Response)
