"""What customers do in the shop, minute by minute, and what goes wrong.

Out: `Visit`s, each a time and a tree of `Step`s. A step is one piece of work of one service: it becomes a
span, its lines become log records, its duration a measurement. Nothing of OpenTelemetry is known here.

The fault: in the last ten minutes the database of `payment` answers slowly, its connection pool runs out, and
`POST /checkout` becomes slow and partly fails. Everything else stays healthy, so that it can be told apart.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

HISTORY_MINUTES = 30
"""How far back the telemetry reaches."""

FAULT_MINUTES = 10
"""How long before its end the fault began."""

VISITS_A_MINUTE = 20

Attribute = str | int | float | bool | list[str]


class Kind(StrEnum):
    """Which side of a call a step is."""

    SERVER = "server"
    CLIENT = "client"
    INTERNAL = "internal"


class Severity(StrEnum):
    """The severities the shop uses, in OpenTelemetry's short names."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Line:
    """One log line, written when its step ends."""

    severity: Severity
    text: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of work of one service. Its sub-steps run one after the other, within it."""

    service: str
    name: str
    kind: Kind
    work: float
    """Seconds of its own work, without those of its sub-steps."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    steps: tuple["Step", ...] = ()
    error: str = ""
    """Why it failed; empty when it did not."""
    error_type: str = ""
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of one customer."""

    age: float
    """Seconds before the end of the history."""
    step: Step


def visits(rng: random.Random) -> Iterator[Visit]:
    """The whole history, oldest first."""
    for minute in range(HISTORY_MINUTES, 0, -1):
        ages = sorted((rng.uniform(minute - 1, minute) * 60 for _ in range(VISITS_A_MINUTE)), reverse=True)
        for age in ages:
            # The slowest request takes under 10 s; all that is told has happened when it is sent.
            yield Visit(age + 12, _request(rng, troubled=age < FAULT_MINUTES * 60))


def _request(rng: random.Random, *, troubled: bool) -> Step:
    drawn = rng.random()
    if drawn < 0.5:
        return _browse(rng)
    if drawn < 0.8:
        return _fill_cart(rng)
    return _check_out(rng, troubled=troubled)


def _browse(rng: random.Random) -> Step:
    found = rng.randint(3, 40)
    query = _database(rng, "inventory", "SELECT products", "SELECT * FROM products WHERE category = $1 LIMIT 40")
    lookup = _serve("inventory", "GET", "/products", _took(rng, 4), (query,))
    line = Line(Severity.INFO, f"listed {found} products", {"products.found": found})
    return _serve("frontend", "GET", "/products", _took(rng, 9), (_call(rng, "frontend", lookup),), lines=(line,))


def _fill_cart(rng: random.Random) -> Step:
    skus = [f"SKU-{rng.randint(1000, 9999)}" for _ in range(rng.randint(1, 3))]
    store = Step("cart", "HSET", Kind.CLIENT, _took(rng, 1), {"db.system.name": "redis", "db.operation.name": "HSET"})
    line = Line(Severity.INFO, f"added {len(skus)} items to a cart", {"cart.skus": skus})
    add = _serve("cart", "POST", "/cart", _took(rng, 3), (store,), lines=(line,))
    return _serve("frontend", "POST", "/cart", _took(rng, 6), (_call(rng, "frontend", add),))


def _check_out(rng: random.Random, *, troubled: bool) -> Step:
    order = f"{rng.getrandbits(32):08x}"
    payment = _pay(rng, order, troubled=troubled)
    cart = _serve("cart", "GET", "/cart", _took(rng, 2))
    stock = _serve("inventory", "POST", "/reserve", _took(rng, 5), (_database(rng, "inventory", "UPDATE stock"),))
    calls = tuple(_call(rng, "checkout", step) for step in (cart, stock, payment))
    why = f"payment for order {order} failed: HTTP 503" if payment.error else ""
    checkout = _serve(
        "checkout", "POST", "/checkout", _took(rng, 8), calls, error=why, lines=_told(order, payment, why)
    )
    outcome = "order could not be placed" if why else ""
    return _serve("frontend", "POST", "/checkout", _took(rng, 10), (_call(rng, "frontend", checkout),), error=outcome)


def _told(order: str, payment: Step, why: str) -> tuple[Line, ...]:
    if why:
        return (Line(Severity.ERROR, why, {"order.id": order, "error.type": "PaymentUnavailable"}),)
    if payment.steps[0].work > 1:
        took = round(payment.steps[0].work * 1000)
        return (Line(Severity.WARN, f"payment took {took} ms for order {order}", {"order.id": order}),)
    return (Line(Severity.INFO, f"order {order} placed", {"order.id": order}),)


POOL_EXHAUSTED = "no database connection within 5 s: 20 of 20 in use"
"""What payment says while its pool is empty: the fault's own words."""


