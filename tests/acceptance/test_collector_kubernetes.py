"""The configurations of deploy/collector/, in a real Collector: valid, and what they read is in the tables."""

import threading
import time
from datetime import UTC, datetime

import pytest
from foreign_senders import LONG_INSTALL_SECONDS
from kubernetes_api import KubernetesApi
from running_collector import DEPLOY, Collector
from running_house import ON_SERVER, WAIT

from store.opening import open_store
from store.port import Select

# The first of them builds the Collector.
pytestmark = [pytest.mark.go, pytest.mark.timeout(LONG_INSTALL_SECONDS + 60)]

CONFIGURATIONS = sorted(DEPLOY.glob("*.yaml"))
RED, PLAIN = "\x1b[31m", "\x1b[0m"
LONG = "x" * 20_000


def cri(*lines):
    """A pod's log as containerd and CRI-O write it."""
    begin = datetime.now(UTC)
    stamped = (
        f"{begin:%Y-%m-%dT%H:%M:%S}.{number:09d}Z {stream} {flag} {text}\n"
        for number, (stream, flag, text) in enumerate(lines)
    )
    return "".join(stamped)


def docker(*lines):
    """The same as Docker's json-file driver writes it."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
    return "".join(f'{{"log":"{line}\\n","stream":"stdout","time":"{now}"}}\n' for line in lines)


FILES = {
    "shop_web-1_11111111-1111-1111-1111-111111111111/web/0.log": cri(
        ("stdout", "F", "I1120 10:10:00.123456       1 main.go:7] started"),
        ("stdout", "P", LONG),
        ("stdout", "P", LONG),
        ("stdout", "F", "the end"),
        ("stdout", "F", f"{RED}ERROR{PLAIN} cannot {RED}open{PLAIN} it"),
        ("stdout", "F", "plain and without a level"),
    ),
    "shop_java-0_22222222-2222-2222-2222-222222222222/app/3.log": cri(
        ("stdout", "F", "10:10:00.123 [main] ERROR c.e.App - boom"),
        ("stderr", "F", "java.lang.IllegalStateException: no"),
        ("stderr", "F", "\tat c.e.App.run(App.java:7)"),
        ("stdout", "F", "10:10:00.124 [main] INFO  c.e.App - went on"),
        ("stderr", "F", "\tat c.e.App.main(App.java:9)"),
        ("stderr", "F", "Caused by: java.io.IOException: gone"),
        ("stderr", "F", "\t... 2 more"),
        ("stderr", "F", "another line"),
    ),
    "shop_go-0_33333333-3333-3333-3333-333333333333/go/0.log": cri(
        ("stdout", "F", "{"),
        ("stdout", "F", f'  {RED}"level"{PLAIN}: "warn",'),
        ("stdout", "F", '  "msg": "pretty"'),
        ("stdout", "F", "}"),
        ("stdout", "F", "done"),
    ),
    "old_docker-0_44444444-4444-4444-4444-444444444444/box/0.log": docker("level=info msg=hello", "second"),
}
EXPECTED = {
    ("web-1", "web", "INFO", "I1120 10:10:00.123456       1 main.go:7] started"),
    ("web-1", "web", "", LONG + LONG + "the end"),
    ("web-1", "web", "ERROR", "ERROR cannot open it"),
    ("web-1", "web", "", "plain and without a level"),
    ("java-0", "app", "ERROR", "10:10:00.123 [main] ERROR c.e.App - boom"),
    (
        "java-0",
        "app",
        "ERROR",
        (
            "java.lang.IllegalStateException: no\n\tat c.e.App.run(App.java:7)\n\tat c.e.App.main(App.java:9)\n"
            "Caused by: java.io.IOException: gone\n\t... 2 more"
        ),
    ),
    ("java-0", "app", "INFO", "10:10:00.124 [main] INFO  c.e.App - went on"),
    ("java-0", "app", "", "another line"),
    ("go-0", "go", "WARN", '{\n  "level": "warn",\n  "msg": "pretty"\n}'),
    ("go-0", "go", "", "done"),
    ("docker-0", "box", "INFO", "level=info msg=hello"),
    ("docker-0", "box", "", "second"),
}


@pytest.fixture
def collectors():
    """Started ones end with the test, however it ends."""
    started = []

    def start(*arguments, **variables):
        started.append(Collector(*arguments, **variables).start())
        return started[-1]

    yield start
    for one in started:
        if one.runs:
            one.end()


@pytest.fixture
def ask(database):
    store = open_store(database)
    yield lambda sql: store.select(Select(sql)).rows
    store.close()


def until(done, *, seconds=WAIT):
    """Wait until `done()` is true, and give what it gave."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while not (found := done()) and time.monotonic() < end:
        pause.wait(0.2)
    return found


