"""Every object that the chart renders is one that Kubernetes takes, offline, for an old and a new version."""

import copy
import functools
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from rendered_chart import SCENES, rendered, template, the

pytestmark = pytest.mark.helm

FOLDER = Path(__file__).parent / "schemas"
VERSIONS = ["1.30", "1.36"]
META = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$"}},
}


@functools.cache
def kubernetes(version):
    return json.loads((FOLDER / f"kubernetes-{version}.json").read_text(encoding="utf-8"))


def closed(node):
    """The same schema, in which a field that it does not know is wrong."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: closed(one) for key, one in node.items()}
    if isinstance(node.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


@functools.cache
def custom():
    found = {}
    for one in yaml.safe_load_all((FOLDER / "custom-resources.yaml").read_text(encoding="utf-8")):
        for version in one["spec"]["versions"]:
            schema = copy.deepcopy(version["schema"]["openAPIV3Schema"])
            schema["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {}}
            found[f"{one['spec']['group']}/{version['name']}/{one['spec']['names']['kind']}"] = closed(schema)
    return found


def check(one, version):
    kind = f"{one['apiVersion']}/{one['kind']}"
    if kind in custom():
        schema = custom()[kind]
    else:
        known = kubernetes(version)
        assert kind in known["kinds"], f"Kubernetes {version} has no {kind}"
        schema = {"$ref": f"#/definitions/{known['kinds'][kind]}", "definitions": known["definitions"]}
    jsonschema.Draft7Validator(schema).validate(one)
    jsonschema.Draft7Validator(META).validate(one["metadata"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scene", SCENES)
def test_kubernetes_takes_every_object(scene, version):
    for one in rendered(scene):
        check(one, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_kubernetes_does_not_know_is_found(version):
    serve = the(rendered("default"), "Deployment", "otelhouse-serve")
    wrong = copy.deepcopy(serve)
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}

    with pytest.raises(jsonschema.ValidationError, match="readynessProbe"):
        check(wrong, version)


def test_a_kind_of_an_old_kubernetes_is_found():
    with pytest.raises(AssertionError, match=r"1\.36 has no policy/v1beta1/PodDisruptionBudget"):
        check({"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget"}, "1.36")


def test_long_names_still_fit():
    for one in template("--set", "fullnameOverride=a-name-as-long-as-it-may-be-for-releases"):
        if one["kind"] != "ClusterRole" and one["kind"] != "ClusterRoleBinding":
            assert len(one["metadata"]["name"]) <= (52 if one["kind"] in {"StatefulSet", "CronJob"} else 63)
