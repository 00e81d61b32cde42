"""What find_problems sets aside, what it explains, and where it sends an agent next. Now is 600 s past noon."""

import asyncio

import pytest
from answers import NOON, at, log, span
from mcp_window import opened

NOW = (NOON + 600) * 10**9
EAST = {"k8s.cluster.name": "east"}
SHOP = {**EAST, "k8s.namespace.name": "shop"}
HOUR = 3600


@pytest.fixture
def look(desk, question_tables):
    """Call find_problems; gives its problems and what it set aside, each by object."""

    def look(**arguments):
        async def ask():
            async with opened(desk, question_tables, now=lambda: NOW) as client:
                return await client.call("find_problems", **arguments)

        answer = asyncio.run(ask())
        assert answer["isError"] is False, answer
        tables = {one["title"]: one for one in answer["structuredContent"]["tables"]}
        return [_by_object(tables.get(title)) for title in ("problems, worst first", "set aside, and why")]

    return look


def _by_object(table):
    if table is None:
        return {}
    rows = [{**table.get("in_all_rows", {}), **dict(zip(table["columns"], row, strict=True))} for row in table["rows"]]
    return {row["object"]: row for row in rows}


def event(seconds, reason, message, name="api-7d9f8b6c5-x2x4z", **more):
    return {
        "EventTime": at(seconds), "FirstTime": at(seconds), "Namespace": "shop", "Kind": "Pod", "Name": name,
        "Reason": reason, "Type": "Warning", "Count": 1, "Message": message, "ClusterName": "east",
        "EventUid": f"{name}{reason}{message}{seconds}", **more,
    }  # fmt: skip


def gauge(metric, value, seconds, **resource):
    return {"MetricName": metric, "Value": value, "TimeUnix": at(seconds)[:19], "ResourceAttributes": resource}


def calls(service, callee, failed, total, hours_ago=0, **more):
    """Requests that a service serves and for which it calls another; some fail, and those of the callee too."""
    spans = []
    for n in range(total):
        mark, error = f"{service}{hours_ago}{n}", {"StatusCode": "Error"} if n < failed else {}
        begin = (500 - n * 5 - hours_ago * HOUR) * 1000
        common = {"TraceId": f"{abs(hash(mark)):032x}"[:32], "ResourceAttributes": SHOP, **error, **more}
        spans += [
            span(f"{mark}s", "", begin, SpanKind="Server", **common, ServiceName=service),
            span(f"{mark}c", f"{mark}s", begin, SpanKind="Client", **common, ServiceName=service),
            span(f"{mark}r", f"{mark}c", begin, SpanKind="Server", **common, ServiceName=callee),
        ]
    return spans


def test_who_fails_because_its_callee_fails_is_an_effect_of_it(look, put):
    put("otel_traces", [*calls("web", "bank", 0, 60, hours_ago=1), *calls("web", "bank", 40, 60)])

    problems, aside = look()

    assert list(problems) == ["Service bank"]
    assert aside["Service web"]["why"] == "effect of errors rise: Service bank"


def test_of_services_that_fail_by_each_other_one_stays_a_problem(look, put):
    for one, other, failed in (("web", "bank", 50), ("bank", "web", 40)):
        put("otel_traces", [*calls(one, other, 0, 60, hours_ago=1), *calls(one, other, failed, 60)])

    problems, aside = look()

    assert len(problems) == 1
    assert {*problems, *aside} == {"Service web", "Service bank"}


def test_a_crash_that_was_long_ago_explains_nothing_of_today(look, put):
    put("otel_traces", [*calls("api", "bank", 0, 60, hours_ago=1), *calls("api", "bank", 40, 60)])
    put("otel_k8s_events", [event(-2000 + n, "BackOff", "Back-off restarting failed container") for n in range(5)])

    problems, aside = look()

    assert set(problems) == {"Pod api", "Service bank"}
    assert aside["Service api"]["why"] == "effect of errors rise: Service bank"


def test_who_fails_by_itself_is_no_effect_of_a_callee_that_fails_less(look, put):
    put("otel_traces", [*calls("web", "bank", 0, 60, hours_ago=1), *calls("web", "bank", 20, 60)])
    put(
        "otel_traces",
        [
            span(f"own{n}", "", (400 - n) * 1000, SpanKind="Server", ServiceName="web", StatusCode="Error")
            for n in range(50)
        ],
    )

    problems, _ = look()

    assert set(problems) == {"Service bank", "Service web"}