def pod_logs(folder):
    pods = folder / "pods"
    for name, text in FILES.items():
        (pods / name).parent.mkdir(parents=True)
        (pods / name).write_text(text)
    return pods


def only_logs(pods):
    """Read these files, and ask no kubelet, which a test has not."""
    return (
        f"yaml:receivers::filelog::include: ['{pods}/*/*/*.log']",
        "yaml:service::pipelines::metrics::receivers: [hostmetrics]",
        "yaml:receivers::hostmetrics::collection_interval: 1s",
    )


LOGS = """SELECT ResourceAttributes['k8s.pod.name'], ResourceAttributes['k8s.container.name'], SeverityText, Body
          FROM otel_logs WHERE ResourceAttributes['k8s.node.name'] = '{node}'"""


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda path: path.stem)
def test_a_real_collector_finds_the_configuration_valid(configuration, tmp_path):
    with KubernetesApi() as api:
        collector = Collector(
            configuration,
            tmp_path,
            "http://127.0.0.1:4317",
            # Validating builds what the configuration names, and here is no service account that it could read.
            K8S_AUTH_TYPE="kubeConfig",
            KUBELET_AUTH_TYPE="none",
            KUBECONFIG=api.kubeconfig(tmp_path),
        )
        assert collector.validate() == 0, collector.told


def test_a_configuration_that_is_wrong_is_refused(tmp_path):
    """The test above can fail."""
    wrong = Collector(
        DEPLOY / "daemonset.yaml", tmp_path, "http://127.0.0.1:4317", "yaml:receivers::filelog::nonsense: 1"
    )
    assert wrong.validate() != 0
    assert "nonsense" in wrong.told


@ON_SERVER
def test_pod_logs_come_whole_without_colours_and_with_a_severity(house, ask, collectors, tmp_path):
    pods = pod_logs(tmp_path)
    endpoint = house.address("OTLP/gRPC")
    collector = collectors(
        DEPLOY / "daemonset.yaml",
        tmp_path,
        endpoint,
        *only_logs(pods),
        K8S_NODE_NAME="pod-logs",
        K8S_CLUSTER_NAME="east",
    )

    found = until(lambda: len(rows := ask(LOGS.format(node="pod-logs"))) >= len(EXPECTED) and rows)

    assert found, collector.told
    assert (set(found), len(found)) == (EXPECTED, len(EXPECTED)), collector.told
    columns = """SELECT DISTINCT ClusterName, ResourceAttributes['k8s.namespace.name'],
                 ResourceAttributes['k8s.pod.uid'], ResourceAttributes['k8s.container.restart_count'],
                 LogAttributes['log.iostream'] FROM otel_logs WHERE ResourceAttributes['k8s.pod.name'] = 'java-0'
                 ORDER BY ALL"""
    uid = "22222222-2222-2222-2222-222222222222"
    assert ask(columns) == [("east", "shop", uid, "3", "stderr"), ("east", "shop", uid, "3", "stdout")]
    memory = "SELECT DISTINCT ClusterName FROM otel_metrics_sum WHERE MetricName = 'system.memory.usage'"
    assert until(lambda: ask(memory)) == [("east",)], collector.told


