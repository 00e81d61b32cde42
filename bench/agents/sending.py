"""Sends the telemetry of incidents through the front door of a running house, as a collector would.

In: where OTLP/HTTP listens, incidents, the present time, a seed. Out: how much was sent. The house answers once
ClickHouse has a request; a refusal ends the run.
"""

import gzip
import http.client
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from bench.agents import background, scene
from bench.agents.incident import Incident
from bench.agents.telemetry import Sent

_AT_ONCE = 6
"""Clusters that send at the same time; the house puts what comes together into one INSERT."""

_PROTOBUF = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}


def send(address: str, incidents: Iterable[Incident], now: int, seed: int) -> int:
    """Tell them all; bytes that went over the wire."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(lambda incident: _send(address, requests(incident, now, seed)), incidents))


def _send(address: str, sent: Iterable[Sent]) -> int:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        return sum(_post(connection, one) for one in sent)
    finally:
        connection.close()


def requests(incident: Incident, now: int, seed: int) -> list[Sent]:
    """Everything that the incident's cluster sends."""
    told = scene.made(incident.cluster, now, seed, flat=incident.flat)
    incident.tell(told)
    background.tell(told)
    return list(told.telemetry.requests())


def _post(connection: http.client.HTTPConnection, sent: Sent) -> int:
    body = gzip.compress(sent.body, 1)
    connection.request("POST", f"/v1/{sent.signal}", body, _PROTOBUF)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200 or said:  # a partial success has a body
        raise RuntimeError(f"the house answered {answer.status} to {sent.signal}: {said[:300]!r}")
    return len(body)