def test_a_service_whose_pods_crash_is_an_effect_of_the_crash(look, put):
    put("otel_traces", [*calls("api", "bank", 0, 60, hours_ago=1), *calls("api", "bank", 40, 60)])
    put("otel_k8s_events", [event(210 + n, "BackOff", "Back-off restarting failed container") for n in range(5)])

    problems, aside = look()

    assert "Pod api" in problems
    assert aside["Service api"]["why"] == "effect of crash loop: Pod api"


@pytest.mark.parametrize(("killed_at", "is_later"), [(450, True), (120, False)])
def test_what_began_after_a_failure_did_not_cause_it(look, put, killed_at, is_later):
    put("otel_traces", [*calls("web", "api", 0, 40, hours_ago=1), *calls("web", "api", 40, 40)])  # from 305 s on
    put("otel_k8s_events", [event(killed_at, "OOMKilled", "Container api was killed")])
    said = {"ServiceName": "api", "SeverityNumber": 17, "ResourceAttributes": SHOP}
    put("otel_logs", [log(400 + n, "no connection within 5 s", **said) for n in range(5)])

    problems, aside = look()

    if is_later:
        assert list(problems) == ["Service api", "Pod api"]
        assert "began 12:07:30Z, after errors rise of Service api (12:05:2" in problems["Pod api"]["evidence"]
        assert "; in its log: no connection within 5 s" in problems["Service api"]["evidence"]
        assert aside["Service web"]["why"] == "effect of errors rise: Service api"
    else:
        assert list(problems) == ["Pod api"]
        assert aside["Service web"]["why"] == aside["Service api"]["why"] == "effect of out of memory: Pod api"
        assert aside["Service api"]["evidence"].startswith("in its log: no connection within 5 s; 40 of 40")


def test_a_pod_in_trouble_since_before_the_window_is_a_cause(look, put):
    put("otel_traces", [*calls("web", "api", 0, 40, hours_ago=1), *calls("web", "api", 40, 40)])
    old = {"FirstTime": at(-9000), "Count": 7}
    put("otel_k8s_events", [event(500, "BackOff", "Back-off restarting failed container", **old)])

    assert look()[1]["Service api"]["why"] == "effect of crash loop: Pod api"


def test_a_cause_outside_of_the_namespace_is_looked_for_there(look, put):
    bank = {**EAST, "k8s.namespace.name": "money"}
    for hours_ago, failed in ((1, 0), (0, 40)):
        spans = calls("web", "bank", failed, 60, hours_ago)
        put(
            "otel_traces",
            [{**one, "ResourceAttributes": bank} if one["ServiceName"] == "bank" else one for one in spans],
        )

    problems, _ = look(namespace="shop", cluster="east")

    assert list(problems) == ["Service web"]
    assert "its calls to bank: 40 of 60 fail" in problems["Service web"]["evidence"]
    assert problems["Service web"]["next"] == "find_problems cluster=east"


def test_failures_of_one_version_name_it_and_what_the_log_newly_says(look, put):
    old, new = ({**SHOP, "service.version": version} for version in ("1.0", "1.1"))
    put(
        "otel_traces",
        [
            span(f"{resource['service.version']}{begin}{n}", "", (begin - n) * 1000, SpanKind="Server",
                 ServiceName="web", ResourceAttributes=resource, StatusCode=status)
            for resource, begin, status in ((old, -3400, "Ok"), (old, 500, "Ok"), (new, 500, "Error"))
            for n in range(40)
        ],
    )  # fmt: skip
    put("otel_logs", [log(-3400 + n, "served", ServiceName="web") for n in range(20)])
    put(
        "otel_logs",
        [log(400 + n, "x509: certificate has expired", SeverityNumber=17, ServiceName="web") for n in range(9)],
    )

    problems, _ = look()

    found = problems["Service web"]
    assert "of version 1.1 40 of 40 fail, of other versions 0 of 40" in found["evidence"]
    assert found["problem"] == "certificate"
    assert "errors rise" in found["evidence"]


