"""The names of all settings, read off the tree of models.

In: a pydantic model whose fields are models (rooms) or values (settings). Out: one `SettingKey` a setting,
with its dotted path, its environment variable, and what may stand there, in words. Nothing is kept by hand,
so that a setting which exists in a room cannot be missing from the file, the environment, the command line
or the documentation.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import BaseModel, SecretStr

PREFIX = "OTELHOUSE_"
"""What every environment variable of the house starts with."""

JsonSchema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SettingKey:
    """One setting: where it stands and what it takes."""

    path: tuple[str, ...]
    description: str
    default: object = field(hash=False)
    """The default as JSON-like data, which may be a list; a secret's default is masked already."""
    secret: bool
    schema: JsonSchema = field(hash=False)
    """The JSON schema of the value, references resolved."""

    @property
    def dotted(self) -> str:
        """The name in messages and for ``--set``, such as ``ingest.grpc.port``."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The name in the environment, such as ``OTELHOUSE_INGEST_GRPC_PORT``."""
        return PREFIX + "_".join(self.path).upper()

    @property
    def textual(self) -> bool:
        """Whether a text is a value of this setting as it stands, without being read as YAML first."""
        return any("string" in _types(option) for option in _options(self.schema))

    @property
    def nullable(self) -> bool:
        """Whether the setting may be left without a value, which a text says with ``null``."""
        return any("null" in _types(option) for option in _options(self.schema))

    @property
    def allowed(self) -> str:
        """What may stand there, in words: ``an integer from 1 to 65535``."""
        return " or ".join(_words(option) for option in _options(self.schema))


@cache
def setting_keys(model: type[BaseModel]) -> tuple[SettingKey, ...]:
    """Every setting in `model`, in the order in which the models name them. Kept, since schemas take 60 ms to make."""
    return tuple(_walk(model, ()))


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that `word` was probably meant to be, or an empty string."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def _walk(model: type[BaseModel], prefix: tuple[str, ...]) -> Iterator[SettingKey]:
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    for name, info in model.model_fields.items():
        path = (*prefix, info.alias or name)
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _walk(annotation, path)
            continue
        leaf = _resolved(schema["properties"][info.alias or name], definitions)
        yield SettingKey(
            path=path,
            description=" ".join((info.description or "").split()),
            default=leaf.get("default"),
            secret=annotation is SecretStr or leaf.get("format") == "password",
            schema=leaf,
        )


def _resolved(schema: JsonSchema, definitions: Mapping[str, JsonSchema]) -> JsonSchema:
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = definitions[reference.rpartition("/")[2]]
        return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    if "anyOf" in schema:
        return {**schema, "anyOf": [_resolved(option, definitions) for option in schema["anyOf"]]}
    return schema


def _options(schema: JsonSchema) -> list[JsonSchema]:
    options = schema.get("anyOf")
    return list(options) if options else [schema]


def _types(schema: JsonSchema) -> list[str]:
    if "const" in schema:
        return ["string"] if isinstance(schema["const"], str) else []
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


_NOUNS = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "string": "a text",
    "null": "null",
    "object": "a mapping",
}


def _words(schema: JsonSchema) -> str:
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if choices:
        return "one of " + ", ".join(str(choice) for choice in choices)
    kind = next(iter(_types(schema)), "")
    if kind == "array":
        return "a list of values" if "items" not in schema else f"a list, each {_words(schema['items'])}"
    if schema.get("format") == "path":
        return "a path"
    return _NOUNS.get(kind, "a value") + _bounds(schema)


def _bounds(schema: JsonSchema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    words = []
    if low is not None and high is not None:
        words.append(f"from {low} to {high}")
    else:
        words += [f"above {above}"] if above is not None else []
        words += [f"of at least {low}"] if low is not None else []
        words += [f"below {below}"] if below is not None else []
        words += [f"of at most {high}"] if high is not None else []
    words += [f"matching {schema['pattern']}"] if "pattern" in schema else []
    words += [_length(schema)] if "minLength" in schema or "maxLength" in schema else []
    return " " + " and ".join(words) if words else ""


def _length(schema: JsonSchema) -> str:
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    return f"of at least {low} characters" if high is None else f"of {low} to {high} characters"
