"""What OpenAPI says of a question; all of it read from the catalogue.

In: a `Question`. Out: the part of an OpenAPI 3.1 operation that FastAPI merges into the route's own.
"""

from http import HTTPStatus
from typing import Any

from query import errors
from query.rendering import MEDIA_TYPES, Format
from sql.catalogue import Question
from sql.parameter import Kind, Parameter

_TYPES = {Kind.TEXT: "string", Kind.TIME: "string", Kind.WHOLE: "integer", Kind.NUMBER: "number"}

ERROR_SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "field", "mend"],
            "properties": {
                "code": {"type": "string", "description": "Stable; programs may rely on it."},
                "message": {"type": "string", "description": "What happened."},
                "field": {"type": "string", "description": "The parameter it is about, or empty."},
                "mend": {"type": "string", "description": "What to do about it."},
            },
        }
    },
}


_TOKEN: dict[str, object] = {
    "type": "http",
    "scheme": "bearer",
    "description": "A read token or a JWT. A house that asks nobody who they are takes requests without.",
}


def with_security(document: dict[str, Any]) -> dict[str, Any]:
    """The whole document, with how to come in."""
    components = {**document.get("components", {}), "securitySchemes": {"token": _TOKEN}}
    return {**document, "components": components, "security": [{"token": []}]}


def get_operation(question: Question) -> dict[str, object]:
    """For GET, with each parameter in the URL."""
    parameters = [_in_query(parameter) for parameter in question.parameters]
    paged = [_CURSOR] if _has_pages(question) else []
    return {"parameters": [*parameters, *paged, _FORMAT], "responses": _responses(question)}


def portal_operation(*, in_path: bool) -> dict[str, object]:
    """For the routes of the Krateo portal."""
    known = {"name": "composition_id", "description": "The composition's id.", "schema": {"type": "string"}}
    which = {**known, "in": "path", "required": True} if in_path else {**known, "in": "query", "required": False}
    limit = {"type": "integer", "default": 200, "minimum": 1, "maximum": 200}
    most = {"name": "limit", "in": "query", "required": False, "description": "The most events.", "schema": limit}
    answer = {"schema": {"type": "array", "items": _SSE_K8S_EVENT}}
    answered: dict[str, object] = {
        "description": "Events, newest first; none found is an answer too.",
        "content": {MEDIA_TYPES[Format.JSON]: answer},
    }
    return {"parameters": [which, most], "responses": {"200": answered, **_refusals()}}


def post_operation(question: Question) -> dict[str, object]:
    """For POST, with the parameters in a JSON object."""
    properties = {one.name: _schema(one) | {"description": one.help} for one in question.parameters}
    if _has_pages(question):
        properties["cursor"] = {"type": "string", "description": _CURSOR["description"]}
    body = {
        "type": "object",
        "additionalProperties": False,
        "required": [one.name for one in question.parameters if one.default is None],
        "properties": properties,
    }
    content = {"application/json": {"schema": body}}
    return {"parameters": [_FORMAT], "requestBody": {"content": content}, "responses": _responses(question)}


def _in_query(parameter: Parameter) -> dict[str, object]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.default is None,
        "description": parameter.help,
        "schema": _schema(parameter),
        "example": _typed(parameter, parameter.example),
    }


def _schema(parameter: Parameter) -> dict[str, object]:
    schema: dict[str, object] = {"type": _TYPES[parameter.kind]}
    if parameter.default is not None:
        schema["default"] = _typed(parameter, parameter.default)
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.hex_digits:
        digits = f"[0-9A-Fa-f]{{{parameter.hex_digits}}}"
        schema["pattern"] = f"^{digits}$" if parameter.default is None else f"^({digits})?$"
    low, high = ("minLength", "maxLength") if parameter.kind is Kind.TEXT else ("minimum", "maximum")
    # An optional text may be left empty, which means the filter is not there, so its least length is no bound.
    if parameter.low is not None and not (parameter.kind is Kind.TEXT and parameter.default is not None):
        schema[low] = parameter.low
    if parameter.high is not None:
        schema[high] = parameter.high
    return schema


def _typed(parameter: Parameter, text: str) -> str | int | float:
    if parameter.kind is Kind.WHOLE:
        return int(text)
    return float(text) if parameter.kind is Kind.NUMBER else text