def test_what_the_logs_of_a_service_newly_say_is_not_told_of_logs_without_a_service(look, put):
    told = {"SeverityText": "ERROR", "ResourceAttributes": SHOP}
    put("otel_logs", [log(n, f"broken {n}", ServiceName="", **told) for n in range(400, 410)])
    put("otel_logs", [log(n, "x509: unknown authority", ServiceName="bank", **told) for n in range(400, 404)])

    problems, _ = look(cluster="east")

    nameless = problems["Service (unnamed)"]
    assert nameless["problem"] == "errors rise"
    assert nameless["next"] == "log_patterns min_severity=error cluster=east"
    assert "x509" not in nameless["evidence"]


def test_errors_that_chance_explains_are_no_problem(look, put):
    put("otel_traces", [*calls("web", "bank", 1, 60, hours_ago=1), *calls("web", "bank", 9, 60)])

    assert look() == [{}, {}]


def test_the_slowest_of_a_chain_is_the_problem_and_its_database_is_named(look, put):
    spans = []
    for n in range(30):
        for begin, ms in ((-3400, 10), (400, 900)):
            mark = f"{begin}{n}"
            common = {"TraceId": f"{n:016x}{begin + 10**6:016x}", "ResourceAttributes": SHOP}
            spans += [
                span(f"a{mark}", "", begin * 1000, ms + 20, SpanKind="Server", ServiceName="web", **common),
                span(f"b{mark}", f"a{mark}", begin * 1000, ms + 10, SpanKind="Server", ServiceName="stock", **common),
                span(f"c{mark}", f"b{mark}", begin * 1000, ms, SpanKind="Client", ServiceName="stock", **common,
                     SpanAttributes={"db.system.name": "postgresql", "db.namespace": "items"}),
            ]  # fmt: skip
    put("otel_traces", spans)

    problems, aside = look()

    assert list(problems) == ["Service stock"]
    assert "its calls to postgresql/items: 0 of 30 fail" in problems["Service stock"]["evidence"]
    assert problems["Service stock"]["next"].startswith("find_traces service=stock min_duration_ms=")
    assert aside["Service web"]["why"] == "effect of slow: Service stock"


@pytest.mark.parametrize(("before", "is_problem"), [(9, False), (10, True)])
def test_a_service_went_silent_only_if_it_was_heard_often_enough(look, put, before, is_problem):
    put("otel_logs", [log(-3500 + n, ServiceName="web") for n in range(before)])
    put("otel_logs", [log(500, ServiceName="other")])

    assert ("Service web" in look()[0]) is is_problem


def test_a_few_slow_requests_of_few_are_no_slow_service(look, put):
    def served(begin, slow):
        return [
            span(f"{begin}{n}", "", (begin + n) * 1000, 900 if n < slow else 20, SpanKind="Server", ServiceName="web")
            for n in range(100)
        ]

    put("otel_traces", [*served(-3400, 4), *served(300, 7)])

    assert look() == [{}, {}]


def test_who_pushed_others_out_of_a_node_is_named_before_them(look, put):
    put("otel_k8s_events", [event(500, "Evicted", "The node was low on resource: memory.")])
    where = {**EAST, "k8s.node.name": "n1", "k8s.namespace.name": "batch", "k8s.container.name": "app"}
    put(
        "otel_metrics_gauge",
        [
            gauge("container.memory.working_set", size * 2.0**30, seconds, **where, **{"k8s.pod.name": "big-1"})
            for seconds, size in ((-600, 1), (500, 6))
        ],
    )

    problems, aside = look(namespace="shop")

    assert list(problems) == ["Pod big"]
    assert "grew by 5 GiB to 6 GiB on n1 (100% of all growth there), no limit" in problems["Pod big"]["evidence"]
    assert aside["Pod api"]["why"] == "effect of noisy neighbour: Pod big"


