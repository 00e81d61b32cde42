"""A Null table's columns are altered to those of its file."""

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


def test_a_constraint_is_no_column_and_is_told_by_its_name():
    assert sink_columns.same_constraints(CREATE, "CREATE TABLE d.sink (x UInt8, CONSTRAINT has_name CHECK 1)")
    assert not sink_columns.same_constraints(CREATE, "CREATE TABLE d.sink (x UInt8)")


def test_a_table_with_other_constraints_is_made_anew_beside_the_old_one_and_takes_its_name():
    drop, create, exchange, drop_again = sink_columns.replace("sink", "`d`", CREATE)
    assert drop == drop_again == "DROP TABLE IF EXISTS `d`.sink_next"
    assert create == CREATE.replace("`d`.sink", "`d`.sink_next")
    assert exchange == "EXCHANGE TABLES `d`.sink AND `d`.sink_next"
