"""Names of settings, and what is allowed, as read off any tree of models."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from otelhouse.configuration import MASK, shown
from otelhouse.setting_keys import nearest, setting_keys


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    port: int = Field(default=1, ge=0, le=65535, description="A port.")
    ratio: float = Field(default=0.5, gt=0, lt=1, description="A\n   ratio.")
    at_least: int = Field(default=1, ge=1)
    at_most: int = Field(default=1, le=9)
    on: bool = False
    word: Literal["a", "b"] = "a"
    only: Literal["a"] = "a"
    name: str = Field(default="", pattern="^x", max_length=8)
    optional: int | None = None
    address: str | None = None
    folder: Path = Path("data")
    names: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    password: SecretStr = SecretStr("")


class Tree(BaseModel):
    room: Inner = Inner()


KEYS = {key.path[-1]: key for key in setting_keys(Tree)}


def test_a_setting_is_named_by_its_path():
    assert KEYS["at_least"].dotted == "room.at_least"
    assert KEYS["at_least"].variable == "OTELHOUSE_ROOM_AT_LEAST"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("port", "an integer from 0 to 65535"),
        ("ratio", "a number above 0 and below 1"),
        ("at_least", "an integer of at least 1"),
        ("at_most", "an integer of at most 9"),
        ("on", "true or false"),
        ("word", "one of a, b"),
        ("only", "one of a"),
        ("name", "a text matching ^x and of 0 to 8 characters"),
        ("optional", "an integer or null"),
        ("address", "a text or null"),
        ("folder", "a path"),
        ("names", "a list, each a text of at least 1 characters"),
    ],
)
def test_what_is_allowed_is_said_in_words(name, words):
    assert KEYS[name].allowed == words


def test_only_settings_that_take_a_text_take_any_text_as_it_stands():
    textual = {name for name, key in KEYS.items() if key.textual}

    assert textual == {"word", "only", "name", "address", "folder", "password"}


def test_descriptions_are_one_line():
    assert KEYS["ratio"].description == "A ratio."


def test_secrets_are_masked_and_an_empty_one_is_seen_to_be_empty():
    assert KEYS["password"].secret
    assert shown(KEYS["password"], "hunter2") == MASK
    assert shown(KEYS["password"], "") == ""


def test_a_password_inside_an_address_is_masked():
    assert shown(KEYS["name"], "http://me:hunter2@host:8123/db") == f"http://me:{MASK}@host:8123/db"
    assert shown(KEYS["name"], "http://host:8123/db") == "http://host:8123/db"


def test_the_nearest_name_is_found_or_none():
    assert nearest("prot", ["port", "host"]) == "port"
    assert nearest("completely different", ["port", "host"]) == ""
