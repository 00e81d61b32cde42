"""A Null table's columns are altered to those of its file."""

import pytest

from sql import sink_columns

CREATE = """CREATE TABLE IF NOT EXISTS `d`.sink
(
    -- a comment, with (brackets) and 'quotes'
    name String,
    value Tuple(a Enum8('x, (y' = 1), b Array(Tuple(c UInt8,
        d String))),
    CONSTRAINT has_name CHECK name != ''
)
ENGINE = Null"""


def alter(existing):
    (statement,) = sink_columns.alter("sink", "`d`", CREATE, existing)
    return statement


VALUE = "Tuple(a Enum8('x, (y' = 1), b Array(Tuple(c UInt8, d String)))"


def test_a_column_that_is_there_is_modified_and_a_new_one_added():
    assert (
        alter({"name": "String"})
        == f"ALTER TABLE `d`.sink\n    MODIFY COLUMN name String,\n    ADD COLUMN value {VALUE}"
    )


def test_a_column_that_is_gone_is_dropped():
    assert alter({"name": "String", "value": "UInt8", "old": "UInt8"}).endswith("DROP COLUMN old")


def test_a_constraint_is_no_column_and_must_be_the_same():
    sink_columns.refuse_other_constraints("sink", CREATE, "CREATE TABLE d.sink (x UInt8, CONSTRAINT has_name CHECK 1)")
    with pytest.raises(
        sink_columns.ConstraintError, match=r"sink has the constraints \[\], this release wants \['has_name'\]"
    ):
        sink_columns.refuse_other_constraints("sink", CREATE, "CREATE TABLE d.sink (x UInt8)")
