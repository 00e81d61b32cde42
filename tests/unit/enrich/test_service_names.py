"""Which service a pod's telemetry is of, where its sender did not say: logs that a Collector reads from files."""

import pytest
from asked_source import AskedSource
from enriched_requests import House
from kubernetes_made import made, pod, shop, uid

ANNOTATION = "resource.opentelemetry.io/service.name"
INSTANCE, NAME = "app.kubernetes.io/instance", "app.kubernetes.io/name"
FILE_LOG = {
    "k8s.pod.uid": uid(1),
    "k8s.pod.name": "shop-7d9f-abcde",
    "k8s.namespace.name": "shop",
    "k8s.container.name": "app",
}
"""What the filelog receiver makes of a file's path."""


def house_of(*objects, **settings):
    house = House({"pod": settings})
    house.put(*objects)
    return house


def labelled(**given):
    *owners, plain = shop(labels=given.pop("labels", {}))
    return [*owners, pod(plain.name, 1, *plain.owners, labels=plain.labels, **given)]


@pytest.mark.parametrize(
    ("objects", "service", "source"),
    [
        (labelled(annotations={ANNOTATION: "till"}, labels={INSTANCE: "shop-eu"}), "till", "annotation"),
        (labelled(labels={INSTANCE: "shop-eu", NAME: "shop-app"}), "shop-eu", "instance_label"),
        (labelled(labels={NAME: "shop-app"}), "shop-app", "name_label"),
        (labelled(), "shop", "workload"),
        ([pod()], "shop-7d9f-abcde", "pod"),
    ],
    ids=["annotation", "instance", "name", "workload", "pod"],
)
def test_logs_of_a_pod_get_the_first_name_that_there_is(objects, service, source):
    house = house_of(*objects)

    assert house.resource(FILE_LOG)["service.name"] == service
    assert house.counted("found", what="service", source=source) == 1


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "Job", "ReplicaSet"])
def test_a_workload_that_nobody_owns_names_the_service(kind):
    owner = made(kind, "db", 2)

    assert house_of(owner, pod("db-0", 1, owner)).resource({"k8s.pod.uid": uid(1)})["service.name"] == "db"


def test_the_runs_of_a_cron_job_are_one_service():
    cron = made("CronJob", "nightly", 3)
    job = made("Job", "nightly-28", 2, cron)
    house = house_of(cron, job, pod("nightly-28-x", 1, job))

    assert house.resource({"k8s.pod.uid": uid(1)})["service.name"] == "nightly"


@pytest.mark.parametrize("nothing", ["", "unknown_service", "unknown_service:java"])
def test_what_sdks_say_that_were_told_no_name_is_none(nothing):
    assert house_of(*shop()).resource({**FILE_LOG, "service.name": nothing})["service.name"] == "shop"


@pytest.mark.parametrize("own", ["checkout", "unknown_services", "unknown"])
def test_a_name_that_the_sender_gave_stays_and_is_not_counted(own):
    house = house_of(*labelled(annotations={ANNOTATION: "till"}))

    assert house.resource({**FILE_LOG, "service.name": own})["service.name"] == own
    assert house.counted("found", what="service", source="annotation") == 0


def test_what_the_sender_says_of_the_pod_counts_before_what_is_known():
    house = house_of(*labelled(labels={INSTANCE: "shop-eu"}))

    assert house.resource({**FILE_LOG, f"k8s.pod.label.{INSTANCE}": "mine"})["service.name"] == "mine"
    assert house.resource({**FILE_LOG, f"k8s.pod.annotations.{ANNOTATION}": "said"})["service.name"] == "said"


def test_of_a_pod_that_is_not_known_the_senders_own_workload_names_the_service():
    house = house_of()

    assert house.resource({**FILE_LOG, "k8s.deployment.name": "shop"})["service.name"] == "shop"
    assert "service.name" not in house.resource(FILE_LOG)
    assert house.counted("unknown", what="service", reason="not_asked") == 1


def test_a_replica_set_of_which_nobody_knows_the_deployment_names_no_service():
    *_, plain = shop()
    house = house_of(plain)

    said = house.resource(FILE_LOG)

    assert said["k8s.replicaset.name"] == "shop-7d9f"
    assert "service.name" not in said
    assert house.counted("unknown", what="service", reason="not_asked") == 1


def test_an_owner_that_is_looked_up_in_time_names_the_service():
    *owners, plain = shop()
    house = House({"patience_ms": 5000}, source=AskedSource(*owners))
    house.put(plain)

    assert house.resource(FILE_LOG)["service.name"] == "shop"


def test_a_rollout_of_the_same_pod_name_is_noticed_when_its_label_changes():
    house = house_of(*labelled(labels={INSTANCE: "before"}))
    first = house.resource(FILE_LOG)["service.name"]
    house.put(*labelled(labels={INSTANCE: "after"}))

    assert (first, house.resource(FILE_LOG)["service.name"]) == ("before", "after")


def test_labels_count_only_where_that_is_wanted_and_nothing_where_nothing_is():
    objects = labelled(annotations={ANNOTATION: "till"}, labels={INSTANCE: "shop-eu"})
    without = labelled(labels={INSTANCE: "shop-eu"})

    assert house_of(*without, service_name="workload").resource(FILE_LOG)["service.name"] == "shop"
    assert house_of(*objects, service_name="workload").resource(FILE_LOG)["service.name"] == "till"
    assert "service.name" not in house_of(*objects, service_name="none").resource(FILE_LOG)


def test_labels_that_are_not_written_are_read_all_the_same():
    said = house_of(*labelled(labels={INSTANCE: "shop-eu"}), labels=[]).resource(FILE_LOG)

    assert said["service.name"] == "shop-eu"
    assert f"k8s.pod.labels.{INSTANCE}" not in said


def test_what_is_of_no_pod_gets_no_service_and_is_not_counted():
    house = house_of(*shop())

    assert "service.name" not in house.resource({"k8s.deployment.uid": uid(80), "k8s.deployment.name": "shop"})
    assert "service.name" not in house.resource({"host.name": "node-1"})
    assert house.counted("unknown", what="service", reason="no_object") == 0
