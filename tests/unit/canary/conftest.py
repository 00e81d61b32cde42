"""Fixtures for the canary: a scripted house, and a canary that gives up soon."""

import pytest
from canary_house import ScriptedHouse

from canary.book import Book
from canary.settings import CanarySettings
from canary.watch import Canary

PATIENCE = CanarySettings(give_up_s=1.2, late_s=1.0, timeout_s=1.0, spot_every=1)


@pytest.fixture
def house():
    house = ScriptedHouse()
    yield house
    house.close()


@pytest.fixture
def canary_of(house):
    """Make a canary: of the scripted house, or with other ways in, settings or clusters."""

    def make(*, clusters=("",), book=None, figures=None, settings=None, **other):
        wanted = PATIENCE.model_copy(update=settings or {})
        return Canary(house.ways(**other), wanted, clusters, book or Book(clusters, 60.0), figures)

    return make
