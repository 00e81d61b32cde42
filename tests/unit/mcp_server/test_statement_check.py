"""What ClickHouse's parse of a statement tells is held against what agents may do. The trees are as it printed them."""

import pytest

from mcp_server import statement_check
from query import errors
from sql.agent_user import readable_tables

SIMPLE = """SelectWithUnionQuery (children 1)
 ExpressionList (children 1)
  SelectQuery (children 2)
   ExpressionList (children 1)
    {expression}
   TablesInSelectQuery (children 1)
    TablesInSelectQueryElement (children 1)
     TableExpression (children 1)
      {table}"""


def check(statement, tree):
    return statement_check.check(statement, tree.split("\n"), readable_tables(), "default")


def simple(expression="Asterisk", table="TableIdentifier otel_logs"):
    return SIMPLE.format(expression=expression, table=table)


def test_a_plain_select_gives_the_tables_that_it_reads():
    assert check("SELECT * FROM otel_logs", simple()) == {"otel_logs"}
    assert check("SELECT * FROM default.otel_logs", simple(table="TableIdentifier default.otel_logs")) == {"otel_logs"}


@pytest.mark.parametrize(
    "table",
    [
        "system.users",
        "otel_audit",
        "otel_dead_letters",
        "otel_schema_migrations",
        "other.otel_logs",
        "information_schema.tables",
        "default.secret",
        "dictionary",
    ],
)
def test_every_other_table_is_denied(table):
    with pytest.raises(errors.DeniedError) as refused:
        check(f"SELECT * FROM {table}", simple(table=f"TableIdentifier {table}"))  # noqa: S608 - it is never run

    assert "otel_logs" in refused.value.mend


@pytest.mark.parametrize(
    "function", ["url", "file", "remote", "s3", "merge", "numbers", "executable", "view", "values"]
)
def test_no_table_function_is_let_through(function):
    with pytest.raises(errors.BadParameterError, match="table function"):
        check(f"SELECT * FROM {function}('x')", simple(table=f"Function {function}"))  # noqa: S608 - nor this


@pytest.mark.parametrize(
    "function",
    ["file", "sleep", "sleepEachRow", "dictGet", "joinGet", "hasColumnInTable", "currentUser", "hostName",
     "getSetting", "aiGenerate", "catboostEvaluate", "getServerSetting", "showCertificate", "addressToLine", "FILE",
     "a_new_function"],
)  # fmt: skip
def test_functions_that_are_not_listed_are_refused(function):
    with pytest.raises(errors.BadParameterError, match="function"):
        check(f"SELECT {function}()", simple(f"Function {function}"))


@pytest.mark.parametrize(
    "function",
    ["count", "sum", "countIf", "quantileTDigestIf", "uniqExactState", "sumMapIf", "groupArrayDistinct", "argMaxOrNull",
     "toStartOfInterval", "JSONExtractString", "arrayMap", "lambda", "multiIf", "CAST", "row_number", "like", "now"],
)  # fmt: skip
def test_functions_of_analysis_are_let_through(function):
    check(f"SELECT {function}() FROM otel_logs", simple(f"Function {function}"))  # noqa: S608 - nor this


@pytest.mark.parametrize(
    "node", ["Set", "QueryParameter x:String", "ColumnsApplyTransformer", "InsertQuery", "Explain"]
)
def test_other_kinds_of_nodes_are_refused(node):
    with pytest.raises(errors.BadParameterError):
        check("SELECT 1", simple(node))


def test_a_table_behind_in_is_a_table():
    tree = simple(
        "Function in (children 1)\n     ExpressionList (children 2)\n      Identifier x\n      Identifier otel_audit"
    )

    with pytest.raises(errors.DeniedError):
        check("SELECT x IN otel_audit FROM otel_logs", tree)


def test_a_part_of_the_statement_may_be_read_and_not_a_table_of_its_name():
    tree = simple(table="TableIdentifier recent")

    assert check("WITH recent AS (SELECT 1) SELECT * FROM recent", tree) == set()
    with pytest.raises(errors.DeniedError):
        check("SELECT 'recent AS (SELECT 1)' FROM recent", tree)


@pytest.mark.parametrize(
    ("statement", "tree"),
    [
        ("SELECT * FROM otel_logs", simple(table="TableIdentifier otel_logs (alias otel_traces)")),
        ("SELECT * FROM otel_logs", simple(table="Subquery (alias otel_traces)")),
        ("SELECT * FROM otel_logs", simple("Identifier a (alias OTEL_LOGS)")),
        ("SELECT * FROM otel_logs AS otel_traces", simple()),
        ("SELECT * FROM otel_logs AS `otel_logs_mv`", simple()),
        ("WITH otel_traces AS (SELECT 1) SELECT * FROM otel_logs", simple()),
        ("WITH otel_traces(a) AS (SELECT 1) SELECT * FROM otel_logs", simple()),
    ],
)
def test_no_part_of_a_statement_is_called_as_a_table_of_ours(statement, tree):
    with pytest.raises(errors.BadParameterError, match="is a table's name"):
        check(statement, tree)


def test_a_text_that_says_as_and_a_table_is_a_text():
    assert check("SELECT ' AS otel_traces' AS x FROM otel_logs", simple()) == {"otel_logs"}


@pytest.mark.parametrize(
    "statement",
    ["SELECT 1 AS `a\\n   Set`", "SELECT 1 AS `x (children 3)`", 'SELECT 1 AS "a\\tb"', "SELECT 1 AS `a``b`"],
)
def test_a_name_that_could_forge_a_line_is_refused(statement):
    with pytest.raises(errors.BadParameterError, match="name"):
        check(statement, simple())


@pytest.mark.parametrize(
    "tree",
    [
        "",
        "SelectWithUnionQuery (children 2)\n ExpressionList",
        "SelectWithUnionQuery (children 1)\n  ExpressionList",
        "SelectWithUnionQuery\nSelectWithUnionQuery",
        "SelectWithUnionQuery (children 1)\n ExpressionList (children 1)",
    ],
)
def test_a_tree_that_does_not_hold_together_is_refused(tree):
    with pytest.raises(errors.BadParameterError):
        check("SELECT 1", tree)


def test_into_outfile_is_refused():
    tree = "SelectWithUnionQuery (children 2)\n ExpressionList (children 0)\n Literal \\'/tmp/x\\'"

    with pytest.raises(errors.BadParameterError):
        check("SELECT 1 INTO OUTFILE '/tmp/x'", tree.replace(" (children 0)", ""))


def test_format_at_the_end_is_dropped_and_nowhere_else():
    assert statement_check.without_format("SELECT 1 FORMAT JSON") == "SELECT 1"
    assert statement_check.without_format("SELECT ' FORMAT JSON'") == "SELECT ' FORMAT JSON'"


def test_the_list_of_functions_holds_none_that_reaches_out():
    listed = statement_check.functions()
    dangerous = {"file", "url", "remote", "sleep", "sleepeachrow", "dictget", "joinget", "hascolumnintable", "hostname",
                 "currentuser", "getsetting", "getserversetting", "executable", "throwif", "tcpport"}  # fmt: skip

    assert len(listed) > 1000
    assert not listed & dangerous
    assert not {name for name in listed if name.startswith(("dict", "joinget", "ai", "filesystem", "address", "__"))}
