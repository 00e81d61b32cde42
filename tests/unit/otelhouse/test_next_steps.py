"""What the banner of a house says to type next goes to that house, and is let in there."""

import pytest

from otelhouse import next_steps
from otelhouse.settings import Settings

MINE = "'my token'"
USUAL = {"OTLP/gRPC": "http://127.0.0.1:4317", "REST": "http://127.0.0.1:8080"}


def steps(listening=USUAL, **settings):
    return next_steps.lines("otelhouse", Settings.model_validate(settings), listening)


def test_a_house_as_it_comes_needs_no_flags():
    assert steps() == [
        "  otelhouse demo                 sends a small shop's telemetry",
        "  otelhouse query slow_traces    asks a question about it",
    ]


def test_a_program_of_several_words_is_typed_as_it_is():
    said = next_steps.lines("python -m otelhouse", Settings(), USUAL)

    assert said[0].startswith("  python -m otelhouse demo ")


def test_another_address_is_named():
    demo, query = steps({"OTLP/gRPC": "http://127.0.0.1:14317", "REST": "http://127.0.0.1:18080"})

    assert "otelhouse demo --endpoint http://127.0.0.1:14317 " in demo
    assert "otelhouse query slow_traces --url http://127.0.0.1:18080 " in query


@pytest.mark.parametrize("mine", [None, "my token"])
def test_where_tokens_are_asked_for_each_step_shows_its_own(mine, tmp_path):
    demo, query, *rest = steps(identity={"tokens_file": tmp_path / "tokens"}, client={"token_file": mine})

    assert f"--token-file {MINE if mine else 'SENDERS-TOKEN'} " in demo
    assert f"--token-file {MINE if mine else 'READERS-TOKEN'} " in query
    assert ("token create" in "".join(rest)) == (mine is None)
