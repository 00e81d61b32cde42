"""A token that is bound to a cluster decides which cluster its telemetry comes from, whatever the telemetry says.

In: the parsed resources of one request, and its sender. Out: the same resources with the sender's cluster in
`k8s.cluster.name` and `k8s.cluster.uid`, and how many said something else. Resources of a sender that is bound to no
cluster stay as they are. Costs a look at each resource's attributes, never at a record.
Source of the names: https://opentelemetry.io/docs/specs/semconv/resource/k8s/#cluster
"""

from collections.abc import Sequence

from identity.sender import Sender
from ingest.items import Message

CLUSTER_NAME = "k8s.cluster.name"
CLUSTER_UID = "k8s.cluster.uid"


def bind(resources: Sequence[Message], sender: Sender) -> int:
    """Write the sender's cluster into every resource; gives how many claimed another one."""
    bound = [
        (key.encode(), value.encode())
        for key, value in ((CLUSTER_NAME, sender.cluster_name), (CLUSTER_UID, sender.cluster_uid))
        if value
    ]
    if not bound:
        return 0
    return sum(_bind(resource, bound) for resource in resources)


def _bind(resource: Message, bound: Sequence[tuple[bytes, bytes]]) -> bool:
    others = [_set(resource, key, value) for key, value in bound]
    return any(others)


def _set(resource: Message, key: bytes, value: bytes) -> bool:
    """Let the attribute be there once, with this value; gives whether it was there with another one."""
    attributes = resource.resource.attributes
    places = [place for place, attribute in enumerate(attributes) if attribute.key == key]
    claimed = [attributes[place].value.string_value for place in places]
    if claimed == [value]:
        return False
    for place in reversed(places):
        del attributes[place]
    added = attributes.add()
    added.key = key
    added.value.string_value = value
    return any(one != value for one in claimed)
