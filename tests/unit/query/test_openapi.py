"""What OpenAPI says of a question is what its header says."""

import json

import pytest
from scripted_store import CATALOGUE

from query import errors, openapi
from sql.catalogue import load_catalogue

LISTING = CATALOGUE["listing"]
ALL = load_catalogue().behind("rest")


def parameters(question):
    return {one["name"]: one for one in openapi.get_operation(question)["parameters"]}


def test_parameters_have_the_types_defaults_and_bounds_of_the_header():
    told = parameters(LISTING)

    assert told["limit"]["schema"] == {"type": "integer", "default": 10, "minimum": 1, "maximum": 50}
    assert told["since"]["schema"] == {"type": "string", "default": "1h"}
    assert told["limit"]["example"] == 5
    assert told.keys() == {"since", "until", "word", "limit", "cursor", "format"}


def test_a_text_of_its_own_choices_lists_them_and_one_that_must_be_given_is_required():
    severity = parameters(ALL["recent_logs"])["min_severity"]
    composition = parameters(ALL["composition_events"])["composition"]

    assert severity["schema"]["enum"] == ["", "trace", "debug", "info", "warn", "error", "fatal"]
    assert (severity["required"], composition["required"]) == (False, True)
    assert composition["schema"] == {"type": "string", "minLength": 1, "maxLength": 253}


def test_what_is_posted_has_the_same_parameters_and_no_others():
    body = openapi.post_operation(ALL["composition_events"])["requestBody"]["content"]["application/json"]["schema"]

    assert body["additionalProperties"] is False
    assert body["required"] == ["composition"]
    assert body["properties"].keys() | {"format"} == parameters(ALL["composition_events"]).keys()


@pytest.mark.parametrize("name", list(ALL))
def test_every_column_of_a_question_is_described(name):
    question = ALL[name]
    answer = openapi.get_operation(question)["responses"]["200"]["content"]["application/json"]["schema"]

    row = answer["properties"]["rows"]["items"]["properties"]
    assert list(row) == [column.name for column in question.columns]
    json.dumps(answer, allow_nan=False)


def test_every_refusal_is_listed_with_its_stable_code():
    responses = openapi.get_operation(LISTING)["responses"]

    for error in errors.of_questions():
        assert f"`{error.code}`" in responses[str(int(error.status))]["description"]
    assert "`unauthenticated`" in responses["401"]["description"]


def test_the_portal_s_id_is_in_the_path_or_in_the_query():
    (of_one, _), (of_all, _) = (openapi.portal_operation(in_path=here)["parameters"] for here in (True, False))

    assert (of_one["in"], of_one["required"]) == ("path", True)
    assert (of_all["in"], of_all["required"]) == ("query", False)


def test_an_error_of_another_window_is_none_of_a_question_s():
    class ForeignError(errors.QuestionError):
        code, status = "foreign", 418

    assert ForeignError not in errors.of_questions()
    assert "418" not in openapi.get_operation(LISTING)["responses"]


def test_an_id_has_the_pattern_of_its_digits():
    needed, optional = (parameters(ALL[name])["trace_id"]["schema"] for name in ("trace", "recent_logs"))

    assert needed == {"type": "string", "pattern": "^[0-9A-Fa-f]{32}$"}
    assert optional == {"type": "string", "default": "", "pattern": "^([0-9A-Fa-f]{32})?$"}
