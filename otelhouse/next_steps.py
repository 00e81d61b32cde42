"""What to type next beside a house that was just started, so that it works with the addresses and locks of that house.

In: how this program was called, the settings, where the house listens. Out: lines for the banner. Flags are given only
where another terminal, which knows nothing of this house's settings, would go elsewhere or be refused without.
"""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from otelhouse import addresses, house_access
from otelhouse.client_settings import ClientSettings
from otelhouse.settings import Settings


def lines(program: str, settings: Settings, listening: Mapping[str, str]) -> list[str]:
    """The lines, each below two spaces."""
    sends, reads = listening["OTLP/gRPC"], listening["REST"]
    door, usual = Settings().ingest.grpc, Settings()
    demo = ["demo", *_where("--endpoint", sends, addresses.url(door.host, door.port, secure=False))]
    query = ["query", "slow_traces", *_where("--url", reads, house_access.rest_url(usual))]
    identity, client = settings.identity, settings.client
    asked = (identity.senders_are_asked, identity.readers_are_asked)
    demo += _shown(client, "SENDERS-TOKEN", asked=asked[0], tls=identity.tls.at("grpc"))
    query += _shown(client, "READERS-TOKEN", asked=asked[1], tls=identity.tls.at("rest"))
    steps = {
        f"{program} {shlex.join(demo)}": "sends a small shop's telemetry",
        f"{program} {shlex.join(query)}": "asks a question about it",
    }
    width = max(map(len, steps))
    said = [f"  {step:<{width}}    {what}" for step, what in steps.items()]
    if any(asked) and client.token_file is None:
        said += ["", f"A token is a file's content here; `{program} token create` makes one of each kind."]
    return said


def _where(flag: str, url: str, usual: str) -> Sequence[str]:
    return () if url == usual else (flag, url)


def _shown(client: ClientSettings, token: str, *, asked: bool, tls: bool) -> Sequence[str]:
    """What to show and to trust; a file that nobody named has a name in capitals."""
    token_file: Path | str | None = client.token_file or (token if asked else None)
    ca: Path | str | None = client.ca if tls else None
    flags = [("--token-file", token_file), ("--ca", ca)]
    return [word for flag, file in flags if file is not None for word in (flag, str(file))]
