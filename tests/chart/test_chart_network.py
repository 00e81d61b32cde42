"""The network policies admit what the code opens and asks for, and nothing else: judged as Kubernetes does.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

import functools
import json
from ipaddress import ip_address, ip_network
from types import SimpleNamespace

import pytest
from rendered_chart import NAMESPACE, containers, of_kind, pod_templates, rendered, template

from otelhouse import configuration

pytestmark = pytest.mark.helm

ANYWHERE = ip_address("203.0.113.77")
ANYWHERE_OF_IPV6 = ip_address("2001:db8::77")
OPENS = {"ingest": ("ingest.grpc", "ingest.http", "query"), "serve": ("query",), "mcp": ("mcp",)}
"""Settings with a `port` that each role listens on: otelhouse/house.py."""


def objects(scene):
    """Of one of the scenes, or these."""
    return rendered(scene) if isinstance(scene, str) else scene


@functools.cache
def narrowed(**lists):
    """The default with a canary, and with lists of peers, as JSON."""
    words = (f"--set-json=networkPolicy.{key}={value}" for key, value in lists.items())
    return template("--set=canary.tokenSecret.name=otelhouse-canary,collectors.node.enabled=true", *words)


def pods(scene):
    """The pods of a release, by role."""
    return {
        name: SimpleNamespace(
            labels=pod["metadata"]["labels"],
            namespace="otelhouse-nodes" if name == "collector-node" else NAMESPACE,
            ports={port["containerPort"] for one in containers(pod) for port in one.get("ports", [])},
        )
        for name, pod in pod_templates(objects(scene))
    }


STRANGER = SimpleNamespace(labels={"app": "shop"}, namespace="shop")
NEIGHBOUR = SimpleNamespace(labels={"app": "debug"}, namespace=NAMESPACE)
PORTAL = SimpleNamespace(labels={"app": "portal"}, namespace="portal")
PROMETHEUS = SimpleNamespace(labels={"app": "prometheus"}, namespace="monitoring")
DNS = SimpleNamespace(labels={"k8s-app": "kube-dns"}, namespace="kube-system")


def matches(selector, labels):
    assert set(selector) <= {"matchLabels"}, "the judge knows no other selectors"
    return selector.get("matchLabels", {}).items() <= labels.items()


def peer_is(peer, who):
    if not hasattr(who, "labels"):
        return "ipBlock" in peer and who in ip_network(peer["ipBlock"]["cidr"])
    if "ipBlock" in peer:
        return False
    space = {"kubernetes.io/metadata.name": who.namespace}
    in_space = matches(peer["namespaceSelector"], space) if "namespaceSelector" in peer else who.namespace == NAMESPACE
    return in_space and matches(peer.get("podSelector", {}), who.labels)


def allows(scene, pod, direction, who, port, protocol="TCP"):
    """Whether `pod` may be reached by, or reach, `who` on this port."""
    rules, judged = [], False
    for policy in of_kind(objects(scene), "NetworkPolicy"):
        spec = policy["spec"]
        if policy["metadata"].get("namespace", NAMESPACE) == pod.namespace and matches(spec["podSelector"], pod.labels):
            judged |= direction.capitalize() in spec["policyTypes"]
            rules += spec.get(direction) or []
    side = "from" if direction == "ingress" else "to"
    return not judged or any(
        (not rule.get(side) or any(peer_is(peer, who) for peer in rule[side]))  # an empty list is everybody
        and any((one["port"], one["protocol"]) == (port, protocol) for one in rule["ports"])
        for rule in rules
    )


def reaches(scene, source, target, port):
    return allows(scene, source, "egress", target, port) and allows(scene, target, "ingress", source, port)


def test_each_role_declares_the_ports_that_the_code_opens(tmp_path):
    for scene in ("default", "everything"):
        config = next(one for one in of_kind(rendered(scene), "ConfigMap") if "otelhouse.yaml" in one.get("data", {}))
        file = tmp_path / "otelhouse.yaml"
        file.write_text(config["data"]["otelhouse.yaml"])
        settings = json.loads(configuration.load(file=file).settings.model_dump_json())
        own = pods(scene)
        for role in OPENS.keys() & own.keys():
            opened = set()
            for path in OPENS[role]:
                node = settings
                for name in path.split("."):
                    node = node[name]
                opened.add(node["port"])
            assert own[role].ports == opened, role


@pytest.mark.parametrize("scene", ["default", "trial", "everything", "readers"])
def test_whoever_has_business_gets_in(scene):
    own = pods(scene)

    for role in OPENS.keys() & own.keys():
        for port in own[role].ports:
            assert allows(scene, own[role], "ingress", STRANGER, port), (role, port)


@pytest.mark.parametrize("scene", ["default", "everything"])
def test_every_role_reaches_clickhouse_and_strangers_do_not(scene):
    own = pods(scene)

    for name in own.keys() - {"clickhouse", "collector-node", "collector-cluster"}:
        for port in (9000, 8123):
            assert reaches(scene, own[name], own["clickhouse"], port), (name, port)
    for stranger in (STRANGER, NEIGHBOUR):
        assert not allows(scene, own["clickhouse"], "ingress", stranger, 9000)
    assert allows(scene, own["clickhouse"], "ingress", STRANGER, 8123) is (scene == "everything"), "with handlers alone"


def test_the_canary_comes_in_by_every_front_door():
    own = pods("everything")

    for role, ports in {"ingest": (4317, 4318), "serve": (8080,), "mcp": (8000,)}.items():
        for port in ports:
            assert reaches("everything", own["canary"], own[role], port)


@pytest.mark.parametrize("scene", ["default", "external", "everything", "readers"])
def test_everyone_who_has_to_find_names_may_ask_dns(scene):
    for name, pod in pods(scene).items():
        for protocol in ("UDP", "TCP"):
            assert allows(scene, pod, "egress", DNS, 53, protocol) is (name != "clickhouse")


@pytest.mark.parametrize("where", [ANYWHERE, ANYWHERE_OF_IPV6], ids=str)
def test_what_is_open_to_everywhere_is_so_in_clusters_with_ipv6_too(where):
    own = pods("everything")
    arguments = (
        "--set",
        "clickhouse.url=clickhouse://db.example:9000,settings.identity.jwt.jwks_url=https://id.example/k",
    )
    policies = [one["spec"] for one in of_kind(template(*arguments), "NetworkPolicy")]
    told = [peer for spec in policies for rule in spec.get("egress", []) for peer in rule.get("to", [])]

    assert any(peer_is(peer, where) for peer in told)
    assert allows("everything", own["ingest"], "egress", where, 6443)
    assert allows("everything", own["collector-node"], "egress", where, 10250)


@pytest.mark.parametrize("port", [443, 6443])
def test_only_who_watches_kubernetes_reaches_the_api_server(port):
    for name, pod in pods("everything").items():
        assert allows("everything", pod, "egress", ANYWHERE, port) is (name in {"ingest", "collector-cluster"})


def test_collectors_reach_the_receivers_and_those_on_nodes_their_kubelets():
    own = pods("everything")

    for name in ("collector-node", "collector-cluster"):
        assert reaches("everything", own[name], own["ingest"], 4317)
        assert not allows("everything", own[name], "egress", own["serve"], 8080)
        assert not allows("everything", own[name], "ingress", STRANGER, 13133)
        assert allows("everything", own[name], "egress", ANYWHERE, 10250) is (name == "collector-node")


def test_the_releases_own_senders_get_in_where_others_are_kept_out():
    scene = narrowed(otlpFrom="[]")
    own = pods(scene)

    for port in (4317, 4318):
        assert reaches(scene, own["canary"], own["ingest"], port)
        assert allows(scene, own["ingest"], "ingress", own["collector-node"], port)
        for other in (STRANGER, NEIGHBOUR, ANYWHERE, own["mcp"]):
            assert not allows(scene, own["ingest"], "ingress", other, port)


def only(who):
    """Peers of a NetworkPolicy: the namespace of `who`."""
    return json.dumps([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": who.namespace}}}])


ASKED = {"restFrom": ("serve", 8080), "mcpFrom": ("mcp", 8000)}


@pytest.mark.parametrize("key", ASKED)
def test_narrowing_who_may_ask_at_one_door_is_enough_to_shut_out_all_others(key):
    scene = narrowed(**{key: only(PORTAL)})
    own = pods(scene)

    for other, (role, port) in ASKED.items():
        assert allows(scene, own[role], "ingress", PORTAL, port)
        for who in (STRANGER, PROMETHEUS):
            assert allows(scene, own[role], "ingress", who, port) is (other != key)
        assert reaches(scene, own["canary"], own[role], port)


def test_who_reads_metrics_gets_in_at_narrowed_doors_where_it_is_named():
    everybody = {"namespaceSelector": {}}
    named = json.dumps([everybody, everybody | {"podSelector": {}}, *json.loads(only(PROMETHEUS))])
    scene = narrowed(restFrom=only(PORTAL), mcpFrom=only(PORTAL), metricsFrom=named)
    own = pods(scene)

    for role, port in (("serve", 8080), ("mcp", 8000), ("ingest", 8080)):
        assert allows(scene, own[role], "ingress", PROMETHEUS, port)
        assert allows(scene, own[role], "ingress", STRANGER, port) is (role == "ingest")


def test_a_list_without_a_peer_admits_nobody():
    scene = narrowed(otlpFrom="[]", restFrom="[]", mcpFrom="[]", metricsFrom="[]")
    own = pods(scene)

    for role in OPENS:
        for port in own[role].ports:
            for who in (STRANGER, NEIGHBOUR, ANYWHERE):
                assert not allows(scene, own[role], "ingress", who, port), (role, port)
            asked = role != "ingest" or port != 8080
            assert allows(scene, own[role], "ingress", own["canary"], port) is asked


def test_nobody_reaches_anything_else():
    own = pods("everything")
    for name, pod in own.items():
        for port in (22, 80, 25, 3306):
            assert not allows("everything", pod, "egress", ANYWHERE, port), name
            assert not allows("everything", pod, "egress", STRANGER, port), name
            assert not allows("everything", pod, "ingress", STRANGER, port), name
    for name in ("migrate", "canary"):
        assert not any(allows("everything", own[name], "ingress", STRANGER, port) for port in (8080, 4317))


def test_what_was_narrowed_is_narrow():
    own = pods("external")
    clickhouse, elsewhere = ip_address("192.0.2.9"), ip_address("192.0.3.9")
    login = ip_address("198.51.100.7")

    assert allows("external", own["serve"], "egress", clickhouse, 443)
    assert allows("external", own["serve"], "egress", clickhouse, 9440)
    assert not allows("external", own["serve"], "egress", elsewhere, 9440)
    assert allows("external", own["serve"], "egress", login, 8443)
    assert not allows("external", own["migrate"], "egress", login, 8443)
    assert allows("external", own["ingest"], "egress", ip_address("10.0.0.1"), 6443)
    assert not allows("external", own["ingest"], "egress", ip_address("10.0.0.2"), 6443)
    assert not allows("external", own["ingest"], "ingress", STRANGER, 4317)
    assert allows("external", own["ingest"], "ingress", ip_address("10.9.9.9"), 4317)


def test_without_policies_nothing_is_denied():
    assert not of_kind(rendered("receivers"), "NetworkPolicy")
