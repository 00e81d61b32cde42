"""The estimate is on the high side of what tokenisers count."""

import pytest

from mcp_server import tokens


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        # Counted with cl100k_base and o200k_base, two public vocabularies; the larger of both.
        ("The connection to the database was refused after 30 seconds.", 12),
        ("5b8efff798038103d269b633813fc60c", 16),
        ("2026-03-01T10:00:00.123Z", 15),
        ('{"k8s.pod.name":"checkout-7d9f8b6c5-x2x4z","severity":"ERROR"}', 29),
        ("日本語のログ", 6),
    ],
)
def test_the_estimate_is_not_below_the_count(text, counted):
    assert tokens.estimate(text) >= counted


def test_an_empty_text_has_none():
    assert tokens.estimate("") == 0


def test_two_texts_together_are_about_as_many_as_each_by_itself():
    one, other = "checkout failed: ", "HTTP 503 after 12 s\n"

    assert abs(tokens.estimate(one + other) - tokens.estimate(one) - tokens.estimate(other)) <= 2
