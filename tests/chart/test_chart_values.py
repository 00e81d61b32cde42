"""Values that make no sense are refused before anything is installed, with the words to mend them."""

import json

import pytest
from rendered_chart import RefusedError, of_kind, rendered, template, the

from otelhouse import configuration

pytestmark = pytest.mark.helm

EXTERNAL = "clickhouse.url=clickhouse://ch:9000/"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("ingress.enabled=true", "additional properties 'ingress' not allowed"),
        ("ingest.replica=3", "additional properties 'replica' not allowed"),
        ("ingest.replicas=many", "/ingest/replicas"),
        ("ingest.replicas=-1", "/ingest/replicas"),
        ("image.tag=latest", "/image/tag"),
        ("clickhouse.single.image.tag=latest", "/clickhouse/single/image/tag"),
        ("image.digest=sha256:12", "/image/digest"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("clickhouse.url=ch:9000", "/clickhouse/url"),
        ("clickhouse.url=clickhouse://user:secret@ch:9000/", "/clickhouse/url"),
        ("clickhouse.url=clickhouse://ch:9000/telemetry", "/clickhouse/url"),
        ("clickhouse.database=drop table", "/clickhouse/database"),
        ("clickhouse.passwordSecret.name=", "/clickhouse/passwordSecret/name"),
        ("clickhouse.password=secret", "additional properties 'password' not allowed"),
        ("ingest.podDisruptionBudget.maxUnavailable=0", "/ingest/podDisruptionBudget/maxUnavailable"),
        ("ingest.podDisruptionBudget.minAvailable=1", "minAvailable"),
        ("ingest.autoscaling.minReplicas=0", "/ingest/autoscaling/minReplicas"),
        ("ingest.spool.size=large", "/ingest/spool/size"),
        ("ingest.spool.whenDeleted=Keep", "/ingest/spool/whenDeleted"),
        ("serve.service.type=ExternalName", "/serve/service/type"),
        ("pods.nodeSelektor.a=b", "nodeSelektor"),
        (
            "enrich.extraResources[0].group=a,enrich.extraResources[0].resources[0]=*",
            "/enrich/extraResources/0",
        ),
        ("networkPolicy.apiServerPorts[0]=70000", "/networkPolicy/apiServerPorts/0"),
        ("listenHost=127.0.0.1", "/listenHost"),
        ("settings.ingest.spool.max_byte=1", "max_byte"),
        ("settings.ingest.spool.max_bytes=1", "/settings/ingest/spool/max_bytes"),
        ("settings.log.level=loud", "/settings/log/level"),
    ],
)
def test_a_wrong_value_is_refused_by_the_schema(words, why):
    with pytest.raises(RefusedError, match="specifications of the schema") as refused:
        template("--set", words)

    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        ("settings.ingest.grpc.port=14317", "settings.ingest.grpc.port is the chart's: set ingest.service"),
        ("settings.query.host=::", "settings.query.host is the chart's: set listenHost"),
        ("settings.store.password=secret", "settings.store.password is the chart's: set clickhouse.passwordSecret"),
        ("settings.store.url=http://ch:8123/", "settings.store.url is the chart's: set clickhouse.url"),
        ("settings.identity.tokens_file=/x", "settings.identity.tokens_file is the chart's: set auth.tokensSecret"),
        ("auth.tokensSecret.name=", "nobody would be asked who they are: set auth.tokensSecret.name"),
        ("tls.clientCaSecret.name=ca", "tls.clientCaSecret needs tls.secretName"),
        ("mcp.sql.username=agents", "mcp.sql.username needs mcp.sql.passwordSecret.name"),
        (
            "clickhouse.migrator.username=a",
            "clickhouse.migrator.username needs clickhouse.migrator.passwordSecret.name",
        ),
        (
            "clickhouse.url=clickhouse://ch,clickhouse.questions.username=q",
            "clickhouse.questions.username needs clickhouse.questions.passwordSecret.name",
        ),
        (
            "clickhouse.questions.username=q,clickhouse.questions.passwordSecret.name=s",
            "clickhouse.questions.username is for a ClickHouse of yours (clickhouse.url)",
        ),
        ("settings.query.username=q", "settings.query.username is the chart's: set clickhouse.questions.username"),
        ("kagent.enabled=true,mcp.enabled=false", "kagent.enabled needs mcp.enabled"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_mend(words, mend):
    with pytest.raises(RefusedError) as refused:
        template("--set", words)

    assert mend in str(refused.value)


def test_an_old_kubernetes_is_refused():
    with pytest.raises(RefusedError, match=r"incompatible with Kubernetes v1\.29\.0"):
        template(kubernetes="1.29.0")


def in_force(objects, tmp_path):
    """What otelhouse itself makes of the file in the ConfigMap."""
    (config,) = [one for one in of_kind(objects, "ConfigMap") if "otelhouse.yaml" in one.get("data", {})]
    file = tmp_path / "otelhouse.yaml"
    file.write_text(config["data"]["otelhouse.yaml"], encoding="utf-8")
    return configuration.load(file=file).settings


@pytest.mark.parametrize("scene", ["default", "trial", "external", "everything", "receivers", "readers", "cluster"])
def test_otelhouse_takes_the_settings_file(scene, tmp_path):
    settings = in_force(rendered(scene), tmp_path)

    assert settings.query.host == "0.0.0.0"  # noqa: S104  in a pod
    assert settings.ingest.spool.path.as_posix() == "/var/lib/otelhouse/spool"
    assert settings.log.format == "json"


def test_large_numbers_stay_whole(tmp_path):
    assert in_force(rendered("cluster"), tmp_path).ingest.spool.max_bytes == 51539607552
    words = template("--set", "settings.ingest.memory_bytes=402653184")
    assert in_force(words, tmp_path).ingest.memory_bytes == 402653184


def test_tls_reaches_the_doors_and_spares_rest_a_client_certificate(tmp_path):
    tls = in_force(rendered("external"), tmp_path).identity.tls

    assert tls.certificate.as_posix() == "/etc/otelhouse/tls/tls.crt"
    assert tls.client_ca.as_posix() == "/etc/otelhouse/client-ca/ca.crt"
    assert tls.demands_certificate("grpc")
    assert not tls.demands_certificate("rest")


@pytest.mark.parametrize(
    ("url", "ports"),
    [
        ("clickhouse://ch:9000/", [9000, 8123]),
        ("clickhouses://ch/", [9440, 8443]),
        ("clickhouses://ch:9441/?http_port=443", [9441, 443]),
        ("http://ch:18123/?native_port=19000", [19000, 18123]),
        ("https://ch/", [9440, 8443]),
        ("http://ch/?secure=1", [9440, 8443]),
    ],
)
def test_the_policies_open_the_ports_that_the_store_reads_out_of_the_url(url, ports, tmp_path):
    objects = template("--set", f"clickhouse.url={url}")

    egress = the(objects, "NetworkPolicy", "otelhouse-migrate")["spec"]["egress"]
    assert [port["port"] for port in egress[1]["ports"]] == ports
    address = in_force(objects, tmp_path).store.address
    assert [address.native_port, address.http_port] == ports


def test_a_changed_setting_makes_new_pods_and_a_new_job_and_an_unchanged_one_does_not():
    def marks(*arguments):
        objects = template(*arguments)
        serve = the(objects, "Deployment", "otelhouse-serve")["spec"]["template"]["metadata"]["annotations"]
        return serve["checksum/config"], of_kind(objects, "Job")[0]["metadata"]["name"]

    before, again = marks("--set", EXTERNAL), marks("--set", EXTERNAL)
    after = marks("--set", EXTERNAL, "--set", "settings.sql.retention.logs_days=7")

    assert before == again
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_role_beats_what_all_pods_are_given():
    words = {"pods": {"nodeSelector": {"a": "all"}}, "serve": {"pods": {"nodeSelector": {"a": "serve"}}}}
    objects = template(*(f"--set-json={key}={json.dumps(value)}" for key, value in words.items()))

    assert the(objects, "Deployment", "otelhouse-serve")["spec"]["template"]["spec"]["nodeSelector"] == {"a": "serve"}
    assert the(objects, "StatefulSet", "otelhouse-ingest")["spec"]["template"]["spec"]["nodeSelector"] == {"a": "all"}
