"""Where the objects of one cluster are found: by uid, by name, by a pod's address, by a container's id.

In: entries, added and removed by the directory, one writer at a time. Out: the entry that is meant. Reading needs no
lock: each look is one step into a dictionary whose values are never changed in place. Refuses nothing; the directory
bounds how much is in here.
"""

from dataclasses import dataclass

from enrich.objects import KubernetesObject

_ADDRESS_HOLDERS = 4
"""Pods remembered for one address; the newest are kept."""
_AT_ONE_ADDRESS = 2
"""Running pods at one address: the old one may still stand there while the new one starts. More share a node's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object with its times, in Unix seconds."""

    known: KubernetesObject
    weight: int
    """Bytes, estimated."""
    first_seen: float
    gone_at: float
    """When it was deleted; 0 while it is there."""
    ended_at: float
    """When a pod was first seen finished, or was deleted; 0 while it runs."""
    watched: bool
    """False for what only a lookup found: nobody tells when it is gone."""

    @property
    def live(self) -> bool:
        """Whether it is there, as far as a watch can know."""
        return self.watched and not self.gone_at


class ClusterIndexes:
    """All entries of one cluster."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._names: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
        """Group and kind, namespace, name -> uid."""
        self._addresses: dict[str, tuple[str, ...]] = {}
        """Address -> uids of pods, those put last at the end."""
        self._node_addresses: dict[str, str] = {}
        """Address -> uid of the node that has it; pods in its network have it too."""
        self._containers: dict[str, str] = {}
        """Container id -> uid of its pod."""
        self._owned: dict[str, dict[str, None]] = {}
        """Uid -> uids of those that have it among their owners."""

    def by_name(self, group: str, kind: str, namespace: str, name: str) -> Entry | None:
        """Give the entry that has a name, or had it last."""
        uid = self._names.get((group, kind), {}).get(namespace, {}).get(name)
        return None if uid is None else self.entries.get(uid)

    def by_container(self, container_id: str) -> Entry | None:
        """Give the pod that has, or had, a container."""
        uid = self._containers.get(container_id)
        return None if uid is None else self.entries.get(uid)

    def by_address(self, address: str, ended_since: float) -> Entry | None:
        """Give the newest running pod at an address; if none runs, the one that ended last, and not before then."""
        uids = self._addresses.get(address)
        if uids is None or address in self._node_addresses:
            return None
        found = (self.entries.get(uid) for uid in uids)
        holders = [entry for entry in found if entry is not None and self._has_its_own(entry)]
        # Of several made in the same second, the one put last.
        running = [entry for entry in reversed(holders) if entry.live and not entry.ended_at]
        if len(running) > _AT_ONE_ADDRESS:
            return None
        if running:
            return max(running, key=lambda entry: entry.known.created)
        ended = [entry for entry in reversed(holders) if entry.ended_at >= ended_since or not entry.ended_at]
        return max(ended, key=lambda entry: entry.ended_at, default=None)

    def _has_its_own(self, entry: Entry) -> bool:
        """Whether a pod's address, which no known node has, is the pod's for sure: not while its node is unknown."""
        if entry.known.host_network is not None:
            return True
        node = self.by_name("", "Node", "", entry.known.node)
        return node is not None and bool(node.known.addresses)

    def live(self, group: str, kind: str) -> set[str]:
        """Give the uids of all objects of a kind that are there, whoever has their names. Under the writer's lock."""
        every = self.entries.items()
        return {uid for uid, one in every if one.live and one.known.kind == kind and one.known.group == group}

    def owned_by(self, uid: str) -> tuple[str, ...]:
        """Give the uids of those that have this one among their owners."""
        return tuple(self._owned.get(uid, ()))  # copied in one step, whoever writes meanwhile

    def add(self, entry: Entry, before: Entry | None) -> None:
        """Put an entry in every place where it is looked for, and take `before`, of the same uid, out of others."""
        known = entry.known
        self.entries[known.uid] = entry
        if entry is before:
            return
        self._take_name(entry)
        if before is None or before.known.owners != known.owners:
            self._disown(before)
            for owner in known.owners:
                self._owned.setdefault(owner.uid, {})[known.uid] = None
        for address in set(_addresses(before)) - set(_addresses(entry)):
            self._leave_address(address, known.uid)
        self._leave_node_addresses(before)
        self._node_addresses.update(dict.fromkeys(_node_addresses(entry), known.uid))
        for address in _addresses(entry):
            others = tuple(uid for uid in self._addresses.get(address, ()) if uid != known.uid)
            self._addresses[address] = (*others, known.uid)[-_ADDRESS_HOLDERS:]
        kept = {one.container_id for one in known.containers}
        for container in before.known.containers if before else ():
            if container.container_id not in kept:
                self._leave_container(container.container_id, known.uid)
        for container_id in kept - {""}:
            self._containers[container_id] = known.uid

    def remove(self, uid: str) -> Entry:
        """Take an entry out of every place; gives it."""
        entry = self.entries.pop(uid)
        known = entry.known
        kind = self._names.get((known.group, known.kind), {})
        names = kind.get(known.namespace, {})
        if names.get(known.name) == uid:
            del names[known.name]
            if not names:
                del kind[known.namespace]
        for address in _addresses(entry):
            self._leave_address(address, uid)
        self._leave_node_addresses(entry)
        self._disown(entry)
        for container in known.containers:
            self._leave_container(container.container_id, uid)
        return entry

    def _take_name(self, entry: Entry) -> None:
        """Let a name mean this entry; what only a lookup found takes no name from what a watch says is there."""
        known = entry.known
        names = self._names.setdefault((known.group, known.kind), {}).setdefault(known.namespace, {})
        holder = self.entries.get(names.get(known.name, ""))
        if entry.watched or holder is None or not holder.live:
            names[known.name] = known.uid

    def _disown(self, entry: Entry | None) -> None:
        if entry is None:
            return
        for owner in entry.known.owners:
            owned = self._owned.get(owner.uid, {})
            owned.pop(entry.known.uid, None)
            if not owned:
                self._owned.pop(owner.uid, None)

    def _leave_node_addresses(self, entry: Entry | None) -> None:
        for address in _node_addresses(entry):
            if entry is not None and self._node_addresses.get(address) == entry.known.uid:
                del self._node_addresses[address]

    def _leave_container(self, container_id: str, uid: str) -> None:
        if self._containers.get(container_id) == uid:
            del self._containers[container_id]

    def _leave_address(self, address: str, uid: str) -> None:
        others = tuple(one for one in self._addresses.get(address, ()) if one != uid)
        if others:
            self._addresses[address] = others
        else:
            self._addresses.pop(address, None)


def _addresses(entry: Entry | None) -> tuple[str, ...]:
    """The addresses that mean this pod and no other."""
    if entry is None or entry.known.host_network or entry.known.kind != "Pod" or entry.known.group:
        return ()
    return entry.known.addresses


def _node_addresses(entry: Entry | None) -> tuple[str, ...]:
    return entry.known.addresses if entry is not None and entry.known.kind == "Node" else ()
