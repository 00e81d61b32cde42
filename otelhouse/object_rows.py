"""Kubernetes objects as rows of `otel_k8s_objects`.

In: sightings of objects. Out: rows, inserted at once. What ClickHouse will never take is told and dropped, so that it
does not stand in the way of what comes after; everything else that goes wrong is raised, for another attempt.
"""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from enrich.objects import Owner
from enrich.recording import Sighting
from sql import own_rows
from store.errors import BadDataError
from store.port import Store

_log = logging.getLogger(__name__)

TABLE = "otel_k8s_objects"


class StoredObjects:
    """Writes sightings through the store; an `enrich.recording.Recorder`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def record(self, sightings: Sequence[Sighting]) -> None:
        """Insert them in one block; raises what the store raises where another attempt may help."""
        lines = own_rows.lines(_row(one) for one in sightings)
        token = f"objects-{hashlib.sha256(lines).hexdigest()[:32]}"
        try:
            await asyncio.to_thread(self._store.insert, own_rows.insert_for(TABLE, [lines], token))
        except BadDataError:
            _log.exception("%d objects cannot be stored in %s, and are left out", len(sightings), TABLE)


def _row(seen: Sighting) -> dict[str, object]:
    known, belonging = seen.known, seen.belonging
    return {
        "ClusterUid": known.cluster_uid,
        "ClusterName": belonging.cluster_name,
        "Namespace": known.namespace,
        "Kind": known.kind,
        "Name": known.name,
        "Uid": known.uid,
        "ApiGroup": known.group,
        "Version": known.version,
        "CompositionId": belonging.composition_id,
        "WorkloadKind": belonging.workload_kind,
        "WorkloadName": belonging.workload_name,
        "Owners": [_owner(owner) for owner in known.owners],
        "Labels": dict(known.labels),
        "FirstSeen": _time(seen.first_seen),
        "LastSeen": _time(seen.last_seen),
        "Deleted": int(seen.gone),
    }


def _owner(owner: Owner) -> dict[str, object]:
    return {
        "uid": owner.uid,
        "group": owner.group,
        "kind": owner.kind,
        "name": owner.name,
        "controller": owner.controller,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
