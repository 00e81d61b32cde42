"""The probes know every table and view that they are about."""

import re
from importlib import resources

from sql import catalogue


def test_the_probe_for_missing_views_names_every_way_that_rows_take():
    folder = resources.files("sql")
    decode = [file.name for file in (folder / "decode").iterdir() if file.name.endswith(".sql")]
    views = [file.name for file in (folder / "schema").iterdir() if file.name.endswith("_mv.sql")]
    named = re.findall(r"'(ot[a-z0-9_]+)'", catalogue.probe("missing_views"))
    assert sorted(named) == sorted(name.removesuffix(".sql") for name in decode + views)
