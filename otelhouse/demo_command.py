"""`otelhouse demo`: sends a small shop's last half hour, with a fault to be found, and says what to ask."""

import random
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import click

from otelhouse import addresses, house_access, invocation
from otelhouse.configuration import Configuration
from otelhouse.demo import cluster_events, sending, shop, telemetry, traffic
from otelhouse.house_access import access_options
from otelhouse.invocation import Failure, configured


@click.command()
@click.option(
    "--protocol",
    type=click.Choice(["grpc", "http"]),
    default="grpc",
    show_default=True,
    help="OTLP transport.",
)
@click.option("--endpoint", metavar="URL", help="Where to send. [default: this house's own address]")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed tells the same story.")
@access_options
@configured
def demo(configuration: Configuration, protocol: str, endpoint: str | None, seed: int) -> None:
    """Send half an hour of a small shop's telemetry, with a fault to find."""
    transport = sending.Protocol(protocol)
    access = house_access.access_of_command(configuration.settings)
    endpoint = endpoint or _own_address(configuration, transport)
    if refusal := sending.refusal(endpoint):
        message = f"{refusal}; start the house with `otelhouse up`, or name another with --endpoint"
        raise Failure(message)
    if hint := _mistaken(configuration, transport, endpoint):
        raise Failure(hint)
    history = make_history(seed, time.time_ns())
    if not history.spans:
        raise Failure("the SDK made no telemetry: is OTEL_SDK_DISABLED set?")
    click.echo(f"Sending the last {traffic.HISTORY_MINUTES} minutes of a small shop to {endpoint} ({protocol})")
    exporters = _exporters(transport, endpoint, access)
    try:
        receipts = sending.send(history, exporters)
    finally:
        exporters.close()
    _report(receipts)
    click.echo(_questions(invocation.program(), history.fault_trace_id))


def make_history(seed: int, now: int) -> telemetry.History:
    """The telemetry of the half hour before `now` (nanoseconds since the epoch)."""
    story = random.Random(seed)  # noqa: S311  a story, not a secret
    the_shop = shop.open_shop(story)
    # Ids depend on the time as well: the same story told twice must not give one trace twice its spans.
    ids = random.Random(f"{seed} {now}")  # noqa: S311  as above
    history = telemetry.tell(the_shop, traffic.visits(story), ids, now)
    history.logs += cluster_events.tell_cluster_events(the_shop, ids, now)
    return history


def _own_address(configuration: Configuration, transport: sending.Protocol) -> str:
    listens = configuration.settings.ingest
    door = listens.grpc if transport is sending.Protocol.GRPC else listens.http
    return addresses.url(door.host, door.port, secure=configuration.settings.identity.tls.at(transport.value))


def _exporters(transport: sending.Protocol, endpoint: str, access: house_access.Access) -> sending.Exporters:
    try:
        return sending.exporters(transport, endpoint, access)
    except OSError as error:
        raise Failure(f"client.ca, client.certificate, client.key: {error}") from error


def _mistaken(configuration: Configuration, transport: sending.Protocol, endpoint: str) -> str:
    """What to do if `endpoint` is the other transport's port by its number and by what answers there, or nothing."""
    listens, port = configuration.settings.ingest, urlsplit(endpoint).port
    if transport is sending.Protocol.GRPC:
        other, ports = sending.Protocol.HTTP, {4318, listens.http.port} - {listens.grpc.port}
    else:
        other, ports = sending.Protocol.GRPC, {4317, listens.grpc.port} - {listens.http.port}
    if port not in ports or sending.spoken(endpoint) is not other:
        return ""
    name = "OTLP/HTTP" if other is sending.Protocol.HTTP else "OTLP/gRPC"
    return f"{port} is {name}: add --protocol {other}"


def _report(receipts: Sequence[sending.Receipt]) -> None:
    for receipt in receipts:
        click.echo(f"  {receipt.what:<12} {receipt.sent:>6,} sent {receipt.acknowledged:>8,} acknowledged")
    failures = [f"  {receipt.what}: {receipt.failure}" for receipt in receipts if receipt.failure]
    if failures:
        raise Failure("\n".join(["not everything was acknowledged:", *failures]))


def _questions(program: str, trace_id: str) -> str:
    return "\n".join(
        [
            "",
            "In the last ten minutes something went wrong in the shop. Find it:",
            f"  {program} query slow_traces",
            f"  {program} query recent_logs --service payment --min-severity error",
            f"  {program} query trace --trace-id {trace_id}",
        ]
    )
