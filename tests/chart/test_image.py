"""The container image: what the Dockerfile says fits the lock, the packages and the chart. Nothing here builds it."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rendered_chart import containers, pod_templates, rendered

from bench import image_requirements

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LAST = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
IGNORE = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def locked(file):
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
    return {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


@pytest.mark.parametrize("name", ["image.txt", "image-build.txt"])
def test_what_the_image_installs_is_part_of_the_one_lock(name):
    made = image_requirements.files((ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8"))

    mend = "write it again: python -m bench.image_requirements"
    assert made[name] == (ROOT / "requirements" / name).read_text(encoding="utf-8"), mend


def needed(names):
    """All that these packages need on this machine, by what they themselves say."""
    found, waiting = set(), {canonicalize_name(name) for name in names}
    while waiting:
        name = waiting.pop()
        found.add(name)
        for line in metadata.requires(name) or ():
            one = Requirement(line)
            wanted = one.marker is None or one.marker.evaluate({"extra": ""})
            if wanted and canonicalize_name(one.name) not in found:
                waiting.add(canonicalize_name(one.name))
    return found


def test_only_the_engine_and_what_builds_packages_is_left_out():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    here = [Requirement(line) for line in declared]
    without_engine = [one.name for one in here if one.name != "chdb" and (not one.marker or one.marker.evaluate())]

    assert needed(without_engine) - image_requirements.ENGINE <= locked("image.txt")
    assert not needed(without_engine) & image_requirements.ENGINE
    assert not locked("image.txt") & (image_requirements.ENGINE | image_requirements.BUILDING)
    assert locked("image-build.txt") == needed(["hatchling", "editables"])


def test_every_requirement_has_its_hashes():
    for name in ("image.txt", "image-build.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        for entry in re.split(r"\n(?=[A-Za-z])", text)[1:]:
            assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert DOCKERFILE.count("--require-hashes") == 2


def test_the_image_is_built_in_two_stages_and_runs_as_nobody_special():
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE)) == 2
    assert "latest" not in DOCKERFILE
    (user,) = re.findall(r"^USER (\S+)$", LAST, re.MULTILINE)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "a number: Kubernetes cannot tell that a name is not root"
    assert "COPY . " not in LAST


@pytest.mark.helm
def test_the_user_is_the_charts():
    for _, pod in pod_templates(rendered("default")):
        if pod["spec"]["containers"][0]["name"] == "otelhouse":
            security = pod["spec"]["securityContext"]
            assert f"USER {security['runAsUser']}:{security['runAsGroup']}\n" in LAST


@pytest.mark.helm
def test_the_ports_are_the_charts():
    (exposed,) = re.findall(r"^EXPOSE (.+)$", LAST, re.MULTILINE)
    opened = {
        port["containerPort"]
        for _, pod in pod_templates(rendered("default"))
        for one in containers(pod)
        if one["name"] == "otelhouse"
        for port in one.get("ports", [])
    }

    assert {int(port) for port in exposed.split()} == opened


def test_what_is_copied_is_every_package_and_nothing_secret():
    allowed = {line[1:] for line in IGNORE if line.startswith("!")}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert IGNORE[1] == "*"
    assert allowed >= set(declared["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert allowed >= {"pyproject.toml", declared["project"]["readme"], *declared["project"]["license-files"]}
    assert all((ROOT / name).exists() for name in allowed)
    for source in re.findall(r"^COPY (requirements/\S+) (requirements/\S+)", DOCKERFILE, re.MULTILINE):
        assert set(source) <= allowed
