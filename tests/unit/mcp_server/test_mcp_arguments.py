"""Arguments are taken loosely in form and strictly in meaning."""

import pytest

from mcp_server import arguments
from mcp_server.finding import Finding
from mcp_server.tool import Tool
from query import errors


async def nothing(call):
    return Finding(())


TOOL = Tool(
    "get_pod_errors",
    "Errors",
    "About errors.",
    {
        "namespace": {"type": "string", "description": "Namespace."},
        "minutes": {"type": "integer", "minimum": 1, "maximum": 100},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "status": {"type": "string", "enum": ["ok", "error"]},
    },
    ("namespace",),
    frozenset({"all"}),
    nothing,
)


def read(**given):
    return arguments.read(TOOL, {"namespace": "shop", **given})


@pytest.mark.parametrize(
    ("given", "value"), [("30", 30), (30, 30), (30.0, 30), ("30.0", 30), (1, 1), (100, 100)]
)  # fmt: skip
def test_a_whole_number_may_be_written_in_any_way(given, value):
    assert read(minutes=given)["minutes"] == value


@pytest.mark.parametrize("left_out", [None, ""])
def test_what_is_left_empty_is_not_given(left_out):
    assert read(minutes=left_out, status=left_out) == {"namespace": "shop"}


@pytest.mark.parametrize("text", ["' OR 1=1 --", "%", "_", "日本", "a\\b", "{x:String}"])
def test_any_text_is_data(text):
    assert arguments.read(TOOL, {"namespace": text})["namespace"] == text


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"minutes": 0}, errors.BadParameterError),
        ({"minutes": 101}, errors.BadParameterError),
        ({"minutes": 1.5}, errors.BadParameterError),
        ({"minutes": True}, errors.BadParameterError),
        ({"minutes": "soon"}, errors.BadParameterError),
        ({"minutes": float("nan")}, errors.BadParameterError),
        ({"minutes": "9" * 400}, errors.BadParameterError),
        ({"share": "inf"}, errors.BadParameterError),
        ({"status": "fine"}, errors.BadParameterError),
        ({"status": ["ok"]}, errors.BadParameterError),
        ({"status": {"a": 1}}, errors.BadParameterError),
        ({"namespaces": "x"}, errors.UnknownParameterError),
        ({"namespace": ""}, errors.MissingParameterError),
        ({"max_tokens": 20_000}, errors.BadParameterError),
        ({"detail": "everything"}, errors.BadParameterError),
    ],
)
def test_what_cannot_be_is_refused_with_the_argument_and_the_mend(given, error):
    with pytest.raises(error) as refused:
        read(**given)

    assert refused.value.field == next(iter(given))
    assert refused.value.mend


def test_a_name_that_is_nearly_right_is_told():
    with pytest.raises(errors.UnknownParameterError) as refused:
        read(minuts=3)

    assert "Did you mean `minutes`?" in refused.value.mend


@pytest.mark.parametrize("raw", [[], "x", 3])
def test_arguments_that_are_no_object_are_refused(raw):
    with pytest.raises(errors.BadParameterError):
        arguments.read(TOOL, raw)


def test_no_arguments_at_all_miss_the_required_one():
    with pytest.raises(errors.MissingParameterError):
        arguments.read(TOOL, None)