def test_who_fills_its_own_limit_or_a_disk_is_no_victim_of_a_neighbour(look, put):
    put("otel_k8s_events", [event(500, "Evicted", "The node was low on resource: ephemeral-storage.")])
    where = {**EAST, "k8s.node.name": "n1", "k8s.namespace.name": "batch", "k8s.container.name": "app"}
    sizes = (("container.memory.working_set", "big-1", 1), ("container.memory.working_set", "full-1", 0.95))
    put(
        "otel_metrics_gauge",
        [
            *(gauge(name, size * 2.0**30, -500, **where, **{"k8s.pod.name": pod}) for name, pod, size in sizes),
            gauge("container.memory.working_set", 9 * 2.0**30, 500, **where, **{"k8s.pod.name": "big-1"}),
            gauge("k8s.container.memory_limit", 2.0**30, 500, **where, **{"k8s.pod.name": "full-1"}),
        ],
    )

    problems, aside = look()

    assert set(problems) == {"Pod api", "Pod full"}
    assert aside == {}


DEPLOYMENT = {**SHOP, "k8s.deployment.name": "api"}


@pytest.mark.parametrize(("available", "is_problem"), [(2.0, False), (1.0, True)])
def test_a_rollout_that_went_through_explains_late_probes_and_one_that_did_not_does_not(
    look, put, available, is_problem
):
    put("otel_k8s_events", [event(200 + n, "Unhealthy", "Readiness probe failed") for n in range(6)])
    step = {"Kind": "Deployment", "Type": "Normal", "name": "api"}
    put(
        "otel_k8s_events",
        [event(240, "ScalingReplicaSet", "Scaled down replica set api-7d9f8b6c5 to 0 from 1", **step)],
    )
    put("otel_metrics_gauge", [gauge("k8s.deployment.desired", 2.0, 500, **DEPLOYMENT)])
    put("otel_metrics_gauge", [gauge("k8s.deployment.available", available, 500, **DEPLOYMENT)])

    problems, aside = look()

    assert ("Pod api" in problems) is is_problem
    if not is_problem:
        assert aside["Pod api"]["why"].startswith("rollout went through: 2 of 2 pods available")


def test_what_is_as_often_in_the_window_before_is_usual_unless_it_is_heavy(look, put):
    both = [(-4000, 6), (300, 6)]
    put(
        "otel_k8s_events",
        [event(begin + n, "Unhealthy", "probe failed", "a-1") for begin, m in both for n in range(m)],
    )
    put("otel_k8s_events", [event(begin + n, "OOMKilling", "killed", "b-1") for begin, m in both for n in range(m)])

    problems, aside = look()

    assert list(problems) == ["Pod b"]
    assert aside["Pod a"]["why"] == "usual: 6 in the window before"


def test_the_message_that_says_why_an_image_is_missing_is_shown(look, put):
    put(
        "otel_k8s_events",
        [
            event(300, "Failed", 'Failed to pull image "x:1": not found'),
            event(310, "Failed", "Error: ErrImagePull"),
            event(320, "Failed", "Error: ImagePullBackOff"),
        ],
    )

    assert look()[0]["Pod api"]["evidence"] == 'Failed: Failed to pull image "x:1": not found'


def test_another_cluster_that_went_silent_is_not_told_to_who_asked_for_one(look, put):
    west = {"k8s.cluster.name": "west"}
    put("otel_logs", [log(-1000, ResourceAttributes=west), log(595, ResourceAttributes=EAST)])

    assert look(cluster="east")[0] == {}
    assert look(cluster="west")[0]["Cluster west"]["next"] == "freshness cluster=west"


def test_a_next_call_keeps_to_the_cluster(look, put):
    put("otel_k8s_events", [event(500 + n, "BackOff", "Back-off restarting failed container") for n in range(5)])

    assert look(cluster="east")[0]["Pod api"]["next"] == "get_pod_errors namespace=shop pod_name=api cluster=east"


@pytest.mark.parametrize(
    ("reason", "message", "problem"),
    [
        ("FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.", "cannot be scheduled"),
        ("Failed", "x509: certificate has expired", "certificate"),
        ("BackoffLimitExceeded", "Job has reached the specified backoff limit", "job failed"),
    ],
)
def test_what_is_broken_is_never_usual_however_long_it_goes_on(look, put, reason, message, problem):
    put("otel_k8s_events", [event(590 - 300 * n, reason, message) for n in range(24)])

    problems, aside = look()

    assert problems["Pod api"]["problem"] == problem
    assert "for longer than the window: 12 in the window before" in problems["Pod api"]["evidence"]
    assert aside == {}


