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
    if not (sender.cluster_name or sender.cluster_uid):
        return 0
    # The one that the token does not give is taken out: with a uid of its own a name could still pass for another's.
    bound = ((CLUSTER_NAME.encode(), sender.cluster_name.encode()), (CLUSTER_UID.encode(), sender.cluster_uid.encode()))
    return sum(_bind(resource, bound) for resource in resources)


def _bind(resource: Message, bound: Sequence[tuple[bytes, bytes]]) -> bool:
    others = [_set(resource, key, value) for key, value in bound]
    return any(others)


def _set(resource: Message, key: bytes, value: bytes) -> bool:
    """Let the attribute be there once with this value, or not at all without one; gives whether another was claimed."""
    attributes = resource.resource.attributes
    places = [place for place, attribute in enumerate(attributes) if attribute.key == key]
    claimed = [attributes[place].value.string_value for place in places]
    if claimed == ([value] if value else []):
        return False
    for place in reversed(places):
        del attributes[place]
    if value:
        added = attributes.add()
        added.key = key
        added.value.string_value = value
    return any(one != value for one in claimed)