_FORMAT: dict[str, object] = {
    "name": "format",
    "in": "query",
    "required": False,
    "description": "How the answer is written; without it, the Accept header decides.",
    "schema": {"type": "string", "enum": list(Format), "default": Format.JSON.value},
}


_CURSOR: dict[str, object] = {
    "name": "cursor",
    "in": "query",
    "required": False,
    "description": "`next_cursor` of the page before, with the same parameters; only `limit` may differ.",
    "schema": {"type": "string", "maxLength": 512},
}

_TEXT = {"type": "string"}
_SSE_K8S_EVENT: dict[str, object] = {
    "type": "object",
    "properties": {
        "metadata": {
            "type": "object",
            "properties": dict.fromkeys(("name", "namespace", "uid", "creationTimestamp"), _TEXT),
        },
        "involvedObject": {
            "type": "object",
            "properties": dict.fromkeys(("apiVersion", "kind", "name", "namespace", "uid"), _TEXT),
        },
        **dict.fromkeys(("reason", "message", "type", "firstTimestamp", "lastTimestamp", "eventTime"), _TEXT),
        "source": {"type": "object", "properties": {"component": _TEXT}},
        "compositionId": _TEXT,
    },
}


def _has_pages(question: Question) -> bool:
    return question.parameter("limit") is not None


_COST = "What ClickHouse read; null where the answer was narrowed, since it counts rows that the reader may not see."


def _responses(question: Question) -> dict[str, object]:
    answer: dict[str, object] = {
        "description": "The rows found; none found is an answer too.",
        "content": {
            MEDIA_TYPES[Format.JSON]: {"schema": _answer_schema(question)},
            MEDIA_TYPES[Format.NDJSON]: {"schema": {"type": "string"}},
            MEDIA_TYPES[Format.CSV]: {"schema": {"type": "string"}},
            MEDIA_TYPES[Format.ARROW]: {"schema": {"type": "string", "format": "binary"}},
        },
    }
    return {"200": answer, **_refusals()}


def _refusals() -> dict[str, object]:
    refusals: dict[int, list[str]] = {HTTPStatus.UNAUTHORIZED: ["unauthenticated"]}
    for error in errors.of_questions():
        refusals.setdefault(error.status, []).append(error.code)
    return {
        str(int(status)): {
            "description": " or ".join(f"`{code}`" for code in codes),
            "content": {"application/json": {"schema": ERROR_SCHEMA}},
        }
        for status, codes in refusals.items()
    }


def _answer_schema(question: Question) -> dict[str, object]:
    row = {column.name: {"description": f"{column.help} ({column.type})"} for column in question.columns}
    return {
        "type": "object",
        "properties": {
            "question": {"type": "string"},
            "parameters": {"type": "object", "description": "As they were in force, defaults included."},
            "window": {"type": ["object", "null"], "description": "since (included) and until (left out)."},
            "columns": {"type": "array", "items": {"type": "object"}},
            "rows": {"type": "array", "items": {"type": "object", "properties": row}},
            "row_count": {"type": "integer"},
            "truncated": {"type": "boolean", "description": "Whether there were more rows than these."},
            "partial": {
                "type": "boolean",
                "description": "Whether rows are left out because shards of ClickHouse's cluster did not answer.",
            },
            "missing_shards": {"type": "array", "items": _TEXT, "description": "Those shards."},
            "next_cursor": {
                "type": ["string", "null"],
                "description": "What to give as `cursor`, with the same parameters, for the rows after these.",
            },
            "scope": {
                "type": ["object", "null"],
                "description": "The parts of the reader's scope that the answer was narrowed by; null if by nothing.",
            },
            "left_out": {
                "type": "object",
                "description": "By parameter that bounds something other than rows, how many it left out.",
            },
            "elapsed_seconds": {"type": "number"},
            "rows_read": {"type": ["integer", "null"], "description": _COST},
            "bytes_read": {"type": ["integer", "null"], "description": _COST},
            "query_id": {"type": "string", "description": "Names the statement in system.query_log."},
            "data_through": {
                "type": "object",
                "description": "By signal, the newest time that is stored; left out where that is not known.",
            },
        },
    }
