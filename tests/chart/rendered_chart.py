"""The chart as Helm renders it, in Python's own types, and the few things that many tests ask of it."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench import helm_binary

CHART = Path(__file__).parents[2] / "helm" / "otelhouse"
CI = sorted((CHART / "ci").glob("*-values.yaml"))
RELEASE, NAMESPACE = "otelhouse", "observability"
SCENES = [file.name.removesuffix("-values.yaml") for file in CI]
"""One for each values file of `ci`, by its name."""

Manifest = Mapping[str, Any]


class RefusedError(Exception):
    """Helm says no; the message is what it said."""


@functools.cache
def rendered(scene: str) -> tuple[Manifest, ...]:
    """All objects of one of `SCENES`."""
    return template("--values", str(CHART / "ci" / f"{scene}-values.yaml"))


def template(*arguments: str, kubernetes: str = "1.36.3") -> tuple[Manifest, ...]:
    """All objects for these arguments of `helm template`. Raises `RefusedError`."""
    where = ["--namespace", NAMESPACE, "--kube-version", kubernetes]
    done = helm_binary.run("template", RELEASE, CHART, *where, *arguments)
    if done.returncode:
        raise RefusedError(done.stderr)
    return tuple(one for one in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if one)


def of_kind(objects: tuple[Manifest, ...], *kinds: str) -> list[Manifest]:
    return [one for one in objects if one["kind"] in kinds]


def the(objects: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    """The one object of this kind and name."""
    (found,) = [one for one in of_kind(objects, kind) if one["metadata"]["name"] == name]
    return found


def component(one: Manifest) -> str:
    return one["metadata"]["labels"]["app.kubernetes.io/component"]


def pod_templates(objects: tuple[Manifest, ...]) -> Iterator[tuple[str, Manifest]]:
    """Component and pod template of everything that makes pods."""
    for one in objects:
        spec = one.get("spec", {})
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if one["kind"] in {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}:
            yield component(one), spec["template"]


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
