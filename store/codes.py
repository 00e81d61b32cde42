"""ClickHouse's error codes, sorted into the classes of `store.errors`.

In: a code and ClickHouse's own text, and whether it was said about an insert or a question.
Out: the error to raise. The table follows the retry sets that ClickHouse's own Java client and Kafka sink publish
(https://github.com/ClickHouse/clickhouse-java, https://github.com/ClickHouse/clickhouse-kafka-connect); names are those
of src/Common/ErrorCodes.cpp.

A code that stands in no table: an insert is tried again, since giving it up would lose rows over an error that nobody
has looked at yet; a question fails for good, since asking again loses nothing and costs the server.
"""

import re
from enum import StrEnum

from store import errors

INSERT_WAS_DEDUPLICATED = 389
"""No error: ClickHouse holds the rows of this token already."""

TOO_MANY_PARTS = 252
MEMORY_LIMIT_EXCEEDED = 241


class Verb(StrEnum):
    """What ClickHouse was asked to do when it failed."""

    INSERT = "insert"
    SELECT = "select"


_RETRYABLE = frozenset({
    3,  # UNEXPECTED_END_OF_FILE: the body ended early
    32,  # ATTEMPT_TO_READ_AFTER_EOF
    33,  # CANNOT_READ_ALL_DATA
    107,  # FILE_DOESNT_EXIST: a part was merged away meanwhile
    159,  # TIMEOUT_EXCEEDED (of a question: see _SELECT)
    164,  # READONLY (of a question: see _SELECT)
    198,  # DNS_ERROR, 209, 210, 279: between the server and its own peers
    209,  # SOCKET_TIMEOUT
    210,  # NETWORK_ERROR
    216,  # QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: the attempt before still runs
    225,  # NO_ZOOKEEPER
    236,  # ABORTED: the server is shutting down
    242,  # TABLE_IS_READ_ONLY: the replica has lost Keeper
    279,  # ALL_CONNECTION_TRIES_FAILED
    285,  # TOO_FEW_LIVE_REPLICAS
    286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    319,  # UNKNOWN_STATUS_OF_INSERT
    394,  # QUERY_WAS_CANCELLED (of a question: see _SELECT)
    425,  # SYSTEM_ERROR
    473,  # DEADLOCK_AVOIDED
    499,  # S3_ERROR
    733,  # TABLE_IS_BEING_RESTARTED
    735,  # QUERY_WAS_CANCELLED_BY_CLIENT (of a question: see _SELECT)
    999,  # KEEPER_EXCEPTION
    1000,  # POCO_EXCEPTION
    1001,  # STD_EXCEPTION
    1002,  # UNKNOWN_EXCEPTION
})  # fmt: skip

_OVERLOADED = frozenset({
    173,  # CANNOT_ALLOCATE_MEMORY
    202,  # TOO_MANY_SIMULTANEOUS_QUERIES
    203,  # NO_FREE_CONNECTION
    MEMORY_LIMIT_EXCEEDED,  # 241 (of a question over its own bound: see _by_text)
    243,  # NOT_ENOUGH_SPACE: until somebody makes room or retention does
    TOO_MANY_PARTS,  # 252 (of a single insert over too many partitions: see _by_text)
    439,  # CANNOT_SCHEDULE_TASK
    745,  # SERVER_OVERLOADED
})  # fmt: skip

_BAD_DATA = frozenset({
    6,  # CANNOT_PARSE_TEXT
    25,  # CANNOT_PARSE_ESCAPE_SEQUENCE
    26,  # CANNOT_PARSE_QUOTED_STRING
    27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
    38,  # CANNOT_PARSE_DATE
    41,  # CANNOT_PARSE_DATETIME
    53,  # TYPE_MISMATCH
    69,  # ARGUMENT_OUT_OF_BOUND
    70,  # CANNOT_CONVERT_TYPE
    72,  # CANNOT_PARSE_NUMBER
    117,  # INCORRECT_DATA
    130,  # CANNOT_READ_ARRAY_FROM_TEXT
    131,  # TOO_LARGE_STRING_SIZE
    153,  # ILLEGAL_DIVISION
    321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    376,  # CANNOT_PARSE_UUID
    395,  # FUNCTION_THROW_IF_VALUE_IS_NON_ZERO: a view refused the row
    407,  # DECIMAL_OVERFLOW
    436,  # PROTOBUF_BAD_CAST
    441,  # CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING
    444,  # UNKNOWN_PROTOBUF_FORMAT: ClickHouse's word for corrupted Protobuf bytes
    457,  # BAD_QUERY_PARAMETER: a bound value does not fit its type
    469,  # VIOLATED_CONSTRAINT
    691,  # UNKNOWN_ELEMENT_OF_ENUM
    675,  # CANNOT_PARSE_IPV4
    676,  # CANNOT_PARSE_IPV6
})  # fmt: skip

