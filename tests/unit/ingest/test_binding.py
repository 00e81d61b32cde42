"""A bound token's cluster stands on every resource, whatever its sender writes there."""

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from identity.sender import Sender
from ingest import binding, wire
from sql.signals import Signal

EAST = Sender("10.0.0.7", "east", cluster_name="prod-east", cluster_uid="uid-east")


def resources_of(*claims: dict[str, str]) -> list:
    request = ExportLogsServiceRequest()
    for claim in claims:
        attributes = request.resource_logs.add().resource.attributes
        for key, value in {"service.name": "shop", **claim}.items():
            attributes.add(key=key).value.string_value = value
    return wire.parse(Signal.LOGS, request.SerializeToString()).resources


def attributes_of(resource) -> list[tuple[str, str]]:
    return [(one.key.decode(), one.value.string_value.decode()) for one in resource.resource.attributes]


@pytest.mark.parametrize(
    ("claim", "others"),
    [
        ({}, 0),
        ({"k8s.cluster.name": "prod-east", "k8s.cluster.uid": "uid-east"}, 0),
        ({"k8s.cluster.name": "prod-west"}, 1),
        ({"k8s.cluster.name": "prod-east", "k8s.cluster.uid": "uid-west"}, 1),
        ({"k8s.cluster.name": "", "k8s.cluster.uid": ""}, 1),
    ],
)
def test_the_tokens_cluster_wins_and_a_claim_of_another_is_counted(claim, others):
    (resource,) = resources_of(claim)
    assert binding.bind([resource], EAST) == others
    assert sorted(attributes_of(resource)) == [
        ("k8s.cluster.name", "prod-east"),
        ("k8s.cluster.uid", "uid-east"),
        ("service.name", "shop"),
    ]


def test_a_claim_made_twice_leaves_one():
    (resource,) = resources_of({"k8s.cluster.name": "prod-west"})
    again = resource.resource.attributes.add()
    again.key, again.value.string_value = b"k8s.cluster.name", b"prod-east"
    assert binding.bind([resource], EAST) == 1
    assert [value for key, value in attributes_of(resource) if key == "k8s.cluster.name"] == ["prod-east"]


def test_a_value_that_is_no_text_does_not_pass():
    (resource,) = resources_of({})
    hidden = resource.resource.attributes.add()
    hidden.key, hidden.value.int_value = b"k8s.cluster.name", 7
    assert binding.bind([resource], EAST) == 1
    assert [value for key, value in attributes_of(resource) if key == "k8s.cluster.name"] == ["prod-east"]


def test_an_unbound_sender_says_for_itself_where_it_is():
    (resource,) = resources_of({"k8s.cluster.name": "prod-west"})
    before = attributes_of(resource)
    assert binding.bind([resource], Sender("10.0.0.7")) == 0
    assert attributes_of(resource) == before


def test_what_the_token_does_not_say_nobody_says():
    (resource,) = resources_of({"k8s.cluster.uid": "uid-west"})
    assert binding.bind([resource], Sender("10.0.0.7", "east", cluster_name="prod-east")) == 1
    assert sorted(attributes_of(resource)) == [("k8s.cluster.name", "prod-east"), ("service.name", "shop")]