def test_an_outage_that_is_older_than_both_windows_is_a_problem(look, put):
    put("otel_traces", [*calls("web", "bank", 60, 60, hours_ago=1), *calls("web", "bank", 60, 60)])

    problems, aside = look()

    assert problems["Service bank"]["problem"] == "requests fail"
    assert "60 of 60 requests fail, before 60 of 60: for longer than" in problems["Service bank"]["evidence"]
    assert aside["Service web"]["why"] == "effect of requests fail: Service bank"


def test_a_share_of_failures_that_has_always_been_low_is_no_problem(look, put):
    put("otel_traces", [*calls("web", "bank", 10, 60, hours_ago=1), *calls("web", "bank", 10, 60)])

    assert look() == [{}, {}]


@pytest.mark.parametrize(
    "elsewhere", [{"ClusterName": "west"}, {"Namespace": "lab"}, {"ClusterName": "west", "Namespace": "lab"}]
)
def test_a_pod_of_the_same_name_elsewhere_is_not_blamed(look, put, elsewhere):
    put("otel_traces", [*calls("web", "api", 0, 60, hours_ago=1), *calls("web", "api", 40, 60)])
    put(
        "otel_k8s_events",
        [event(500 + n, "BackOff", "Back-off restarting failed container", **elsewhere) for n in range(5)],
    )

    problems, aside = look()

    assert set(problems) == {"Pod api", "Service api"}
    assert "perhaps" not in problems["Service api"]["evidence"]
    assert aside["Service web"]["why"] == "effect of errors rise: Service api"


def test_a_pod_that_may_be_that_of_a_service_is_a_hint_and_sets_nothing_aside(look, put):
    nowhere = {"ResourceAttributes": {}}
    put(
        "otel_traces",
        [
            *calls("web", "api", 0, 60, hours_ago=1, **nowhere),
            *({**one, **nowhere} for one in calls("web", "api", 40, 60)),
        ],
    )
    put("otel_k8s_events", [event(210 + n, "BackOff", "Back-off restarting failed container") for n in range(5)])

    problems, _ = look()

    assert "perhaps by crash loop of Pod api in namespace shop, cluster east" in problems["Service api"]["evidence"]


def test_who_grows_in_another_cluster_pushed_nobody_out_here(look, put):
    put("otel_k8s_events", [event(500, "Evicted", "The node was low on resource: memory.")])
    where = {
        "k8s.cluster.name": "west", "k8s.node.name": "n1", "k8s.namespace.name": "batch", "k8s.container.name": "app",
        "k8s.pod.name": "big-1",
    }  # fmt: skip
    put(
        "otel_metrics_gauge",
        [gauge("container.memory.working_set", size * 2.0**30, at, **where) for at, size in ((-600, 1), (500, 6))],
    )

    assert "Pod api" in look()[0]


@pytest.mark.parametrize("cluster", ["", "east"])
def test_a_single_kill_is_seen_among_more_warnings_than_are_looked_at(desk, question_tables, put, cluster):
    put("otel_k8s_events", [event(500, "Unhealthy", "probe failed", f"w{n}", Count=5) for n in range(1100)])
    put("otel_k8s_events", [event(500, "OOMKilling", "killed", "checkout-7d9f8b6c5-x2x4z")])

    async def ask():
        async with opened(desk, question_tables, now=lambda: NOW) as client:
            return await client.call("find_problems", **({"cluster": cluster} if cluster else {}))

    text = asyncio.run(ask())["content"][0]["text"]

    assert "Pod checkout" in text
    assert "warning_summary has more rows than were looked at" in text


def test_no_problem_is_not_said_where_not_everything_was_looked_at(desk, question_tables, put):
    put("otel_k8s_events", [event(-500 - n, "DNSConfigForming", "limits", f"w{n}") for n in range(1100)])

    async def ask():
        async with opened(desk, question_tables, now=lambda: NOW) as client:
            return await client.call("find_problems")

    assert "that is no health" in asyncio.run(ask())["content"][0]["text"].partition("<data")[0]


def test_a_cluster_that_stopped_is_seen_among_many(look, put):
    put("otel_logs", [log(595, ResourceAttributes={"k8s.cluster.name": f"c{n:03}"}) for n in range(130)])
    put("otel_logs", [log(-1000, ResourceAttributes={"k8s.cluster.name": "zz"})])

    assert look()[0]["Cluster zz"]["problem"] == "telemetry stopped"
