"""install.sh goes through its phases, may be run again, and where it stops says what to do."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rendered_chart import CHART

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "install.sh"
STUB = Path(__file__).parent / "stub_command.py"
PHASES = ["prerequisites", "namespace", "secrets", "chart", "tables", "roles", "doors"]
WAIT = 120

HEALTHY = [
    ["^helm version", 0, "v4.3.1"],
    ["--raw /version$", 0, '{"major": "1", "minor": "35+", "gitVersion": "v1.35.4"}'],
    ["get jobs .* -o name", 0, "job.batch/otelhouse-migrate-1\n"],
    ["get statefulsets,deployments --field-selector", 0, "2"],
    ["get endpointslices", 0, "false true"],
    ["get statefulsets,deployments", 0, "statefulset.apps/otelhouse-ingest\ndeployment.apps/otelhouse-serve\n"],
]


class Cluster:
    """A cluster of stubs."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("kubectl", "helm"):
            self.command(name, f'exec {sys.executable} -S -c "import sys; sys.argv[0] = \'{name}\'; '
                               f'exec(open(\'{STUB}\').read())" "$@"')  # fmt: skip

    def command(self, name, body):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def has_otelhouse(self):
        self.command("otelhouse", f'exec {sys.executable} -m otelhouse "$@"')

    def install(self, *options, answers=()):
        (self.folder / "calls").write_text("")
        (self.folder / "answers").write_text(json.dumps([*answers, *HEALTHY]))
        environ = {"PATH": f"{self.folder}:/usr/bin:/bin", "STUB": str(self.folder), "HOME": str(self.folder)}
        command = ["bash", str(SCRIPT), *options]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=WAIT, check=False)

    @property
    def calls(self):
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def cluster(tmp_path):
    return Cluster(tmp_path)


def phases(done):
    return re.findall(r"^== (\w+)$", done.stderr, re.MULTILINE)


def test_it_goes_through_all_phases_in_order(cluster):
    done = cluster.install()

    assert done.returncode == 0, done.stderr
    assert phases(done) == PHASES
    assert "otelhouse query freshness" in done.stderr
    assert "The canary sends each signal" in done.stderr


def test_what_is_there_is_left_alone(cluster):
    cluster.install()

    changing = [call for call in cluster.calls if re.search(r"\b(create|delete|label|patch)\b", call)]
    assert not [call for call in changing if "auth can-i" not in call]


def test_what_it_was_told_reaches_the_chart(cluster):
    options = [
        "--image",
        "registry.example.com:5000/o/otelhouse:1.2",
        "--cluster-name",
        "prod",
        "--collectors",
        "--agents",
    ]
    cluster.install(*options, "--set", "serve.replicas=3", "--values", "a.yaml", "--clickhouse-url", "http://ch/")

    (call,) = [call for call in cluster.calls if call.startswith("helm upgrade")]
    assert f"upgrade --install otelhouse {CHART} --namespace otelhouse --reset-values" in call
    for words in (
        "image.repository=registry.example.com:5000/o/otelhouse",
        "image.tag=1.2",
        "clickhouse.url=http://ch/",
        "collectors.clusterName=prod",
        "collectors.node.enabled=true",
        "kagent.enabled=true",
        "canary.tokenSecret.name=otelhouse-canary",
        "--set serve.replicas=3",
        "--values a.yaml",
    ):
        assert words in call


MISSING = ["get secret otelhouse-tokens$", 1, ""]


def test_secrets_are_made_and_never_in_an_argument(cluster):
    cluster.has_otelhouse()
    done = cluster.install("--cluster-name", "prod", answers=[MISSING, ["get secret otelhouse-clickhouse", 1, ""]])

    assert done.returncode == 0, done.stderr
    made = [call for call in cluster.calls if "create secret" in call]
    assert len(made) == 6
    assert "otelhouse-canary --from-file=ingest=/dev/fd/" in "".join(made)
    assert "made Secrets otelhouse-tokens, -admin, -collector, -agents and -canary" in done.stderr
    assert not re.search(r"oh[ir]_|--from-literal", "".join(cluster.calls))
    assert "otelhouse-tokens" in made[-1], "the last, so that a run that was cut off makes all of them anew"


