"""From a cluster to an agent and back, with the real parts: a crash loop, a rolling update that is no fault, a failed
Helm release, agents' window down, and two faults at once.

The API server, the Collectors, ClickHouse, the house, Helm and the client that asks are real. What controllers, a
kubelet and a container runtime would do is done by `acting_cluster`, through the API server.
"""

import signal
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter

import pytest
from acting_cluster import second
from failing_release import Release
from foreign_senders import LONG_INSTALL_SECONDS
from running_house import ON_SERVER, WAIT
from scenario_stage import CLUSTER, OF_THE_CLUSTER, Agent, Stage, next_second, until
from way_through import Way, told_resolved, told_to_persist, verdict, verify

# The first of them may have to build the Collector, the API server or Helm.
pytestmark = [pytest.mark.go, pytest.mark.kubernetes, ON_SERVER, pytest.mark.timeout(LONG_INSTALL_SECONDS + 300)]

NO_DATABASE = "FATAL cannot reach orders-db:5432: connection refused"
NO_KEY = "FATAL API_KEY is not set"
BAD_FILE = "panic: worker.toml line 7: expected a number"


@pytest.fixture(scope="module")
def stage(database, tmp_path_factory):
    stage = Stage(database, tmp_path_factory.mktemp("stage"))
    try:
        yield stage.open()
    finally:
        stage.close()


@pytest.fixture(scope="module")
def way(stage):
    return Way(stage, stage.database.database, stage.house, stage.stream)


def new_composition():
    return str(uuid.uuid4())


def crash_loop(cluster, version, last_words, *, exit_code=1):
    """Its pods have been crashing for two and a half minutes, and go on; gives the events, one for each pod."""
    began = time.time() - 150
    for pod in version.pods:
        cluster.crashes(pod, exit_code=exit_code, last_words=[last_words], count=16, began=began)
        cluster.crashes_again(pod, exit_code=exit_code, last_words=[last_words], times=4)
    return version.events


def found(problems):
    return [(one["problem"], one["object"], one["count"]) for one in problems]


def test_a_crash_loop_goes_all_the_way_to_an_agent_and_its_end_is_told(stage, way):
    cluster, composition = stage.enter("full-loop"), new_composition()
    checkout = cluster.deploy("checkout", "shop/checkout:1.4.2", replicas=3, composition=composition)
    broken = checkout.rolls_out("shop/checkout:1.4.2", 3)
    events = crash_loop(cluster, broken, NO_DATABASE)

    way.has_warnings(events, composition)
    for pod in broken.pods:
        way.knows_workload(pod, "checkout", composition)
        way.has_log(pod, [NO_DATABASE] * 2, "checkout", composition)
    an_agent_finds_the_crash_loop(stage.agent, cluster.namespace, broken, composition)

    about = {"namespace": cluster.namespace, "pod_name": "checkout"}
    restarted_at = next_second()  # which mends nothing
    for pod in broken.pods:
        cluster.crashes_again(pod, exit_code=1, last_words=[NO_DATABASE])
    told_to_persist(stage.agent, restarted_at, **about)

    mended_at = next_second()
    mended = checkout.becomes("shop/checkout:1.4.3", 3)
    told_resolved(stage.agent, mended_at, **about)
    # Nothing bad of the new pods, and nobody measured their memory: that is not known to be well.
    health = stage.agent.call("check_pod_health", namespace=cluster.namespace, pod_name=mended.name)
    assert health.structured["health"] == "unknown", health.text


def an_agent_finds_the_crash_loop(agent, namespace, broken, composition):
    told, problems = agent.problems(namespace)
    # The logs came without a service.name; the house named it after the Deployment.
    assert found(problems) == [("crash loop", "Pod checkout", "60"), ("errors rise", "Service checkout", "6")], (
        told.text
    )
    assert problems[0]["next"] == f"get_pod_errors namespace={namespace} pod_name=checkout cluster={CLUSTER}"
    assert NO_DATABASE in agent.call("get_pod_errors", namespace=namespace, pod_name="checkout").text
    listed = agent.call("get_composition_events", composition_id=composition).rows()
    assert {row["name"] for row in listed if row["reason"] == "BackOff"} == {pod.name for pod in broken.pods}
    assert agent.call("check_pod_health", namespace=namespace, pod_name="checkout").structured["health"] == "bad"


def a_healthy_web(stage, scenario):
    cluster, composition = stage.enter(scenario), new_composition()
    web = cluster.deploy("web", "nginx:1.25", replicas=2, composition=composition)
    return cluster, web, web.becomes("nginx:1.25", 2), composition


def rollouts(stage, namespace):
    return [row["state"] for row in stage.agent.call("rollouts", namespace=namespace, since="10m").rows()]


def test_pods_that_come_and_go_in_a_rolling_update_are_nothing_wrong(stage, way):
    cluster, web, old, composition = a_healthy_web(stage, "false-positive")
    began = next_second()
    new = web.rolls_over(old, "nginx:1.26")

    assert until(lambda: rollouts(stage, cluster.namespace) == ["done"]), rollouts(stage, cluster.namespace)
    rows = way.told(cluster.namespace)
    reasons = Counter(row[3] for row in rows)
    assert (reasons["Killing"], reasons["Scheduled"], reasons["Started"], reasons["ScalingReplicaSet"]) == (2, 4, 4, 5)
    assert {row[4:] for row in rows} == {("Normal", CLUSTER, stage.uid, composition)}
    assert stage.stream.until(lambda: stage.stream.told(composition)[new.pods[1].name, "Started", 1])
    assert {one["type"] for one in way.answered(composition)} == {"Normal"}

    told, problems = stage.agent.problems(cluster.namespace)
    assert (told.structured["problems"], problems) == (0, []), told.text
    assert "healthy" not in told.text.lower()
    changed = stage.agent.call("what_changed", since=second(began), composition=composition)
    named = {(row["change"], row["name"]) for row in changed.rows() if row["change"] != "looked_at"}
    assert named == {("image", "nginx:1.26"), ("rollout", "web")}, changed.text
    over = verify(stage.agent, began, namespace=cluster.namespace, pod_name="web")
    assert verdict(over) == "inconclusive", over.text


def test_a_probe_that_fails_while_pods_change_is_set_aside(stage, way):
    cluster, web, old, _ = a_healthy_web(stage, "probe")
    refused = 'Readiness probe failed: Get "http://10.0.0.7:80/": dial tcp 10.0.0.7:80: connect: connection refused'
    cluster.tell(old.pods[1].container, "Unhealthy", refused, warning=True)
    web.rolls_over(old, "nginx:1.26")
    assert until(lambda: rollouts(stage, cluster.namespace) == ["done"]), rollouts(stage, cluster.namespace)
    assert until(lambda: way.warnings(cluster.namespace)), stage.told()

    told, problems = stage.agent.problems(cluster.namespace)

    assert (told.structured["problems"], problems) == (0, []), told.text
    (aside,) = told.titled("set aside")
    assert (aside["problem"], aside["object"]) == ("probe fails", "Pod web")
    assert aside["why"].startswith("rollout went through: 2 of 2 pods available")


@pytest.mark.helm
def test_a_helm_release_that_cannot_pull_is_found_and_its_rollback_is_told_to_help(stage, way, tmp_path):
    cluster, composition = stage.enter("helm"), new_composition()
    release = Release(tmp_path, "site", cluster.namespace, stage.admin, composition)
    release.install("1.25")
    site = cluster.workload(release.workload)
    good = site.becomes(site.image(), 2)

    upgraded_at = next_second()
    release.upgrade("9.99-nowhere")
    broken = site.rolls_out(site.image(), 1)
    cluster.cannot_pull(broken.pods[0])

    way.has_warnings(broken.events, composition)
    an_agent_finds_the_image(stage.agent, cluster.namespace, release, upgraded_at, broken.pods[0], composition)

    rolled_back_at = next_second()
    release.roll_back(1)
    assert release.status() == ("deployed", 3)
    assert site.image() == good.image == "nginx:1.25"
    site.shrinks(broken)
    site.settled()
    told_resolved(stage.agent, rolled_back_at, namespace=cluster.namespace, pod_name=release.workload, before_minutes=2)


def an_agent_finds_the_image(agent, namespace, release, upgraded_at, pod, composition):
    told, problems = agent.problems(namespace)
    # Four events of one pod, told ten times each, one of them normal.
    assert found(problems) == [("image cannot be pulled", f"Pod {release.workload}", "40")], told.text
    assert "nginx:9.99-nowhere: not found" in problems[0]["evidence"]
    changed = agent.call("what_changed", since=second(upgraded_at), composition=composition)
    named = {(row["change"], row["name"]) for row in changed.rows()}
    assert named >= {
        ("image", "nginx:9.99-nowhere"), ("rollout", release.workload), ("new_warning", "Failed"),
        ("new_warning", "BackOff"),
    }, changed.text  # fmt: skip
    overview = agent.call("composition_overview", composition=composition)
    assert {row["name"] for row in overview.rows() if row["state"] == "bad"} >= {pod.name}, overview.text


def test_while_agents_have_no_window_events_come_and_are_answered_and_later_agents_see_all(stage):
    with stage.database_beside(f"{stage.database.database}_split") as database, stage.aside():
        ingest, serve, mcp = (stage.start_house(database, role) for role in ("ingest", "serve", "mcp"))
        stage.start_collector("deployment", ingest, *OF_THE_CLUSTER)
        way = Way(stage, database.database, serve, stage.watch(serve))
        cluster, composition = stage.enter("mcp-down"), new_composition()
        worker = cluster.deploy("worker", "shop/worker:2", replicas=1, composition=composition)
        version = worker.becomes("shop/worker:2", 1)
        window = Agent(mcp.address("MCP"))
        assert until(lambda: window.call("get_composition_events", composition_id=composition).rows()), stage.told()

        mcp.end(signal.SIGKILL)
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"{mcp.address('MCP')}/livez", timeout=WAIT)
        crashed_at = next_second()
        events = crash_loop(cluster, version, NO_DATABASE)
        way.has_warnings(events, composition)
        way.knows_workload(version.pods[0], "worker", composition)

        agent = Agent(stage.start_house(database, "mcp").address("MCP"))
        told, problems = agent.problems(cluster.namespace)
        assert found(problems) == [("crash loop", "Pod worker", "20")], told.text
        listed = agent.call("get_composition_events", composition_id=composition).rows()
        assert len(listed) == len({row[0] for row in way.told(cluster.namespace)})
        told_to_persist(agent, crashed_at, namespace=cluster.namespace, pod_name="worker")


def test_two_faults_at_once_are_told_apart(stage, way):
    one, other = stage.enter("one"), stage.enter("other")
    its_id, other_id = new_composition(), new_composition()
    only_one = stage.watch(stage.house, f"/notifications/?composition_id={its_id}")
    # The same names in both; the composition's label stands on the pods.
    its_worker = one.deploy("worker", "shop/worker:2", replicas=3, composition=its_id, on_pods=True)
    other_worker = other.deploy("worker", "shop/worker:2", replicas=2, composition=other_id, on_pods=True)
    its_version, other_version = its_worker.rolls_out("shop/worker:2", 3), other_worker.rolls_out("shop/worker:2", 2)
    its_events = crash_loop(one, its_version, NO_KEY, exit_code=1)
    other_events = crash_loop(other, other_version, BAD_FILE, exit_code=2)

    for events, pods, words, composition in (
        (its_events, its_version.pods, NO_KEY, its_id), (other_events, other_version.pods, BAD_FILE, other_id),
    ):  # fmt: skip
        way.has_warnings(events, composition)
        for pod in pods:
            way.has_log(pod, [words] * 2, "worker", composition)
    assert only_one.until(lambda: sum(n for told, n in only_one.told(its_id).items() if told[1] == "BackOff") >= 15)
    assert {topic for topic, _ in only_one.messages} == {its_id}
    assert {data["metadata"]["namespace"] for _, data in only_one.messages} == {one.namespace}
    an_agent_tells_them_apart(stage.agent, (one, its_id, NO_KEY, "60"), (other, other_id, BAD_FILE, "40"))

    # One is mended. Of the other nothing is heard, which is no mend; and then it goes on.
    mended_at = next_second()
    its_worker.becomes("shop/worker:3", 3)
    told_resolved(stage.agent, mended_at, namespace=one.namespace, pod_name="worker")
    silent = verify(stage.agent, mended_at, namespace=other.namespace, pod_name="worker")
    assert verdict(silent) == "inconclusive", silent.text
    assert "it may be gone, or its telemetry" in silent.text
    for pod in other_version.pods:
        other.crashes_again(pod, exit_code=2, last_words=[BAD_FILE])
    told_to_persist(stage.agent, mended_at, namespace=other.namespace, pod_name="worker")


def an_agent_tells_them_apart(agent, *faults):
    _, problems = agent.problems()
    of_whom = {row["namespace"]: found([row]) for row in problems}
    for (cluster, composition, words, count), (stranger, _, strange, _) in zip(faults, reversed(faults), strict=True):
        assert of_whom[cluster.namespace] == [("crash loop", "Pod worker", count)]
        errors = agent.call("get_pod_errors", namespace=cluster.namespace, pod_name="worker").text
        assert words in errors
        events = agent.call("get_composition_events", composition_id=composition).text
        for text in (errors, events, agent.problems(cluster.namespace)[0].text):
            assert cluster.namespace in text
            assert strange not in text
            assert stranger.namespace not in text