def _pay(rng: random.Random, order: str, *, troubled: bool) -> Step:
    statement = "SELECT balance FROM accounts WHERE id = $1 FOR UPDATE"
    if troubled and rng.random() < 0.4:
        query = _database(rng, "payment", "SELECT accounts", statement, took=5.0, error=POOL_EXHAUSTED)
        line = Line(Severity.ERROR, POOL_EXHAUSTED, {"order.id": order, "db.client.connection.pool.name": "payments"})
        return _serve("payment", "POST", "/charge", _took(rng, 3), (query,), error=POOL_EXHAUSTED, lines=(line,))
    query = _database(rng, "payment", "SELECT accounts", statement, took=rng.uniform(1.5, 4.5) if troubled else 0)
    line = Line(Severity.INFO, f"charged order {order}", {"order.id": order, "payment.method": "card"})
    return _serve("payment", "POST", "/charge", _took(rng, 3), (query,), lines=(line,))


def _took(rng: random.Random, typical_ms: float) -> float:
    """Seconds around `typical_ms`, with the long tail that real work has."""
    return typical_ms * rng.lognormvariate(0, 0.35) / 1000


def _serve(  # noqa: PLR0913  a request has a method, a route, and what happens in it
    service: str,
    method: str,
    route: str,
    work: float,
    steps: tuple[Step, ...] = (),
    *,
    error: str = "",
    lines: tuple[Line, ...] = (),
) -> Step:
    attributes: dict[str, Attribute] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": 503 if error else 200,
        "url.scheme": "http",
    }
    return Step(
        service,
        f"{method} {route}",
        Kind.SERVER,
        work,
        attributes,
        steps,
        error,
        "503" if error else "",
        lines,
    )


def _call(rng: random.Random, caller: str, served: Step) -> Step:
    """The caller's side of a call that another service serves."""
    attributes = {
        "http.request.method": served.attributes["http.request.method"],
        "http.response.status_code": served.attributes["http.response.status_code"],
        "server.address": f"{served.service}.shop.svc",
        "server.port": 8080,
    }
    error = f"{served.service} answered 503" if served.error else ""
    name = str(served.attributes["http.request.method"])
    return Step(caller, name, Kind.CLIENT, _took(rng, 1), attributes, (served,), error, "503" if error else "")


def _database(
    rng: random.Random, service: str, summary: str, text: str = "", *, took: float = 0, error: str = ""
) -> Step:
    operation, _, table = summary.partition(" ")
    attributes: dict[str, Attribute] = {
        "db.system.name": "postgresql",
        "db.namespace": f"{service}s",
        "db.operation.name": operation,
        "db.collection.name": table,
        "db.query.text": text or f"{operation} {table}",
        "server.address": f"{service}-db.shop.svc",
        "server.port": 5432,
    }
    kind = "PoolTimeout" if error else ""
    return Step(service, summary, Kind.CLIENT, took or _took(rng, 6), attributes, (), error, kind)
