"""REST: named questions over HTTP, beside health and the process's own metrics.

    GET  /api/v1/questions              the catalogue
    GET  /api/v1/questions/NAME?...     one question; POST takes the parameters as a JSON object
    GET  /api/v1/openapi.json           all of it described
    GET  /events  /events/ID  /ping     what the Krateo portal asks (`query.portal_events`)
    GET  /livez  /readyz  /metrics      this process answers / can answer questions / its figures

In: a desk, the checks behind /readyz, a Prometheus registry and a gate that says who asks. Out: an ASGI application.
Refused, always in the shape of `query.errors.wire_error`: who has no valid token, and what its role and scope do not
allow; names that do not exist (with the nearest one that does), a parameter given twice, bodies that are too large or
no JSON object. A failed question is never an empty answer, and neither is one that was denied.
When the asker hangs up, its statement is stopped in ClickHouse.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from identity import asgi_guard
from identity.asgi_guard import Refusal
from identity.errors import ForbiddenError, IdentityError
from identity.reader import Role
from query import errors, hanging_up, openapi, portal_events, rendering, request_parameters, scopes
from query.desk import Desk
from query.doorkeeping import Doorkeeping
from query.negotiation import choose_format
from query.readiness import Check, Readiness
from query.rendering import Format
from query.reply import Manner
from sql.catalogue import Catalogue, Question

log = logging.getLogger(__name__)

ROOT = "/api/v1/questions"
_CODES = {404: "not_found", 405: "method_not_allowed", 406: "not_acceptable", 415: "unsupported_media_type"}
_ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_LATER = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})
_RETRY_SECONDS = 5
"""What `Retry-After` says when ClickHouse or the house is busy or away, or the reader's own questions are too many."""

Endpoint = Callable[[Request], Awaitable[Response]]


class _Application(FastAPI):
    """FastAPI, whose document says how to come in as well."""

    def openapi(self) -> dict[str, Any]:
        """The whole document."""
        return openapi.with_security(super().openapi())


