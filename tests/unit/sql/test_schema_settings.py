"""Retention is on unless somebody says 0, and nonsense is refused by its key."""

import pytest
from pydantic import ValidationError

from sql.settings import SchemaSettings


def test_retention_is_on_by_default():
    assert SchemaSettings().retention.model_dump() == {
        "logs_days": 30,
        "traces_days": 30,
        "metrics_days": 30,
        "events_days": 90,
        "dead_letters_days": 30,
        "audit_days": 400,
        "objects_days": 90,
        "canary_days": 30,
    }


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"retention": {"logs_days": -1}}, "retention.logs_days"),
        ({"retention": {"log_days": 7}}, "retention.log_days"),
        ({"deduplication_window": 0}, "deduplication_window"),
        ({"ttl": 3}, "ttl"),
    ],
)
def test_a_bad_value_or_an_unknown_key_is_refused_by_name(given, key):
    with pytest.raises(ValidationError) as refused:
        SchemaSettings(**given)
    assert [".".join(map(str, error["loc"])) for error in refused.value.errors()] == [key]
