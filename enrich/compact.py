"""Objects made small enough to keep tens of thousands of them.

In: an object as the Kubernetes client read it. Out: the same object with one copy of each text that many objects share,
without the annotations that nobody asked for, and cut where it is unreasonably large; and an estimate of the bytes that
it takes. Refuses nothing. Safe to use from several threads.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import islice

from enrich.objects import Container, KubernetesObject, Owner

MAX_LABELS = 64
"""Labels kept of one object; Kubernetes itself sets no bound, and real objects have some ten."""
MAX_OWNERS = 8
MAX_CONTAINERS = 64
MAX_ADDRESSES = 4
_SHARED_TEXTS = 65_536
"""Texts in the table at most: some 10 MiB. When it is full it begins anew, and texts in use stay where they are."""
_SHARED_LENGTH = 128

_OBJECT_BYTES = 700
"""Of one object with its name, its uid and its places in the directory's indexes, beside what is counted by length."""
_LABEL_BYTES = 24
_CONTAINER_BYTES = 230
"""With its id and the id's place in the index."""
_ADDRESS_BYTES = 150
_OWNER_BYTES = 300
"""With its uid and its place in the index; without those texts that are shared."""


class Compactor:
    """Makes objects small. `annotations` are the keys of the annotations that are kept; `labels` are kept for sure."""

    def __init__(self, annotations: Collection[str] = (), labels: Collection[str] = ()) -> None:
        self._annotations = frozenset(annotations)
        self._labels = frozenset(labels)
        self._texts: dict[str, str] = {}
        self._owners: dict[tuple[Owner, ...], tuple[Owner, ...]] = {}

    def compact(self, found: KubernetesObject) -> KubernetesObject:
        """Give an equal object, but for what is not kept."""
        share = self._share
        return replace(
            found,
            cluster_uid=share(found.cluster_uid),
            group=share(found.group),
            version=share(found.version),
            kind=share(found.kind),
            namespace=share(found.namespace),
            node=share(found.node),
            owners=self._shared_owners(found.owners[:MAX_OWNERS]),
            labels=self._shared_pairs(_within_reason(found.labels, self._labels)),
            annotations=self._shared_pairs(
                {key: text for key, text in found.annotations.items() if key in self._annotations}
            ),
            addresses=found.addresses[:MAX_ADDRESSES],
            containers=tuple(Container(share(one.name), one.container_id) for one in found.containers[:MAX_CONTAINERS]),
        )

    def _share(self, text: str) -> str:
        if len(text) > _SHARED_LENGTH:
            return text
        if len(self._texts) >= _SHARED_TEXTS:
            self._texts = {}
        return self._texts.setdefault(text, text)

    def _shared_pairs(self, pairs: Mapping[str, str]) -> Mapping[str, str]:
        if not pairs:
            return _NOTHING
        return {self._share(key): self._share(text) for key, text in pairs.items()}

    def _shared_owners(self, owners: tuple[Owner, ...]) -> tuple[Owner, ...]:
        """All pods of a ReplicaSet have the same owner."""
        if not owners:
            return ()
        if len(self._owners) >= _SHARED_TEXTS // 4:
            self._owners = {}
        share = self._share
        return self._owners.setdefault(
            owners,
            tuple(
                replace(one, group=share(one.group), version=share(one.version), kind=share(one.kind)) for one in owners
            ),
        )


_NOTHING: Mapping[str, str] = {}


def _within_reason(labels: Mapping[str, str], wanted: frozenset[str]) -> Mapping[str, str]:
    if len(labels) <= MAX_LABELS:
        return labels
    kept = {key: labels[key] for key in wanted if key in labels}
    return kept | dict(
        islice(((key, labels[key]) for key in sorted(labels) if key not in kept), MAX_LABELS - len(kept))
    )


def weight(kept: KubernetesObject) -> int:
    """Estimate the bytes that a compact object takes in the directory, indexes included.

    Fitted to what tracemalloc counts for pods of ordinary shape; a test holds it within a third of that.
    """
    labels, annotations = kept.labels, kept.annotations
    size = _OBJECT_BYTES + len(kept.name) + _CONTAINER_BYTES * len(kept.containers)
    size += _ADDRESS_BYTES * len(kept.addresses) + sum(_OWNER_BYTES + len(one.name) for one in kept.owners)
    size += _LABEL_BYTES * len(labels) + sum(map(len, labels.values()))
    return size + sum(64 + len(key) + len(text) for key, text in annotations.items())
