"""What the canary knows, over REST.

    GET /api/v1/canary   each cluster: ok, late, broken, silent or starting; each signal and leg: what was found

In: a source of standings. Out: a router. Any reader may ask; one whose scope has clusters sees these. Refused: who may
not ask at all, and, with `denied`, a reader whose scope has namespaces, compositions or signals and no clusters: what
the canary knows is of whole clusters, and such a scope does not say of which.
"""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request, Response

from canary.book import Known, Standing
from identity import asgi_guard
from identity.reader import Role
from query import errors, rendering
from sql.parameter import iso_time

PATH = "/api/v1/canary"

Standings = Callable[[], Sequence[Standing]]


def router(mode: Callable[[], str], standings: Standings) -> APIRouter:
    """The route; `mode` says where the standings are from: running (here), followed (elsewhere) or off."""
    routes = APIRouter()

    async def canary(request: Request) -> Response:
        reader = asgi_guard.require(request.scope, Role.VIEWER, narrowed_too=True)
        allowed = reader.scope.clusters
        if not allowed and not reader.scope.everything:
            return _denied()
        shown = [_cluster(one) for one in standings() if not allowed or one.cluster in allowed]
        body = rendering.dump({"canary": mode(), "clusters": shown}) + "\n"
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})

    routes.add_api_route(
        PATH, canary, summary="Whether telemetry gets through, leg by leg.", response_class=Response, tags=["canary"]
    )
    return routes


def _denied() -> Response:
    error = errors.DeniedError(
        "What the canary knows is of whole clusters, and your scope does not name any",
        field="scope.clusters",
        mend="Use a token whose scope has clusters, or one without scope.",
    )
    body = rendering.dump(errors.wire_error(error.code, error.message, mend=error.mend, field=error.field)) + "\n"
    return Response(body, error.status, {"cache-control": "no-store"}, "application/json")


def _cluster(one: Standing) -> dict[str, object]:
    return {
        "cluster": one.cluster,
        "state": one.state,
        "broken_leg": one.broken_leg,
        "last_beat": iso_time(one.last_beat) if one.last_beat else "",
        "legs": [_leg(known) for known in one.known],
    }


def _leg(known: Known) -> dict[str, object]:
    one = known.finding
    return {
        "leg": one.leg,
        "signal": one.signal,
        "state": one.state.value,
        "milliseconds": round(one.milliseconds, 1),
        "problem": one.problem,
        "beat": iso_time(known.sent),
    }
