"""ClickHouse's codes are sorted as the published retry sets and the reference say."""

import pytest

from store import codes, errors
from store.codes import Verb

# ServerException.isRetryable of clickhouse-java's client v2, and the retry set of clickhouse-kafka-connect.
JAVA_RETRIES = {3, 107, 159, 164, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 999}
KAFKA_RETRIES = {3, 159, 164, 202, 203, 209, 210, 252, 285, 425, 1002}
FURTHER_RETRIES = {32, 33, 198, 216, 225, 236, 243, 279, 286, 394, 439, 499, 1000, 1001, 1002}
BAD_DATA = {6, 25, 26, 27, 38, 41, 53, 70, 72, 117, 130, 131, 321, 349, 395, 441, 469}
CONFIGURATION = {8, 10, 16, 47, 60, 81, 115, 192, 193, 194, 201, 452, 472, 497, 516}


@pytest.mark.parametrize("code", sorted(JAVA_RETRIES | KAFKA_RETRIES | FURTHER_RETRIES))
def test_an_insert_that_others_send_again_is_sent_again_by_us(code):
    assert issubclass(codes.error_class(code, "", Verb.INSERT), errors.RetryableError)


@pytest.mark.parametrize("code", sorted(BAD_DATA))
def test_rows_that_can_never_be_stored_are_bad_data(code):
    assert codes.error_class(code, "", Verb.INSERT) is errors.BadDataError


@pytest.mark.parametrize("code", sorted(CONFIGURATION))
@pytest.mark.parametrize("verb", list(Verb))
def test_a_wrong_schema_or_credential_is_misconfigured_for_both_verbs(code, verb):
    assert codes.error_class(code, "", verb) is errors.MisconfiguredError


@pytest.mark.parametrize("code", [202, 241, 252, 439])
def test_what_asks_for_a_pause_is_overload(code):
    assert codes.error_class(code, "", Verb.INSERT) is errors.OverloadedError


@pytest.mark.parametrize("code", [158, 159, 160, 307, 394, 396, 735])
def test_a_question_over_its_limits_is_a_limit_error(code):
    assert codes.error_class(code, "", Verb.SELECT) is errors.LimitError


def test_one_insert_over_too_many_partitions_is_bad_data_and_no_back_pressure():
    text = "Too many partitions for single INSERT block (more than 100)."
    assert codes.error_class(252, text, Verb.INSERT) is errors.BadDataError
    assert codes.error_class(252, "Too many parts (3001) in all data", Verb.INSERT) is errors.OverloadedError


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Query memory limit exceeded: would use 12.06 MiB", errors.LimitError),
        ("Memory limit (for query) exceeded: would use 12.06 MiB", errors.LimitError),
        ("(total) memory limit exceeded: would use 12.06 GiB", errors.OverloadedError),
        ("User memory limit exceeded: would use 12.06 GiB", errors.OverloadedError),
    ],
)
def test_a_question_over_its_own_memory_is_told_from_a_full_server(text, error):
    assert codes.error_class(241, text, Verb.SELECT) is error
    assert codes.error_class(241, text, Verb.INSERT) is errors.OverloadedError


@pytest.mark.parametrize("code", [0, 49, 777, 4242])
def test_an_unknown_code_never_loses_rows_and_never_repeats_a_question(code):
    assert codes.error_class(code, "", Verb.INSERT) is errors.RetryableError
    assert codes.error_class(code, "", Verb.SELECT) is errors.PermanentError


def test_the_code_is_read_from_clickhouses_text():
    text = "Code: 60. DB::Exception: Table default.t does not exist. (UNKNOWN_TABLE) (version 26.7.2.1)"
    assert codes.code_in(text) == 60
    assert codes.code_in("Connection refused") is None


@pytest.mark.parametrize(
    "text",
    [
        "Code: 60. DB::Exception: Table t does not exist. (UNKNOWN_TABLE) (version 26.7.2.1)",
        "Code: 60. DB::Exception: Code: 60. Table t does not exist. (UNKNOWN_TABLE) (version 26.7.2.1 (official))",
        "DB::Exception: Table t does not exist. (UNKNOWN_TABLE). Stack trace:\n\n0. ? @ 0x1",
    ],
)
def test_each_door_tells_the_same_text(text):
    assert str(codes.error(60, text, Verb.SELECT)).rstrip(".") == "Table t does not exist. (UNKNOWN_TABLE)"


def test_an_error_carries_code_query_id_and_a_readable_text():
    error = codes.error(60, "Table t. Stack trace:\n\n0. ? @ 0x1\n1. ? @ 0x2", Verb.SELECT, "q-1")
    assert (error.code, error.query_id, str(error)) == (60, "q-1", "Table t.")


def test_a_text_longer_than_anybody_reads_is_cut_and_says_by_how_much():
    text = str(codes.error(27, "x" * 5000, Verb.INSERT))
    assert text.endswith("xxx ... (3000 characters more)")


@pytest.mark.parametrize(
    ("status", "error"), [(404, errors.MisconfiguredError), (413, errors.MisconfiguredError),
                          (429, errors.RetryableError), (502, errors.RetryableError), (503, errors.RetryableError)],
)  # fmt: skip
def test_a_status_that_clickhouse_did_not_send_is_sorted_by_itself(status, error):
    message = f"HTTP driver received HTTP status {status}, server response: <html>"
    assert type(codes.without_code(message, "ch:8123")) is error
