"""Writes what the API of a Kubernetes version takes, small enough to lie beside the tests of the Helm chart.

    python -m bench.kubernetes_schemas v1.36.3 > tests/chart/schemas/kubernetes-1.36.json

In: a version of the Go module `k8s.io/kubernetes`, which brings the API's own OpenAPI document. Out: JSON Schema
(draft 7) with a definition for each kind that a chart may make and all that those refer to, without words, and strict:
a field that Kubernetes does not know is refused, as `kubectl --validate=strict` does. Needs Go once; the tests then
need nothing.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MODULE = "k8s.io/kubernetes"
KINDS = frozenset(
    {
        "ClusterRole", "ClusterRoleBinding", "ConfigMap", "CronJob", "DaemonSet", "Deployment",
        "HorizontalPodAutoscaler", "Job", "Namespace", "NetworkPolicy", "PersistentVolumeClaim", "Pod",
        "PodDisruptionBudget", "Role", "RoleBinding", "Secret", "Service", "ServiceAccount", "StatefulSet",
    }
)  # fmt: skip
_DEFINITIONS = "#/definitions/"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_KEPT = frozenset({"type", "items", "required", "enum", "$ref", "additionalProperties", "properties"})


def main() -> None:
    """Print the schema of the version that was named."""
    version = sys.argv[1]
    document = json.loads(_swagger(version).read_text(encoding="utf-8"))
    json.dump({"version": version, **reduced(document["definitions"])}, sys.stdout, separators=(",", ":"))
    print()  # noqa: T201  a command


def _swagger(version: str) -> Path:
    with tempfile.TemporaryDirectory() as elsewhere:  # outside of any Go module
        command = ["go", "mod", "download", "-json", f"{MODULE}@{version}"]
        done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, timeout=600, check=True)
    return Path(json.loads(done.stdout)["Dir"]) / "api" / "openapi-spec" / "swagger.json"


def reduced(definitions: dict[str, Any]) -> dict[str, Any]:
    """Kinds by `apiVersion/kind`, and the definitions that they need."""
    kinds: dict[str, str] = {}
    for name, definition in definitions.items():
        for one in definition.get("x-kubernetes-group-version-kind", ()):
            if one["kind"] in KINDS and "alpha" not in one["version"] and "beta" not in one["version"]:
                kinds["/".join(filter(None, (one["group"], one["version"], one["kind"])))] = name
    needed: dict[str, Any] = {}
    waiting = sorted(kinds.values())
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = _strict(definitions[name], name)
            waiting += _named(needed[name])
    return {"kinds": dict(sorted(kinds.items())), "definitions": dict(sorted(needed.items()))}


def _strict(node: Any, name: str = "") -> Any:  # noqa: ANN401  JSON
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    if name == _QUANTITY or node.get("format") == "int-or-string":
        return {"type": ["string", "number"]}
    kept = {key: _strict(one) for key, one in node.items() if key in _KEPT and key != "properties"}
    if "properties" in node:
        kept["properties"] = {field: _strict(one) for field, one in node["properties"].items()}
        kept.setdefault("additionalProperties", False)
    return kept


def _named(node: Any) -> list[str]:  # noqa: ANN401  JSON
    if isinstance(node, list):
        return [name for one in node for name in _named(one)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].removeprefix(_DEFINITIONS)] if isinstance(node.get("$ref"), str) else []
    return own + [name for one in node.values() for name in _named(one)]


if __name__ == "__main__":
    main()