def build_app(
    desk: Desk,
    readiness_checks: Mapping[str, Check],
    registry: CollectorRegistry,
    tolerated: Container[str] = (),
    doorkeeping: Doorkeeping | None = None,
) -> FastAPI:
    """Put the window together. The desk's `questions` decide which routes there are.

    `app.state.readiness` runs the checks; whoever serves the application closes it at the end. A check in `tolerated`
    that says no makes the process degraded, not unready. Without `doorkeeping` everybody is let in as an admin.
    """
    keeping = doorkeeping or Doorkeeping()
    app = _Application(
        title="otelhouse",
        description="Named questions about logs, metrics and traces.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_exception_handler(errors.QuestionError, _on_question_error)
    app.add_exception_handler(IdentityError, _on_identity_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_bug)
    _add_questions(app, _Window(desk, registry))
    app.state.readiness = Readiness(readiness_checks, desk.settings.ready_seconds, tolerated)
    _add_health(app, app.state.readiness)
    if portal_events.QUESTION in desk.questions:
        portal_events.add(app, desk)
    _add_metrics(app, registry, needs_reader=keeping.metrics_need_a_token)
    app.add_middleware(
        asgi_guard.AsgiGuard,
        gate=keeping.gate,
        render=_render_refusal,
        open_paths=keeping.open_paths,
        hosts=keeping.hosts,
    )
    return app


class _Window:
    """The endpoints behind the question routes."""

    def __init__(self, desk: Desk, registry: CollectorRegistry) -> None:
        self.desk = desk
        self.questions: Catalogue = desk.questions.behind("rest")
        self._asked = Counter(
            "otelhouse_questions", "Questions asked, by how they ended.", ("question", "outcome"), registry=registry
        )
        self._seconds = Histogram(
            "otelhouse_question_seconds", "Seconds from request to answer.", ("question",), registry=registry
        )

    async def catalogue(self, request: Request) -> Response:
        """Every question that the reader may ask, with its parameters and columns; and which it may not, and why."""
        reader = asgi_guard.require(request.scope, Role.VIEWER, narrowed_too=True)
        listed, denied = [], []
        for question in self.questions.values():
            try:
                scopes.check(question, reader)
                listed.append(describe(question))
            except errors.DeniedError as no:
                denied.append({"name": question.name, "summary": question.summary, "why": no.message})
        return _json_response({"questions": listed, "denied": denied, "scope": scopes.shown(reader.scope) or None})

    def asking(self, question: Question) -> Endpoint:
        """The endpoint of one question."""

        async def ask(request: Request) -> Response:
            with self._seconds.labels(question.name).time():
                try:
                    response = await self._answer(request, question)
                except errors.QuestionError as error:
                    self._asked.labels(question.name, error.code).inc()
                    raise
                except ForbiddenError:
                    self._asked.labels(question.name, errors.DeniedError.code).inc()
                    raise
                self._asked.labels(question.name, "answered").inc()
                return response

        return ask

    async def unknown(self, request: Request) -> Response:
        """Refuses a question that does not exist."""
        self._asked.labels("", errors.UnknownQuestionError.code).inc()
        raise errors.unknown_question(request.path_params["name"], self.questions)

    async def _answer(self, request: Request, question: Question) -> Response:
        reader = asgi_guard.require(request.scope, Role.VIEWER, narrowed_too=True)
        form = choose_format(request)
        written, cursor = await request_parameters.written(request, self.desk.settings.max_body_bytes)
        manner = Manner(cursor, arrow=form is Format.ARROW)
        asking = self.desk.ask_async(question.name, written, reader=reader, manner=manner)
        reply = await hanging_up.unless_gone(request, asking)
        body = await asyncio.to_thread(rendering.render, reply, form, self.desk.settings.max_answer_bytes)
        return Response(body, media_type=rendering.MEDIA_TYPES[form], headers=_ALWAYS | rendering.headers(reply))


def describe(question: Question) -> dict[str, object]:
    """A question for the catalogue's listing."""
    return {
        "name": question.name,
        "summary": question.summary,
        "description": question.description,
        "href": f"{ROOT}/{question.name}",
        "parameters": [
            {
                "name": one.name,
                "type": one.type,
                "required": one.default is None,
                "default": one.default,
                "low": one.low,
                "high": one.high,
                "choices": list(one.choices),
                "example": one.example,
                "help": one.help,
            }
            for one in question.parameters
        ],
        "columns": [{"name": one.name, "type": one.type, "help": one.help} for one in question.columns],
        "limits": {"rows": question.rows, "seconds": question.seconds},
    }


def _add_questions(app: FastAPI, window: _Window) -> None:
    app.add_api_route(ROOT, window.catalogue, summary="The catalogue of questions.", operation_id="questions")
    for question in window.questions.values():
        for method, extra in (("GET", openapi.get_operation(question)), ("POST", openapi.post_operation(question))):
            app.add_api_route(
                f"{ROOT}/{question.name}",
                window.asking(question),
                methods=[method],
                summary=question.summary,
                description=question.description,
                operation_id=f"{question.name}_{method.lower()}",
                openapi_extra=extra,
                response_class=Response,
            )
    app.add_api_route(f"{ROOT}/{{name}}", window.unknown, methods=["GET", "POST"], include_in_schema=False)


def _add_health(app: FastAPI, readiness: Readiness) -> None:
    async def livez(_: Request) -> Response:
        return _json_response({"status": "alive"})

    async def readyz(_: Request) -> Response:
        findings = await readiness.look()
        ready = all(finding.ready for finding in findings.values())
        degraded = any(finding.degraded for finding in findings.values())
        checks = {
            name: {"ok": not finding.problem, "problem": finding.problem, "degraded": finding.degraded}
            for name, finding in findings.items()
        }
        body = {"status": ("degraded" if degraded else "ready") if ready else "not ready", "checks": checks}
        return _json_response(body, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)

    for path, endpoint, summary in (
        ("/livez", livez, "Whether this process answers."),
        ("/readyz", readyz, "Whether questions can be answered: each check, and 503 if one says no."),
    ):
        app.add_api_route(path, endpoint, summary=summary, response_class=Response)


def _add_metrics(app: FastAPI, registry: CollectorRegistry, *, needs_reader: bool) -> None:
    async def metrics(request: Request) -> Response:
        if needs_reader:
            asgi_guard.require(request.scope, Role.VIEWER)
        return Response(generate_latest(registry), headers=_ALWAYS | {"content-type": CONTENT_TYPE_LATEST})

    app.add_api_route("/metrics", metrics, summary="This process's figures, for Prometheus.", response_class=Response)


def _json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    text = rendering.dump(body) + "\n"
    return Response(text, status, media_type="application/json", headers=_ALWAYS | dict(headers or {}))


async def _on_question_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, errors.QuestionError):
        raise error
    later = {"retry-after": str(_RETRY_SECONDS)} if error.status in _LATER else None
    return _json_response(
        errors.wire_error(error.code, error.message, mend=error.mend, field=error.field), error.status, later
    )


def _render_refusal(refusal: Refusal) -> bytes:
    return (rendering.dump(errors.wire_error(refusal.code, refusal.message, mend=refusal.mend)) + "\n").encode()


async def _on_identity_error(_: Request, error: Exception) -> Response:
    """What the guard let in, and an endpoint does not."""
    if not isinstance(error, IdentityError):
        raise error
    refusal = asgi_guard.refusal(error)
    body = errors.wire_error(refusal.code, refusal.message, mend=refusal.mend)
    return _json_response(body, refusal.status, dict(refusal.headers))


async def _on_http_error(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: paths and methods that do not exist, content types."""
    if not isinstance(error, HTTPException):
        raise error
    message = f"{request.method} {request.url.path[:200]}: {error.detail}"
    code = _CODES.get(error.status_code, "refused")
    return _json_response(errors.wire_error(code, message, mend=_mend(error)), error.status_code, error.headers)


def _mend(error: HTTPException) -> str:
    if error.status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        return "Send a JSON object with the header Content-Type: application/json."
    allowed = (error.headers or {}).get("allow") or (error.headers or {}).get("Allow")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and allowed:
        return f"Ask with {allowed}."
    return f"The questions are listed at {ROOT}."


async def _on_bug(_: Request, error: Exception) -> Response:
    """A mistake of ours; the server logs it with its traceback, and the asker is not shown its inside."""
    message = f"The house made a mistake ({type(error).__name__})"
    return _json_response(errors.wire_error("internal", message, mend="Report it with the house's log."), 500)