@ON_SERVER
def test_what_was_read_while_the_house_was_away_comes_once_a_new_collector_finds_it(house, ask, collectors, tmp_path):
    pods, nobody = pod_logs(tmp_path), "http://127.0.0.1:9"
    changes = only_logs(pods)
    deaf = collectors(DEPLOY / "daemonset.yaml", tmp_path, nobody, *changes, K8S_NODE_NAME="away")
    assert until(lambda: "Exporting failed" in deaf.told), deaf.told
    deaf.end()

    # The new one finds the files read to their ends, and what was read of them in its queue.
    collectors(DEPLOY / "daemonset.yaml", tmp_path, house.address("OTLP/gRPC"), *changes, K8S_NODE_NAME="away")

    found = until(lambda: set(rows := ask(LOGS.format(node="away"))) >= EXPECTED and rows)
    assert found, ask(LOGS.format(node="away"))
    assert (set(found), len(found)) == (EXPECTED, len(EXPECTED))


def event(number, count):
    now = datetime.now(UTC)
    # The receiver of flat events leaves out what is older than itself.
    last = datetime.fromtimestamp(now.timestamp() + 2, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"web-{number}.1",
            "namespace": "shop",
            "uid": f"uid-{number}",
            "resourceVersion": str(100 + 10 * number + count),
            "creationTimestamp": last,
        },
        "involvedObject": {
            "kind": "Pod",
            "namespace": "shop",
            "name": f"web-{number}",
            "uid": f"pod-{number}",
            "apiVersion": "v1",
        },
        "reason": "BackOff",
        "message": "Back-off restarting failed container",
        "source": {"component": "kubelet", "host": "node-1"},
        "firstTimestamp": last,
        "lastTimestamp": last,
        "count": count,
        "type": "Warning",
    }


@ON_SERVER
def test_events_from_both_receivers_of_two_collectors_are_there_once(house, ask, collectors, tmp_path):
    both = (
        "yaml:receivers::k8s_events::auth_type: kubeConfig",
        "yaml:service::pipelines::logs::receivers: [k8sobjects, k8s_events]",
        # The API server of this test has no nodes and no pods to count.
        "yaml:service::pipelines::metrics::receivers: [otlp]",
        "yaml:receivers::otlp::protocols::grpc::endpoint: 127.0.0.1:0",
    )
    told = [event(number, 1) for number in range(5)]
    with KubernetesApi() as api:
        variables = {"K8S_AUTH_TYPE": "kubeConfig", "KUBECONFIG": api.kubeconfig(tmp_path), "K8S_CLUSTER_NAME": "twice"}
        running = [
            collectors(DEPLOY / "deployment.yaml", tmp_path / name, house.address("OTLP/gRPC"), *both, **variables)
            for name in ("one", "two")
        ]
        for _ in range(4):
            assert api.watched.acquire(timeout=WAIT), "".join(one.told for one in running)
        for one in told:
            api.tell("ADDED", one)
        for one in told[:3]:
            api.tell("MODIFIED", {**one, "count": 2, "metadata": {**one["metadata"], "resourceVersion": "900"}})
        # Four ways for each: two Collectors with two receivers.
        raw = "SELECT count() FROM otel_logs WHERE ClusterName = 'twice'"
        assert until(lambda: ask(raw) >= [(4 * 8,)]), [ask(raw), *(one.told for one in running)]
        for one in running:
            one.end()

    rows = ask("SELECT EventUid, Count FROM otel_k8s_events FINAL WHERE ClusterName = 'twice' ORDER BY ALL")
    assert rows == sorted([(f"uid-{n}", 1) for n in range(5)] + [(f"uid-{n}", 2) for n in range(3)])
    answered = house.question("object_events", cluster="twice", until="2126-01-01T00:00:00Z", since="1h")
    assert {row["event_uid"]: row["count"] for row in answered} == {f"uid-{n}": 2 if n < 3 else 1 for n in range(5)}
