"""What a platform team asks of a chart holds for every object that is rendered, with every values file."""

import re

import pytest
from rendered_chart import SCENES, component, containers, of_kind, pod_templates, rendered

pytestmark = [pytest.mark.helm, pytest.mark.parametrize("scene", SCENES)]

ON_NODES = "collector-node"
"""Reads the node's log files, so it runs as root: the one exception, in a namespace of its own."""
SPEAK_WITH_THE_API_SERVER = {"ingest", "collector-node", "collector-cluster"}


def pods(scene):
    found = list(pod_templates(rendered(scene)))
    assert found
    return found


def test_every_container_is_as_restricted_as_can_be(scene):
    for name, pod in pods(scene):
        for one in containers(pod):
            security = one["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["privileged"] is False
            assert security["capabilities"]["drop"] == ["ALL"]
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            if name != ON_NODES:
                assert security["runAsNonRoot"] is True
                assert "add" not in security["capabilities"]


def test_every_pod_runs_as_a_user_of_its_own_and_shares_nothing_with_the_node(scene):
    for name, pod in pods(scene):
        spec = pod["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert spec["enableServiceLinks"] is False
        if name != ON_NODES:
            assert spec["securityContext"]["runAsNonRoot"] is True
            assert spec["securityContext"]["runAsUser"] > 0
            assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert not any("hostPath" in volume for volume in spec["volumes"])


def test_only_who_speaks_with_the_api_server_has_a_token_for_it(scene):
    speaking = SPEAK_WITH_THE_API_SERVER if scene != "receivers" else set()
    for name, pod in pods(scene):
        assert pod["spec"]["automountServiceAccountToken"] is (name in speaking)


def test_every_pod_has_a_service_account_of_its_own(scene):
    accounts = of_kind(rendered(scene), "ServiceAccount")

    names = sorted(one["metadata"]["name"] for one in accounts)
    assert names == sorted(pod["spec"]["serviceAccountName"] for _, pod in pods(scene))
    assert all(one["automountServiceAccountToken"] is False for one in accounts)


def test_no_image_is_the_latest_or_nameless(scene):
    for _, pod in pods(scene):
        for one in containers(pod):
            assert re.fullmatch(r"[\w.\-/:]+(:[\w.\-]+|@sha256:[0-9a-f]{64})", one["image"])
            assert not one["image"].endswith(":latest")


def test_every_container_asks_for_what_it_needs_and_has_a_bound_on_memory(scene):
    for _, pod in pods(scene):
        for one in containers(pod):
            assert one["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert "memory" in one["resources"]["limits"]


def test_what_serves_tells_alive_from_ready(scene):
    for name, pod in pods(scene):
        (one,) = pod["spec"]["containers"]
        if name in {"ingest", "serve", "mcp"}:
            asked = [one[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
            assert [probe["path"] for probe in asked] == ["/livez", "/livez", "/readyz"]
            assert {probe["port"] for probe in asked} == {"mcp" if name == "mcp" else "http"}
            assert one["livenessProbe"].get("failureThreshold") > one["readinessProbe"]["failureThreshold"]
        if one.get("ports"):
            assert {"livenessProbe", "readinessProbe"} <= one.keys()


def test_nobody_may_do_anything_with_secrets_or_everything_with_anything(scene):
    for one in of_kind(rendered(scene), "ClusterRole", "Role"):
        for rule in one["rules"]:
            words = [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert "*" not in "".join(words)
            assert "secrets" not in rule["resources"]
            assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_no_secret_is_made_and_none_stands_in_plain_text(scene):
    assert not of_kind(rendered(scene), "Secret")
    for _, pod in pods(scene):
        for one in containers(pod):
            for variable in one.get("env", []):
                if re.search("PASSWORD|TOKEN|SECRET", variable["name"]):
                    assert "secretKeyRef" in variable["valueFrom"]


def test_every_service_selects_a_pod_and_names_a_port_of_it(scene):
    services = of_kind(rendered(scene), "Service")
    assert services
    for service in services:
        wanted = service["spec"]["selector"].items()
        (pod,) = [pod for _, pod in pods(scene) if wanted <= pod["metadata"]["labels"].items()]
        names = {port["name"] for one in containers(pod) for port in one.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


def test_what_controls_pods_selects_its_own_and_no_others(scene):
    for one in of_kind(rendered(scene), "Deployment", "StatefulSet", "DaemonSet"):
        wanted = one["spec"]["selector"]["matchLabels"].items()
        chosen = [name for name, pod in pods(scene) if wanted <= pod["metadata"]["labels"].items()]
        assert chosen == [component(one)]


def test_budgets_never_block_a_drain(scene):
    for one in of_kind(rendered(scene), "PodDisruptionBudget"):
        assert "minAvailable" not in one["spec"]
        assert one["spec"]["maxUnavailable"] not in {0, "0%"}
        assert one["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        wanted = one["spec"]["selector"]["matchLabels"].items()
        assert len([name for name, pod in pods(scene) if wanted <= pod["metadata"]["labels"].items()]) == 1


def test_what_is_scaled_by_its_load_has_no_replicas_of_its_own(scene):
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in rendered(scene) if "spec" in one}
    for one in of_kind(rendered(scene), "HorizontalPodAutoscaler"):
        target = one["spec"]["scaleTargetRef"]
        assert "replicas" not in by_name[target["kind"], target["name"]]["spec"]
        assert one["spec"]["minReplicas"] <= one["spec"]["maxReplicas"]


def test_every_volume_that_is_mounted_is_there_and_every_file_is_in_one(scene):
    for one in of_kind(rendered(scene), "StatefulSet", "Deployment", "DaemonSet"):
        pod = one["spec"]["template"]
        claims = {claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
        mounted = {mount["name"] for item in containers(pod) for mount in item["volumeMounts"]}
        assert mounted == claims | volumes
        assert not any("subPath" in mount for item in containers(pod) for mount in item["volumeMounts"])


def test_every_configmap_that_a_pod_names_is_rendered(scene):
    maps = {one["metadata"]["name"] for one in of_kind(rendered(scene), "ConfigMap")}
    for _, pod in pods(scene):
        for volume in pod["spec"]["volumes"]:
            sources = [volume, *volume.get("projected", {}).get("sources", [])]
            assert {source["configMap"]["name"] for source in sources if "configMap" in source} <= maps


def test_there_is_time_to_stop_in(scene):
    for name, pod in pods(scene):
        if name in {"ingest", "serve", "mcp"}:
            pause = pod["spec"]["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            shutdown = 60 if scene == "external" else 45
            assert pod["spec"]["terminationGracePeriodSeconds"] >= pause + shutdown
