"""Requests through the made-up shop, as traces and as the logs beside them.

In: a scene. Out: spans and log records in its telemetry: two requests a minute of each of four kinds, of up to five
services and two databases, over the whole time. A failure travels up: who calls what fails, fails too, and says so.
"""

from dataclasses import dataclass

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from bench.agents.scene import START, Scene, Work, spoilt
from bench.agents.telemetry import ERROR, INFO, MILLISECOND, WARN, pairs

PERIOD = 0.5
"""Minutes between two requests of a kind."""

SERVER, CLIENT = 2, 3


@dataclass(frozen=True, slots=True)
class Step:
    """One service's part in a request, and whom it calls for it, one after the other."""

    service: str
    span: str
    ms: float
    calls: tuple["Step", ...] = ()
    target: str = ""
    """For a call of what tells nothing itself: its system, a slash, its name."""
    peer: str = ""
    """The service that the target is, where the caller's SDK names it."""


def _query(service: str, target: str, span: str, ms: float, peer: str = "") -> Step:
    return Step(service, span, ms, target=target, peer=peer)


_RESERVE = Step("inventory", "POST /reserve", 8, (_query("inventory", "postgresql/stock", "SELECT stock.items", 6),))
_CHARGE = Step("payment", "POST /charge", 22, (Step("ledger", "POST /entries", 9),))
_STORE = _query("checkout", "postgresql/orders", "INSERT orders", 7, peer="orders-db")
_ORDER = Step("checkout", "POST /orders", 14, (_RESERVE, _CHARGE, _STORE, Step("mailer", "POST /send", 11)))
_CART = Step("cart", "GET /cart/{id}", 5, (_query("cart", "redis/carts", "HGETALL", 2),))

REQUESTS: tuple[Step, ...] = (
    Step("frontend", "GET /cart", 6, (_CART,)),
    Step("frontend", "POST /checkout", 9, (_ORDER,)),
    Step("frontend", "GET /search", 5, (Step("search", "GET /query", 35),)),
    Step("frontend", "GET /recommendations", 5, (Step("recommendation", "GET /for/{user}", 18),)),
)


def tell(scene: Scene) -> None:
    """All requests from the start until now."""
    draw = scene.telemetry.draw
    for number in range(int(START / PERIOD)):
        for place, request in enumerate(REQUESTS):
            minutes_ago = START - number * PERIOD - place * 0.09 - draw.random() * 0.05
            trace = _Trace(scene, draw.randbytes(16), minutes_ago)
            trace.serve(request, scene.telemetry.at(minutes_ago), b"")


@dataclass(frozen=True, slots=True)
class _Trace:
    """One request under way."""

    scene: Scene
    id: bytes
    minutes_ago: float

    def serve(self, step: Step, start: int, parent: bytes) -> tuple[int, str]:
        """The service does its part; its end in nanoseconds, and why it failed, if it did."""
        draw = self.scene.telemetry.draw
        pods = self.scene.serving(step.service, self.minutes_ago)
        if not pods:
            return start + 40 * MILLISECOND, f"dial tcp: connect to {step.service}: connection refused"
        work = Work(step.service, draw.choice(pods), step.span, _jitter(draw.random(), step.ms))
        spoilt(self.scene.spoils, work, self.minutes_ago)
        own = int(work.ms * MILLISECOND)
        span_id, at = draw.randbytes(8), start + own // 2
        failure = work.failure
        for call in step.calls:
            if failure:
                break
            at, failure = self._call(work, call, at, span_id)
        end = at + own - own // 2
        self._span(work, step.span, SERVER, span_id, parent, start, end, failure)
        self._log(work, step, failure, end)
        return end, failure

    def _call(self, caller: Work, step: Step, start: int, parent: bytes) -> tuple[int, str]:
        """A call out of a service; its end, and why the caller fails by it."""
        draw = self.scene.telemetry.draw
        span_id = draw.randbytes(8)
        if step.target:
            work = Work(caller.service, caller.pod, step.span, _jitter(draw.random(), step.ms), target=step.target)
            spoilt(self.scene.spoils, work, self.minutes_ago)
            end, failure = start + int(work.ms * MILLISECOND), work.failure
            self._span(work, step.span, CLIENT, span_id, parent, start, end, failure, step.peer)
            return end, failure
        end, failure = self.serve(step, start + MILLISECOND, span_id)
        end += MILLISECOND
        told = f"call to {step.service} failed: {failure}" if failure else ""
        self._span(caller, step.span, CLIENT, span_id, parent, start, end, told, host=step.service)
        return end, told

    def _span(  # noqa: PLR0913, PLR0917 - the fields of a span
        self, work: Work, name: str, kind: int, span_id: bytes, parent: bytes, start: int, end: int, failure: str,
        peer: str = "", host: str = "",
    ) -> None:  # fmt: skip
        method, _, route = name.partition(" ")
        attributes: dict[str, object] = {"http.request.method": method, "http.route": route}
        if host:
            attributes["server.address"] = host
        if work.target and kind == CLIENT:
            system, _, database = work.target.partition("/")
            attributes = {"db.system.name": system, "db.namespace": database, "db.query.summary": name}
            attributes |= {"peer.service": peer} if peer else {"server.address": f"{database}.data.svc"}
        span = Span(
            trace_id=self.id,
            span_id=span_id,
            parent_span_id=parent,
            name=name,
            kind=kind,  # type: ignore[arg-type]  # the enum's numbers are its values
            start_time_unix_nano=start,
            end_time_unix_nano=end,
            attributes=pairs(attributes),
            status=Status(code=2, message=failure) if failure else Status(),  # type: ignore[arg-type]  # 2 is ERROR
        )
        self.scene.telemetry.span(work.pod, span)

    def _log(self, work: Work, step: Step, failure: str, end: int) -> None:
        draw, telemetry = self.scene.telemetry.draw, self.scene.telemetry
        said = f"{step.span} request {draw.randrange(10**6)}"
        if failure:
            telemetry.log(work.pod, self.minutes_ago, ERROR, f"{said}: {failure}", self.id)
        elif draw.random() < 0.5:
            took = (end - telemetry.at(self.minutes_ago)) // MILLISECOND
            telemetry.log(work.pod, self.minutes_ago, INFO, f"{said} served in {took} ms", self.id)
        elif draw.random() < 0.02:
            telemetry.log(work.pod, self.minutes_ago, WARN, f"{said}: retry 1 of 3 after timeout")


def _jitter(chance: float, ms: float) -> float:
    """Around its usual time; one in fifty takes three times as long, as everywhere."""
    return ms * (3.0 if chance > 0.98 else 0.7 + 0.6 * chance)