_MISCONFIGURED = frozenset({
    8,  # THERE_IS_NO_COLUMN
    10,  # NOT_FOUND_COLUMN_IN_BLOCK
    16,  # NO_SUCH_COLUMN_IN_TABLE
    20,  # NUMBER_OF_COLUMNS_DOESNT_MATCH
    36,  # BAD_ARGUMENTS
    42,  # NUMBER_OF_ARGUMENTS_DOESNT_MATCH
    43,  # ILLEGAL_TYPE_OF_ARGUMENT
    44,  # ILLEGAL_COLUMN
    46,  # UNKNOWN_FUNCTION
    47,  # UNKNOWN_IDENTIFIER
    48,  # NOT_IMPLEMENTED
    50,  # UNKNOWN_TYPE
    57,  # TABLE_ALREADY_EXISTS
    60,  # UNKNOWN_TABLE
    62,  # SYNTAX_ERROR
    73,  # UNKNOWN_FORMAT
    80,  # INCORRECT_QUERY
    81,  # UNKNOWN_DATABASE
    82,  # DATABASE_ALREADY_EXISTS
    115,  # UNKNOWN_SETTING: the setting is newer than the server
    192,  # UNKNOWN_USER
    193,  # WRONG_PASSWORD
    194,  # REQUIRED_PASSWORD
    195,  # IP_ADDRESS_NOT_ALLOWED
    201,  # QUOTA_EXCEEDED: hours may pass, so somebody should know
    291,  # DATABASE_ACCESS_DENIED
    344,  # SUPPORT_IS_DISABLED
    434,  # CANNOT_PARSE_PROTOBUF_SCHEMA
    435,  # NO_COLUMN_SERIALIZED_TO_REQUIRED_PROTOBUF_FIELD
    437,  # PROTOBUF_FIELD_NOT_REPEATED
    446,  # FUNCTION_NOT_ALLOWED
    452,  # SETTING_CONSTRAINT_VIOLATION
    456,  # UNKNOWN_QUERY_PARAMETER: a {name:Type} has no value
    472,  # READONLY_SETTING
    497,  # ACCESS_DENIED
    511,  # UNKNOWN_ROLE
    516,  # AUTHENTICATION_FAILED
    701,  # CLUSTER_DOESNT_EXIST
})  # fmt: skip

_LIMIT = frozenset({
    158,  # TOO_MANY_ROWS
    160,  # TOO_SLOW
    161,  # TOO_MANY_COLUMNS
    191,  # SET_SIZE_LIMIT_EXCEEDED
    229,  # QUERY_IS_TOO_LARGE
    290,  # LIMIT_EXCEEDED
    307,  # TOO_MANY_BYTES
    396,  # TOO_MANY_ROWS_OR_BYTES
})  # fmt: skip

_SELECT: dict[int, type[errors.StoreError]] = {
    159: errors.LimitError,  # the question ran longer than `Limits.seconds`
    164: errors.MisconfiguredError,  # it writes, and was asked with readonly = 1
    394: errors.LimitError,
    735: errors.LimitError,
}
"""What means another thing for a question than for an insert."""

_TABLE: dict[int, type[errors.StoreError]] = {
    **dict.fromkeys(_RETRYABLE, errors.RetryableError),
    **dict.fromkeys(_OVERLOADED, errors.OverloadedError),
    **dict.fromkeys(_BAD_DATA, errors.BadDataError),
    **dict.fromkeys(_MISCONFIGURED, errors.MisconfiguredError),
    **dict.fromkeys(_LIMIT, errors.LimitError),
}

SORTED = frozenset(_TABLE) | frozenset(_SELECT)
"""Every code that stands in a table."""

_CODE = re.compile(r"\bCode: (\d+)\b")
_OWN_MEMORY = re.compile(r"query memory limit exceeded|memory limit \(for query\)", re.IGNORECASE)
_STATUS = re.compile(r"\bHTTP status (\d{3})\b")
_AROUND = re.compile(r"^(?:Code: \d+\.\s*|DB::Exception:\s*)+|\s*\(version [^()]+(?:\([^()]*\))?\)\.?$")
_STACK_TRACE = re.compile(r"\s*Stack trace:.*", re.DOTALL)
MESSAGE_CHARACTERS = 2_000
"""A message longer than this is cut: ClickHouse quotes whole statements and rows in some."""


def error_class(code: int, message: str, verb: Verb) -> type[errors.StoreError]:
    """Say which class of error ClickHouse's code is; `message` decides where the code alone does not."""
    if (found := _by_text(code, message, verb)) is not None:
        return found
    if verb is Verb.SELECT and code in _SELECT:
        return _SELECT[code]
    unknown = errors.RetryableError if verb is Verb.INSERT else errors.PermanentError
    return _TABLE.get(code, unknown)


def error(code: int, message: str, verb: Verb, query_id: str = "") -> errors.StoreError:
    """Make the error to raise for ClickHouse's code and text."""
    return error_class(code, message, verb)(shorten(message), code=code, query_id=query_id)


def code_in(text: str) -> int | None:
    """Find the code in a text as `Code: 60. DB::Exception: ...`; None if ClickHouse did not say this."""
    match = _CODE.search(text)
    return int(match[1]) if match else None


def shorten(message: str) -> str:
    """Leave out what says nothing (prefixes, version, stack trace) and what is longer than anybody reads."""
    message = _AROUND.sub("", _STACK_TRACE.sub("", message)).strip()
    if len(message) <= MESSAGE_CHARACTERS:
        return message
    return f"{message[:MESSAGE_CHARACTERS]} ... ({len(message) - MESSAGE_CHARACTERS} characters more)"


def _by_text(code: int, message: str, verb: Verb) -> type[errors.StoreError] | None:
    """Tell apart what ClickHouse gives one code.

    252 is back-pressure of a table with too many parts, or one insert over too many partitions, which no pause mends.
    241 is a server out of memory, or one question over its own `max_memory_usage`.
    """
    if code == TOO_MANY_PARTS and "Too many partitions for single INSERT block" in message:
        return errors.BadDataError
    if code == MEMORY_LIMIT_EXCEEDED and verb is Verb.SELECT and _OWN_MEMORY.search(message):
        return errors.LimitError
    return None


def without_code(message: str, where: str) -> errors.StoreError:
    """Make the error for an HTTP answer that ClickHouse did not give: a proxy's, or another server's."""
    match = _STATUS.search(message)
    status = int(match[1]) if match else 0
    if status and status < 500 and status != 429:
        return errors.MisconfiguredError(f"what answers at {where} is not ClickHouse: {shorten(message)}")
    return errors.RetryableError(f"{where} failed: {shorten(message)}")
