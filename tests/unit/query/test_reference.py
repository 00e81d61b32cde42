"""The reference page, written from headers; that docs/questions.md is that page is a test in tests/house."""

from scripted_store import CATALOGUE

from query import reference
from sql.catalogue import load_catalogue


def test_a_question_is_told_with_its_parameters_columns_and_limits():
    told = reference.section(CATALOGUE["listing"])

    assert told.startswith("## listing\n\nLists things. All of them.\n")
    assert "At most 50 rows and 5 seconds." in told
    assert "| limit | whole number | `10` | 1 to 50 | The most things. | `5` |" in told
    assert "| thing | String | The thing. |" in told


def test_a_parameter_that_must_be_given_says_so_and_one_of_choices_lists_them():
    questions = load_catalogue()

    assert "| composition | text | needed | 1 to 253 characters |" in reference.section(questions["composition_events"])
    assert "`trace`, `debug`, `info`, `warn`, `error`, `fatal`" in reference.section(questions["recent_logs"])


def test_a_question_names_the_doors_at_which_it_is_answered():
    questions = load_catalogue()

    assert "Doors: REST, command line, MCP, ClickHouse itself." in reference.section(questions["recent_logs"])
    assert "Doors: MCP." in reference.section(questions["schema_columns"])


def test_the_page_has_the_questions_that_are_for_it_in_the_order_of_their_names():
    page = reference.page(CATALOGUE)

    assert "[listing](#listing)" in page
    assert "hidden" not in page


def test_a_bar_in_a_cell_does_not_end_it():
    assert reference._table(("a",), [("x|y",)]).splitlines()[-1] == "| x\\|y |"
