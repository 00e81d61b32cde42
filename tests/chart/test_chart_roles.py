"""What is special about each role."""

import fnmatch
import json
import re
from pathlib import Path

import pytest
import yaml
from rendered_chart import CHART, RELEASE, SCENES, component, of_kind, pod_templates, rendered, template, the

from bench import helm_binary
from mcp_server import composed_tools, pod_health_reading, question_tools, shown_tools, sql_tools
from otelhouse.__main__ import COMMANDS
from sql.catalogue import load_catalogue

pytestmark = pytest.mark.helm

DEPLOY = Path(__file__).parents[2] / "deploy"

GIB = 1024**3


def pod(scene, name):
    (found,) = [pod for one, pod in pod_templates(rendered(scene)) if one == name]
    return found


def scrape_targets(objects):
    (monitor,) = of_kind(objects, "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    ports = [endpoint["port"] for endpoint in monitor["spec"]["endpoints"]]
    return sorted(
        component(service)
        for service in of_kind(objects, "Service")
        if wanted <= service["metadata"]["labels"].items()
        for port in service["spec"]["ports"]
        if port["name"] in ports
    )


def test_every_role_runs_a_command_that_there_is():
    for scene in SCENES:
        for _, one in pod_templates(rendered(scene)):
            container = one["spec"]["containers"][0]
            if container["name"] == "otelhouse":
                assert container["args"][0] in COMMANDS


def test_every_role_that_is_on_by_default_has_a_command_of_its_name():
    on = {name for name, _ in pod_templates(rendered("default"))}

    assert on >= {"ingest", "serve", "mcp", "migrate"}
    assert on - {"clickhouse"} <= COMMANDS.keys()


def test_a_receivers_spool_outlives_its_pod_and_its_uninstall():
    ingest = the(rendered("default"), "StatefulSet", "otelhouse-ingest")["spec"]

    (claim,) = ingest["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "spool"
    assert ingest["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    mounts = ingest["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "spool", "mountPath": "/var/lib/otelhouse"} in mounts


def test_the_spools_volume_holds_what_the_settings_allow():
    from ingest.settings import SpoolSettings  # noqa: PLC0415  one use

    size = the(rendered("default"), "StatefulSet", "otelhouse-ingest")["spec"]["volumeClaimTemplates"][0]
    bytes_ = int(size["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * GIB
    # A file system takes some 5 % for itself.
    assert bytes_ * 0.95 > SpoolSettings().max_bytes + SpoolSettings().keep_free_bytes


def notes(scene):
    values = CHART / "ci" / f"{scene}-values.yaml"
    done = helm_binary.run("install", RELEASE, CHART, "--namespace", "o11y", "--dry-run=client", "--values", values)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


def test_without_a_volume_the_spool_is_in_the_pod_and_the_notes_warn():
    spool = [one for one in pod("trial", "ingest")["spec"]["volumes"] if one["name"] == "spool"]

    assert spool == [{"name": "spool", "emptyDir": {"sizeLimit": "10Gi"}}]
    assert "WARNING: the spool is in an emptyDir" in notes("trial")
    assert "WARNING: the spool" not in notes("default")


def test_the_notes_say_what_is_waited_for_and_what_is_not_safe():
    assert "otelhouse-tokens (tokens.yaml)" in notes("default")
    assert "otelhouse-clickhouse (password)" in notes("default")
    assert "WARNING: tokens travel in plain text" in notes("default")
    assert "WARNING: tokens" not in notes("external")
    assert "https://127.0.0.1:8080" in notes("external")
    assert "WARNING: auth.letAnyoneIn is on" in notes("trial")
    assert "otelhouse-tokens" not in notes("trial")


def test_those_who_answer_ask_clickhouse_by_the_user_for_questions_and_nobody_else_has_it():
    having = set()
    for name, one in pod_templates(rendered("external")):
        environ = {entry["name"]: entry for entry in one["spec"]["containers"][0].get("env", [])}
        if "OTELHOUSE_QUERY_USERNAME" in environ:
            having.add(name)
            assert environ["OTELHOUSE_QUERY_USERNAME"]["value"] == "questions"
            secret = environ["OTELHOUSE_QUERY_PASSWORD"]["valueFrom"]["secretKeyRef"]
            assert secret == {"name": "clickhouse-questions", "key": "password"}

    assert having == {"serve", "mcp"}


def test_the_migration_is_a_plain_job_with_the_migrators_rights():
    (job,) = of_kind(rendered("external"), "Job")
    environ = {one["name"]: one for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}

    assert "annotations" not in job["metadata"]
    assert environ["OTELHOUSE_STORE_USERNAME"]["value"] == "migrator"
    assert environ["OTELHOUSE_STORE_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "clickhouse-migrator"
    assert "ttlSecondsAfterFinished" not in job["spec"], "a GitOps tool would make it again and again"


def test_probes_speak_tls_where_rest_does():
    for name in ("ingest", "serve"):
        (container,) = pod("external", name)["spec"]["containers"]
        assert {container[one]["httpGet"]["scheme"] for one in ("startupProbe", "livenessProbe", "readinessProbe")} == {
            "HTTPS"
        }
        (container,) = pod("default", name)["spec"]["containers"]
        assert container["livenessProbe"]["httpGet"]["scheme"] == "HTTP"


def test_the_startup_probe_outlasts_the_wait_for_clickhouse():
    for scene, wait in (("default", 300), ("external", 600)):
        probe = pod(scene, "serve")["spec"]["containers"][0]["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] > wait + 60


def test_prometheus_sees_each_pod_once():
    assert scrape_targets(rendered("everything")) == ["ingest", "mcp", "serve"]


def test_prometheus_shows_its_token_and_trusts_the_certificate():
    extra = ("serviceMonitor.enabled=true", "tls.secretName=tls", "serviceMonitor.tokenSecret.name=metrics")
    (monitor,) = of_kind(template(*(f"--set={words}" for words in extra)), "ServiceMonitor")

    assert [endpoint["port"] for endpoint in monitor["spec"]["endpoints"]] == ["http", "mcp"]
    for endpoint in monitor["spec"]["endpoints"]:
        assert endpoint["scheme"] == "https"
        assert endpoint["tlsConfig"]["ca"]["secret"] == {"name": "tls", "key": "ca.crt"}
        assert endpoint["authorization"]["credentials"] == {"name": "metrics", "key": "token"}


def test_alarms_and_dashboard_are_those_of_the_deploy_folder():
    objects = rendered("everything")
    (rules,) = of_kind(objects, "PrometheusRule")
    (dashboard,) = [one for one in of_kind(objects, "ConfigMap") if one["metadata"]["name"] == "otelhouse-dashboard"]
    assert rules["spec"] == yaml.safe_load((DEPLOY / "prometheus/otelhouse.rules.yaml").read_text(encoding="utf-8"))
    made = json.loads((DEPLOY / "grafana/otelhouse.json").read_text(encoding="utf-8"))
    assert json.loads(dashboard["data"]["otelhouse.json"]) == made
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_tokens_and_certificates_come_through_without_a_restart():
    for volume in pod("external", "ingest")["spec"]["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["defaultMode"] == 0o440


# Collectors


def test_a_collector_leaves_its_own_logs_alone():
    (node,) = of_kind(rendered("everything"), "DaemonSet")
    (config,) = [
        one["data"]["collector.yaml"]
        for one in of_kind(rendered("everything"), "ConfigMap")
        if one["metadata"]["name"] == node["metadata"]["name"]
    ]
    own = f"/var/log/pods/otelhouse-nodes_{node['metadata']['name']}-abcde_0/collector/0.log"

    (pattern,) = yaml.safe_load(config)["receivers"]["filelog"]["exclude"]
    assert fnmatch.fnmatch(own, pattern)
    (other,) = of_kind(template("--set=fullnameOverride=telemetry,collectors.node.enabled=true"), "DaemonSet")
    assert other["metadata"]["name"].startswith("otelhouse-collector-")


@pytest.mark.parametrize("part", ["node", "cluster"])
def test_a_collector_is_given_every_variable_and_folder_that_its_configuration_names(part):
    templates = dict(pod_templates(rendered("everything")))
    (container,) = templates[f"collector-{part}"]["spec"]["containers"]
    config = next(
        one["data"]
        for one in of_kind(rendered("everything"), "ConfigMap")
        if one["metadata"]["name"] == f"otelhouse-collector-otelhouse-{part}"
    )
    named = set(re.findall(r"\$\{env:(\w+)\}", "".join(config.values())))
    folders = set(re.findall(r"\$\{env:\w+:-(/[\w/-]+)\}|include: \[(/var/log/pods)", "".join(config.values())))

    assert named <= {one["name"] for one in container["env"]}
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {folder or log for folder, log in folders} <= mounted


@pytest.mark.parametrize("part", ["node", "cluster"])
def test_what_is_laid_over_a_collectors_configuration_loses_nothing_of_it(part):
    config = next(
        one["data"]
        for one in of_kind(rendered("everything"), "ConfigMap")
        if one["metadata"]["name"] == f"otelhouse-collector-otelhouse-{part}"
    )
    own, extra = yaml.safe_load(config["collector.yaml"]), yaml.safe_load(config["extra.yaml"])

    # A list that stands in both is the later one's.
    assert extra["service"]["extensions"] == [*own["service"]["extensions"], "health_check"]
    assert not own["extensions"].keys() & extra["extensions"].keys()
    assert extra["exporters"].keys() <= own["exporters"].keys()
    assert not own["exporters"]["otlp"]["tls"].keys() & extra["exporters"]["otlp"]["tls"].keys()


def test_before_kubernetes_1_33_kubelets_tell_of_pods_only_to_who_may_use_all_of_them():
    words = "--set=collectors.node.enabled=true"
    for version, resource in (("1.32.9", "nodes/proxy"), ("1.33.0", "nodes/pods")):
        roles = of_kind(template(words, kubernetes=version), "ClusterRole")
        (rule,) = next(one["rules"] for one in roles if one["metadata"]["name"].endswith("-node"))
        assert rule == {"apiGroups": [""], "resources": ["nodes/stats", resource], "verbs": ["get"]}


# Agents


def our_tools():
    questions = load_catalogue()
    made = [
        *composed_tools.tools(questions),
        *question_tools.tools(
            questions,
            (pod_health_reading.shown(), *shown_tools.SHOWN),
            composed_tools.PIECES | sql_tools.PIECES,
        ),
    ]
    return {tool.name for tool in made}


def agents(scene):
    return {one["metadata"]["name"]: one["spec"]["declarative"] for one in of_kind(rendered(scene), "Agent")}


def named(agent, server):
    return [
        name
        for tool in agent["tools"]
        if tool["type"] == "McpServer" and tool["mcpServer"]["name"] == server
        for name in tool["mcpServer"]["toolNames"]
    ]


def test_the_agents_of_the_loop_are_there_and_lead_one_another():
    found = agents("everything")

    parts = {"observability", "k8s", "helm", "composition", "proactive-monitor"}
    assert set(found) == {f"otelhouse-{name}" for name in parts | {"autopilot"}}
    called = {tool["agent"]["name"] for tool in found["otelhouse-autopilot"]["tools"] if tool["type"] == "Agent"}
    assert called == {f"otelhouse-{name}" for name in parts}


def test_every_tool_that_an_agent_is_given_is_one_of_ours():
    known = our_tools()
    for name, agent in agents("everything").items():
        given = named(agent, "otelhouse")
        assert given, name
        assert set(given) <= known, name


def test_an_agent_is_told_of_no_tool_of_ours_that_it_does_not_have():
    # Names without an underscore are words as well.
    known = {tool for tool in our_tools() if "_" in tool}
    for name, agent in agents("everything").items():
        told = known & set(re.findall(r"\w+", agent["systemMessage"]))
        assert told, name
        assert told <= set(named(agent, "otelhouse")), name


def test_agents_change_nothing_unless_told_to():
    declared = yaml.safe_load((CHART / "files" / "agents" / "agents.yaml").read_text(encoding="utf-8"))["agents"]
    changing = {name for agent in declared for name in agent.get("changing", [])}
    assert changing

    for agent in agents("readers").values():
        assert not changing & set(named(agent, "kagent-tool-server"))
    assert (
        changing
        == {name for agent in agents("everything").values() for name in named(agent, "kagent-tool-server")} & changing
    )


def test_agents_stand_where_they_are_wanted_and_ask_over_mcp():
    (server,) = of_kind(rendered("readers"), "RemoteMCPServer")
    made = of_kind(rendered("readers"), "Agent", "RemoteMCPServer")

    assert server["spec"]["url"] == "http://otelhouse-mcp.observability.svc:8000/mcp"
    assert {one["metadata"]["namespace"] for one in made} == {"kagent"}
    secret = {"type": "Secret", "name": "otelhouse-agents", "key": "authorization"}
    assert server["spec"]["headersFrom"][0]["valueFrom"] == secret