@pytest.mark.parametrize(
    ("answer", "phase", "why", "mend"),
    [
        (["^helm version", 0, "v3.13.2"], "prerequisites", "helm v3.13.2 is too old", "install Helm 3.14 or newer"),
        (
            ["--raw /version", 1, "no route to host"],
            "prerequisites",
            "does not answer: no route to host",
            "current-context",
        ),
        (["--raw /version", 0, '{"minor": "29"}'], "prerequisites", "runs Kubernetes 1.29", "upgrade it to 1.30"),
        (["--raw /version", 0, "<html>"], "prerequisites", "does not say its version", "means a Kubernetes API server"),
        (
            ["auth can-i create clusterroles", 1, ""],
            "prerequisites",
            "may not create clusterroles",
            "cluster administrator",
        ),
        (MISSING, "secrets", "no tokens could be made", "install otelhouse here"),
        (["^helm upgrade", 1, "Error: bad"], "chart", "helm refused", "change the values that it names"),
        (["wait --for", 1, ""], "tables", "the tables were not made within 600 s", "give it longer with --timeout"),
        (
            ["rollout status deployment", 1, ""],
            "roles",
            "deployment.apps/otelhouse-serve is not ready",
            "describe pods",
        ),
        (
            ["get endpointslices .*=otelhouse-mcp", 0, "false false"],
            "doors",
            "the Service otelhouse-mcp leads to no pod that is ready",
            "get endpointslices",
        ),
    ],
)
def test_it_stops_with_the_mend(cluster, answer, phase, why, mend):
    done = cluster.install(*(["--timeout", "1"] if phase == "doors" else []), answers=[answer])

    assert done.returncode == 1
    assert f"stopped in phase '{phase}': " in done.stderr
    assert why in done.stderr
    assert mend in done.stderr.partition("To mend it: ")[2]


def test_a_role_that_is_off_or_has_no_replicas_has_no_door_to_look_at(cluster):
    without = [
        ["--field-selector metadata.name=otelhouse-ingest", 0, "0"],
        ["--field-selector metadata.name=otelhouse-mcp", 0, ""],
    ]
    done = cluster.install(answers=[*without, ["get endpointslices .*=otelhouse-(ingest|mcp)", 0, ""]])

    assert done.returncode == 0, done.stderr
    assert phases(done) == PHASES


NO_CANARY = ["get secret otelhouse-canary", 1, ""]


def test_where_the_tokens_were_made_without_one_it_goes_on_and_says_what_adds_a_canary(cluster):
    done = cluster.install(answers=[NO_CANARY, ["get cronjob otelhouse-canary", 1, ""]])

    assert done.returncode == 0, done.stderr
    assert phases(done) == PHASES
    assert "WARNING: there is no Secret otelhouse-canary" in done.stderr
    assert "canary.tokenSecret" not in "".join(cluster.calls), "its pod would wait for the Secret for ever"
    assert "The canary sends" not in done.stderr


@pytest.mark.parametrize(
    ("state", "mend"),
    [
        ("Pending ImagePullBackOff", "push the image where the nodes can fetch it"),
        ("Pending CreateContainerConfigError", "make the Secret or the key"),
        ("Running CrashLoopBackOff", "it names the mend"),
        ("Pending ", "is there a default StorageClass"),
    ],
)
def test_it_knows_why_pods_do_not_run(cluster, state, mend):
    done = cluster.install(answers=[["rollout status", 1, ""], ["get pods", 0, f"otelhouse-ingest-0 {state}\n"]])

    assert "otelhouse-ingest-0" in done.stderr
    assert mend in done.stderr.partition("To mend it: ")[2]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--imge", "a:1"], "there is no option --imge"),
        (["--image"], "--image needs a value"),
        (["--image", "otelhouse"], "--image needs a tag"),
        (["--image", "otelhouse:latest"], "--image :latest is refused"),
        (["--timeout", "soon"], "--timeout must be a number"),
    ],
)
def test_a_wrong_option_changes_nothing(cluster, options, why):
    done = cluster.install(*options)

    assert done.returncode == 2
    assert why in done.stderr
    assert not cluster.calls


def test_a_clickhouse_of_ones_own_needs_its_password_first(cluster):
    done = cluster.install("--clickhouse-url", "http://ch/", answers=[["get secret otelhouse-clickhouse", 1, ""]])

    assert "there is no password for the ClickHouse of yours" in done.stderr
    assert "create secret generic otelhouse-clickhouse" in done.stderr


def test_agents_need_kagent(cluster):
    done = cluster.install("--agents", answers=[["get crd agents.kagent.dev", 1, ""]])

    assert "kagent is not installed" in done.stderr


def test_without_otelhouse_here_a_pod_makes_the_tokens(cluster):
    made = (
        "".join(
            f"minted {name} oh_{name}\n" for name in ("collector", "agents", "admin", "canary-ingest", "canary-read")
        )
        + "minted file dG9rZW5zOiBbXQ==\n"
    )
    done = cluster.install("--image", "r/otelhouse:1", answers=[MISSING, ["run otelhouse-mint", 0, made]])

    assert done.returncode == 0, done.stderr
    (call,) = [call for call in "\n".join(cluster.calls).split("kubectl ") if "run otelhouse-mint" in call]
    overrides = json.loads(re.search(r"--overrides (\{.*\})", call, re.DOTALL)[1])
    (container,) = overrides["spec"]["containers"]
    assert container["image"] == "r/otelhouse:1"
    assert container["securityContext"]["runAsNonRoot"] is True
    assert "otelhouse token create collector" in container["command"][2]


def test_shellcheck_has_nothing_to_say():
    shellcheck = Path(sys.executable).with_name("shellcheck")  # from requirements/dev.txt
    command = [str(shellcheck), "--severity=style", str(SCRIPT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout
