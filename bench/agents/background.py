"""A healthy cluster with its usual noise, in which a cause has to be found.

In: a scene. Out: in its telemetry, requests and their logs, gauges of kubelet and of the cluster, and what no cluster
is without: warnings that have been there for ages, a probe that once was late, a job that had to wait for a place,
customers whose cards are declined, rows that are skipped.
"""

from bench.agents import traffic
from bench.agents.cluster import MEBIBYTE, NODES, Pod
from bench.agents.kubernetes_events import Subject
from bench.agents.scene import START, Scene, Work
from bench.agents.telemetry import ERROR, INFO, WARN

EVERY = 2.0
"""Minutes between two points of a series."""


def tell(scene: Scene) -> None:
    """Everything that the cluster sends, the incident's changes included."""
    _usual_failures(scene)
    traffic.tell(scene)
    _logs(scene)
    _warnings(scene)
    _jobs(scene)
    _gauges(scene)


def _usual_failures(scene: Scene) -> None:
    """Some searches fail every day, whatever else goes on."""
    before = scene.spoils.get("search")

    def spoil(work: Work, at: float) -> None:
        if scene.telemetry.draw.random() < 0.03:
            work.failure = "query too broad: 10000 clauses"
        if before:
            before(work, at)

    scene.spoils["search"] = spoil


def _logs(scene: Scene) -> None:
    draw, telemetry = scene.telemetry.draw, scene.telemetry
    lines = (
        ("payment", 0.35, ERROR, "charge {n} declined by issuer: insufficient funds"),
        ("report-builder", 0.5, ERROR, "row {n} skipped: malformed amount"),
        ("report-builder", 1.0, INFO, "report {n} built"),
        ("ingress-nginx", 4.0, INFO, '10.2.0.{n} - "GET / HTTP/2.0" 200 612'),
        ("ingress-nginx", 0.2, WARN, "upstream response of {n} bytes is buffered to a temporary file"),
        ("orders-db", 1.0, INFO, "checkpoint complete: wrote {n} buffers"),
        ("otel-gateway", 0.5, INFO, "exported {n} items"),
        ("otel-gateway", 0.1, WARN, "Exporting failed. Will retry the request after interval. attempt {n}"),
        ("cart", 0.15, ERROR, "session {n} not found, began a new one"),
    )
    for service, a_minute, severity, line in lines:
        for minute in range(int(START)):
            for _ in range(int(a_minute) + (draw.random() < a_minute % 1)):
                at = minute + draw.random()
                if pods := scene.serving(service, at):
                    telemetry.log(draw.choice(pods), at, severity, line.format(n=draw.randrange(10**5)))


def _warnings(scene: Scene) -> None:
    """As old as the cluster, or over at once: nothing of it is anybody's incident."""
    ingress, search = scene.pods["ingress-nginx"][0], scene.pods["search"][0]
    steady = [minute + 0.5 for minute in range(int(START), 0, -10)]
    limits = (
        "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.0.0.2"
    )
    scene.warn(ingress, steady, "DNSConfigForming", limits)
    scaler = Subject("HorizontalPodAutoscaler", "search", "shop", "uid-of-scaler", api_version="autoscaling/v2")
    scene.events.tell(
        scaler, [minute - 3.0 for minute in steady[:-1]], "FailedGetResourceMetric",
        "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned",
        component="horizontal-pod-autoscaler",
    )  # fmt: skip
    probe = 'Readiness probe failed: Get "http://10.2.0.17:8080/ready": context deadline exceeded'
    for at in (97.0, 71.0, 34.0, 6.0):
        scene.warn(search, [at], "Unhealthy", probe)


def _jobs(scene: Scene) -> None:
    """A job every ten minutes; now and then it waits for a place."""
    for number, at in enumerate(range(int(START), 0, -10)):
        name = f"nightly-totals-2938{4100 + number}-{scene.names.ending(5)}"
        job = Subject("Pod", name, "analytics", scene.names.uid(), "node-2", "spec.containers{totals}")
        if number % 4 == 3:
            message = "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available"
            scene.events.tell(job, [at + 0.4], "FailedScheduling", message, component="default-scheduler")
        image = "registry.example.com/analytics/totals:3.3.1"
        for later, reason, message, component in (
            (0.0, "Scheduled", f"Successfully assigned analytics/{name} to node-2", "default-scheduler"),
            (0.1, "Pulled", f'Container image "{image}" already present on machine', "kubelet"),
            (0.2, "Started", "Started container totals", "kubelet"),
        ):  # fmt: skip
            scene.events.tell(job, [at - later], reason, message, warning=False, component=component)


def _gauges(scene: Scene) -> None:
    for step in range(int(START / EVERY)):
        at = START - step * EVERY - 0.2
        for workload in scene.pods:
            alive = scene.alive(workload, at)
            for pod in alive:
                _pod_gauges(scene, pod, at)
            _deployment_gauges(scene, alive, at)
        for node in NODES:
            resource = {**scene.telemetry.of_cluster(), "k8s.node.name": node}
            scene.telemetry.gauge(resource, "k8s.node.condition_ready", "", at, 1)


def _pod_gauges(scene: Scene, pod: Pod, at: float) -> None:
    telemetry, workload, resource = scene.telemetry, pod.workload, scene.telemetry.of_container(pod)
    of_pod = {name: value for name, value in resource.items() if name != "k8s.container.name"}
    is_pending = pod.name in scene.pending and at > scene.pending[pod.name]
    telemetry.gauge(of_pod, "k8s.pod.phase", "", at, 1 if is_pending else 2)
    telemetry.gauge(resource, "k8s.container.ready", "", at, 0 if scene.is_unready(pod, at) else 1)
    began = sum(time >= at for time in scene.restarts.get(pod.name, ()))
    telemetry.gauge(resource, "k8s.container.restarts", "{restart}", at, began)
    if workload.limit:
        telemetry.gauge(resource, "k8s.container.memory_limit", "By", at, workload.limit)
    if not is_pending:
        usual = workload.memory + telemetry.draw.randrange(24) * MEBIBYTE
        used = scene.memory[pod.name](at) if pod.name in scene.memory else usual
        telemetry.gauge(resource, "container.memory.working_set", "By", at, used)
        telemetry.counter(resource, "container.cpu.time", "s", at, (START - at) * (2 + len(workload.name) % 5))


def _deployment_gauges(scene: Scene, alive: list[Pod], at: float) -> None:
    if not alive or alive[0].workload.stateful:
        return
    workload = alive[0].workload
    resource = {
        **scene.telemetry.of_cluster(),
        "k8s.namespace.name": workload.namespace,
        "k8s.deployment.name": workload.name,
    }
    available = min(workload.replicas, sum(not scene.is_unready(pod, at) for pod in alive))
    scene.telemetry.gauge(resource, "k8s.deployment.desired", "{pod}", at, workload.replicas)
    scene.telemetry.gauge(resource, "k8s.deployment.available", "{pod}", at, available)
