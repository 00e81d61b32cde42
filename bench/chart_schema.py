"""The JSON schema of the Helm chart's values, made of their documentation and of otelhouse's own settings.

In: the `Value`s of values.yaml. Out: `values.schema.json` as a mapping, in draft 7, which every Helm 3 and 4 reads.
A key that is not in values.yaml is refused at `helm install`; under `settings` the same names and bounds count as in
otelhouse itself, so that a wrong setting is refused before a pod starts with it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.chart_values import Value
from otelhouse.settings import Settings

Schema = dict[str, Any]

_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_ENV: Schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "minLength": 1}}}
_PERCENT: Schema = {"type": "string", "pattern": "^([1-9][0-9]?|100)%$"}


def _closed(**properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


_WORDS: Mapping[str, Schema] = {
    "quantity": {
        "type": "string",
        "pattern": "^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$",
    },
    "resources": _closed(
        requests={"type": "object"}, limits={"type": "object"}, claims={"type": "array", "items": {"type": "object"}}
    ),
    "autoscaling": _closed(
        enabled={"type": "boolean"},
        minReplicas={"type": "integer", "minimum": 1},
        maxReplicas={"type": "integer", "minimum": 1},
        targetCPUUtilizationPercentage={"type": "integer", "minimum": 1, "maximum": 1000},
    ),
    # 0 would block every drain, which is what a budget is not for.
    "budget": _closed(
        enabled={"type": "boolean"}, maxUnavailable={"anyOf": [{"type": "integer", "minimum": 1}, _PERCENT]}
    ),
    "service": _closed(
        type={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
        annotations=_TEXTS,
        loadBalancerSourceRanges={"type": "array", "items": {"type": "string"}},
    ),
    "pods": _closed(
        annotations=_TEXTS,
        labels=_TEXTS,
        nodeSelector=_TEXTS,
        tolerations={"type": "array", "items": {"type": "object"}},
        affinity={"type": "object"},
        priorityClassName={"type": "string"},
        topologySpread={"type": "boolean"},
        env={"type": "array", "items": _ENV},
    ),
}
"""What `$ref: "#/$defs/..."` in values.yaml means."""

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def schema(values: Iterable[Value]) -> Schema:
    """The whole schema."""
    root: Schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the chart otelhouse"}
    root |= {"type": "object", "additionalProperties": False, "properties": {"global": {"type": "object"}}}
    for value in values:
        node = root
        for name in value.path[:-1]:
            branch: Schema = {"type": "object", "additionalProperties": False, "properties": {}}
            node = node["properties"].setdefault(name, branch)
        node["properties"][value.path[-1]] = _leaf(value)
    return root | {"$defs": {**_WORDS, **settings()}}


def _leaf(value: Value) -> Schema:
    made = dict(value.schema)
    if reference := made.pop("$ref", None):
        made["allOf"] = [{"$ref": reference}]  # draft 7 passes over what stands beside a $ref
    elif "enum" not in made:
        made.setdefault("type", _TYPES[type(value.default)])
    return {"description": value.about, **made}


def settings() -> dict[str, Schema]:
    """otelhouse's settings as definitions; `settings` is the whole tree."""
    whole = Settings.model_json_schema()
    rooms = {name: _bare(room) for name, room in whole.pop("$defs").items()}
    return {**rooms, "settings": _bare(whole)}


def _bare(node: Any) -> Any:  # noqa: ANN401  JSON
    """Without words and defaults, which are told in docs/settings.md."""
    if isinstance(node, list):
        return [_bare(one) for one in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("properties"), dict):
        fields = {name: _bare(field) for name, field in node["properties"].items()}
        return {**_bare({key: one for key, one in node.items() if key != "properties"}), "properties": fields}
    return {key: _bare(one) for key, one in node.items() if key not in {"title", "description", "default", "format"}}
