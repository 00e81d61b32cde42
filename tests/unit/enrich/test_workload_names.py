"""What is written of a pod: workloads by who owns it, never by cutting its name."""

import dataclasses

import pytest
from kubernetes_made import made, owned_by, pod, shop

from enrich.directory import Directory
from enrich.objects import Owner
from enrich.workload import Workloads


def described(known, *others, labels=(), annotations=(), container=""):
    directory = Directory()
    for one in others:
        directory.put(one)
    said = Workloads(directory, labels, annotations).describe(known, container)
    return {key.decode(): text.decode() for key, text in said.additions}, said.missing


def test_a_pod_of_a_deployment_says_all_its_names():
    *owners, plain = shop()
    assert described(plain, *owners, container="app") == (
        {
            "k8s.pod.name": "shop-7d9f-abcde",
            "k8s.pod.uid": plain.uid,
            "k8s.namespace.name": "shop",
            "k8s.node.name": "node-1",
            "k8s.container.name": "app",
            "k8s.replicaset.name": "shop-7d9f",
            "k8s.deployment.name": "shop",
        },
        (),
    )


@pytest.mark.parametrize(
    ("kind", "key"),
    [("StatefulSet", "k8s.statefulset.name"), ("DaemonSet", "k8s.daemonset.name"), ("Job", "k8s.job.name")],
)
def test_each_workload_has_its_own_attribute(kind, key):
    owner = made(kind, "db", 2)
    said, missing = described(pod("db-0", 1, owner), owner)
    assert said[key] == "db"
    assert missing == ()


def test_a_pod_of_a_cron_job_says_job_and_cron_job():
    cron = made("CronJob", "nightly", 3)
    job = made("Job", "nightly-28", 2, cron)
    said, _ = described(pod("nightly-28-x", 1, job), job, cron)
    assert (said["k8s.job.name"], said["k8s.cronjob.name"]) == ("nightly-28", "nightly")


def test_a_name_that_looks_like_a_deployments_makes_no_deployment():
    said, _ = described(pod("shop-7d9f8b6c5-abcde", 1))
    assert not [key for key in said if "deployment" in key or "replicaset" in key]


def test_an_owner_that_does_not_manage_the_pod_is_not_its_workload():
    said, _ = described(pod("p", 1, owned_by(made("ReplicaSet", "other", 2), controller=False)))
    assert "k8s.replicaset.name" not in said


def test_an_unknown_replica_set_is_named_from_the_pod_and_the_deployment_above_it_is_missing():
    _, _, replica_set, plain = shop()
    said, missing = described(plain)
    assert said["k8s.replicaset.name"] == "shop-7d9f"
    assert "k8s.deployment.name" not in said
    assert [one.uid for one in missing] == [replica_set.uid]


def test_an_unknown_daemon_set_is_not_worth_asking_for():
    said, missing = described(pod("p", 1, Owner("u", "apps", "DaemonSet", "agent", controller=True)))
    assert said["k8s.daemonset.name"] == "agent"
    assert missing == ()


def test_a_replica_set_of_something_else_makes_no_deployment():
    rollout = dataclasses.replace(made("Deployment", "shop", 3), group="argoproj.io", kind="Rollout")
    replica_set = made("ReplicaSet", "shop-1", 2, rollout)
    said, _ = described(pod("p", 1, replica_set), replica_set, rollout)
    assert "k8s.deployment.name" not in said


def test_only_chosen_labels_and_annotations_are_written():
    kept = pod(labels={"app": "shop", "secret": "x"}, annotations={"team": "red", "other": "y"})
    said, _ = described(kept, labels=("app", "absent"), annotations=("team",))
    assert said["k8s.pod.labels.app"] == "shop"
    assert said["k8s.pod.annotations.team"] == "red"
    assert not [key for key in said if "secret" in key or "other" in key or "absent" in key]
