"""What a token looks like, and that a mistyped one is known as such."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import token_format
from identity.token_format import Kind

ids = st.from_regex(token_format.ID_PATTERN, fullmatch=True).map(str.strip)


@given(kind=st.sampled_from(Kind), token_id=ids)
def test_a_minted_token_is_well_formed_and_says_its_kind_and_id(kind, token_id):
    token = token_format.mint(kind, token_id)

    assert token_format.well_formed(token)
    assert token_format.kind_of(token) is kind
    assert token_format.claimed_id(token) == token_id
    assert len(token) <= token_format.LONGEST


def test_no_two_tokens_are_alike():
    tokens = {token_format.mint(Kind.READ, "a") for _ in range(1000)}

    assert len(tokens) == 1000
    assert len({token_format.digest(token) for token in tokens}) == 1000


@given(position=st.integers(min_value=0), letter=st.sampled_from("0123456789abcxyzABCXYZ-_ "))
def test_a_token_with_one_wrong_character_is_not_well_formed(position, letter):
    token = token_format.mint(Kind.INGEST, "prod-eu")
    position %= len(token)
    mistyped = token[:position] + letter + token[position + 1 :]

    assert token_format.well_formed(mistyped) == (mistyped == token)


@given(length=st.integers(min_value=0, max_value=56))
def test_a_token_that_was_cut_is_not_well_formed(length):
    token = token_format.mint(Kind.INGEST, "prod-eu")

    assert not token_format.well_formed(token[:length])


@given(st.text())
def test_any_text_can_be_judged_and_hashed(text):
    assert not token_format.well_formed(text)
    assert token_format.claimed_id(text) == ""
    assert len(token_format.digest(text)) == 32


def test_half_a_surrogate_pair_can_be_hashed():
    assert len(token_format.digest("ohi_a_\udc80")) == 32


@pytest.mark.parametrize("token_id", ["", "Prod", "a_b", "-a", "a-", "a" * 64, "a\n", "ä"])
def test_an_id_that_would_not_part_from_its_secret_is_refused(token_id):
    with pytest.raises(ValueError, match="small letters"):
        token_format.mint(Kind.INGEST, token_id)
