"""Settings of ingest refuse what cannot work, by name."""

import pytest
from pydantic import ValidationError

from ingest.batch import PATIENCE
from ingest.nested import TEXT_COST
from ingest.reading import JSON_COST, NESTED_COST, PROTOBUF_COST
from ingest.settings import BatchSettings, IngestSettings


def test_the_defaults_are_those_of_the_specification():
    settings = IngestSettings()
    assert (settings.grpc.port, settings.http.port) == (4317, 4318)
    assert settings.max_request_bytes == 64 * 1024 * 1024
    assert settings.max_response_bytes == 4 * 1024 * 1024


def test_the_house_stays_below_300_mebibytes_by_default_and_takes_the_largest_request():
    settings = IngestSettings()
    the_process_itself = 75 * 1024 * 1024
    assert the_process_itself + settings.memory_bytes <= 300 * 1024 * 1024
    assert settings.memory_bytes >= 2 * settings.max_request_bytes


def test_the_wait_beside_a_running_insert_is_told_as_it_is():
    described = BatchSettings.model_fields["max_age_ms"].description
    assert f"up to {PATIENCE} times" in " ".join(described.split())


def test_the_memory_that_reading_takes_is_told_as_it_is():
    described = IngestSettings.model_fields["memory_bytes"].description
    for cost in (PROTOBUF_COST, JSON_COST, NESTED_COST, TEXT_COST):
        assert f" {cost} times" in described


def test_an_unknown_key_is_refused_by_name():
    with pytest.raises(ValidationError, match="prot"):
        IngestSettings.model_validate({"grpc": {"prot": 4317}})


@pytest.mark.parametrize("key", ["max_request_bytes", "max_concurrent_requests", "read_timeout_s"])
def test_a_bound_of_nothing_is_refused_by_name(key):
    with pytest.raises(ValidationError, match=key):
        IngestSettings.model_validate({key: 0})


def test_memory_too_small_for_the_largest_request_is_refused_with_both_names():
    with pytest.raises(ValidationError, match=r"memory_bytes.*twice max_request_bytes"):
        IngestSettings(memory_bytes=100 * 1024 * 1024)


def test_every_setting_says_what_it_is():
    for model in (IngestSettings, *(type(getattr(IngestSettings(), room)) for room in ("grpc", "http", "batch"))):
        undescribed = [name for name, field in model.model_fields.items() if not field.description]
        assert undescribed == []


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        IngestSettings().read_timeout_s = 1.0
