"""Errors and answers look on the wire as OTLP wants them."""

import json

import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from identity.errors import (
    ForbiddenError,
    IdentityError,
    KeysUnavailableError,
    LockedOutError,
    UnauthenticatedError,
)
from ingest.errors import (
    BusyError,
    IngestError,
    MalformedError,
    OverLimitError,
    OverShareError,
    TooLargeError,
)
from ingest.intake import Accepted, Encoding
from ingest.response import export_response
from ingest.status import clip, failure_of, internal_failure, retry_after_header, status_body, status_bytes
from sql.signals import Signal

LIMIT = 4 * 1024 * 1024


def status_of(error: IngestError) -> status_pb2.Status:
    return status_pb2.Status.FromString(status_bytes(failure_of(error)))


@pytest.mark.parametrize(
    ("error", "code", "http_status"),
    [
        (MalformedError("bad"), code_pb2.INVALID_ARGUMENT, 400),
        (TooLargeError("big"), code_pb2.RESOURCE_EXHAUSTED, 413),
        (BusyError("later"), code_pb2.UNAVAILABLE, 503),
    ],
)
def test_each_error_has_its_codes(error, code, http_status):
    failure = failure_of(error)
    assert (failure.code, failure.http_status) == (code, http_status)
    assert status_of(error).code == code
    assert status_of(error).message == str(error)


def test_malformed_data_names_its_place_in_a_bad_request():
    status = status_of(MalformedError("not hex", field="resource_logs[0].scope_logs[1]"))
    detail = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(detail)
    violation = detail.field_violations[0]
    assert (violation.field, violation.description) == ("resource_logs[0].scope_logs[1]", "not hex")


def test_only_a_busy_house_asks_for_the_same_again():
    detail = error_details_pb2.RetryInfo()
    assert status_of(BusyError("later", retry_after=2.5)).details[0].Unpack(detail)
    assert detail.retry_delay.ToMilliseconds() == 2500
    for error in (MalformedError("m"), TooLargeError("t")):
        assert not any(any_.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for any_ in status_of(error).details)
        assert failure_of(error).retry_after is None


@pytest.mark.parametrize("failure", [internal_failure(), failure_of(IngestError("secret"))])
def test_a_fault_of_the_house_asks_for_the_same_again_and_tells_no_secrets(failure):
    assert (failure.code, failure.http_status, failure.reason) == (code_pb2.UNAVAILABLE, 503, "internal")
    assert failure.retry_after >= 1
    assert "secret" not in failure.message
    assert "not stored" not in failure.message, "nobody knows whether it was"


@pytest.mark.parametrize(("seconds", "header"), [(0.0, b"1"), (0.2, b"1"), (1.0, b"1"), (1.01, b"2"), (5, b"5")])
def test_retry_after_is_whole_seconds_and_at_least_one(seconds, header):
    assert retry_after_header(seconds) == header


def test_a_status_in_json_is_canonical_json_of_the_same_status():
    body = json.loads(status_body(failure_of(BusyError("später", retry_after=1.5)), Encoding.JSON))
    assert body == {
        "code": 14,
        "message": "später",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"}],
    }


def test_a_long_message_is_cut_so_that_grpc_trailers_hold_it():
    error = MalformedError("ü" * 5000, field="f" * 5000)
    data = status_bytes(failure_of(error))
    assert len(data) < 2600
    assert status_pb2.Status.FromString(data).message.endswith("ü…")


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("abc", 3, "abc"),
        ("abcdef", 5, "ab…"),
        ("üüü", 6, "üüü"),
        ("üüüü", 6, "ü…"),
        ("a\ud800b", 10, "a?b"),
        ("", 0, ""),
    ],
)
def test_text_is_cut_between_characters(text, limit, cut):
    assert clip(text, limit) == cut


@pytest.mark.parametrize("signal", list(Signal))
def test_full_success_leaves_partial_success_unset(signal):
    assert export_response(signal, Accepted(), Encoding.PROTOBUF, LIMIT) == b""
    assert export_response(signal, Accepted(), Encoding.JSON, LIMIT) == b"{}"


@pytest.mark.parametrize(
    ("signal", "kind", "counter", "json_counter"),
    [
        (Signal.LOGS, ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
        (Signal.TRACES, ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
        (Signal.METRICS, ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
    ],
)
def test_partial_success_counts_in_the_signals_own_field(signal, kind, counter, json_counter):
    accepted = Accepted(rejected=7, message="no type")
    partial = kind.FromString(export_response(signal, accepted, Encoding.PROTOBUF, LIMIT)).partial_success
    assert (getattr(partial, counter), partial.error_message) == (7, "no type")
    # int64 is a string in canonical JSON.
    body = json.loads(export_response(signal, accepted, Encoding.JSON, LIMIT))
    assert body == {"partialSuccess": {json_counter: "7", "errorMessage": "no type"}}


def test_a_warning_is_a_partial_success_that_rejects_nothing():
    body = export_response(Signal.LOGS, Accepted(message="old clock"), Encoding.JSON, LIMIT)
    assert json.loads(body) == {"partialSuccess": {"errorMessage": "old clock"}}


@pytest.mark.parametrize("encoding", list(Encoding))
def test_an_answer_over_the_limit_loses_message_and_keeps_its_count(encoding):
    accepted = Accepted(rejected=3, message='"\x01ü' * 10_000)
    body = export_response(Signal.TRACES, accepted, encoding, 1024)
    assert 200 < len(body) <= 1024
    if encoding is Encoding.JSON:
        assert json.loads(body)["partialSuccess"]["rejectedSpans"] == "3"
    else:
        assert ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans == 3


@pytest.mark.parametrize(
    ("error", "code", "http_status", "reason"),
    [
        (UnauthenticatedError("no token"), code_pb2.UNAUTHENTICATED, 401, "unauthenticated"),
        (ForbiddenError("no"), code_pb2.PERMISSION_DENIED, 403, "forbidden"),
    ],
)
def test_who_is_not_let_in_is_told_never_to_send_the_same_again(error, code, http_status, reason):
    failure = failure_of(error)
    assert (failure.code, failure.http_status, failure.reason) == (code, http_status, reason)
    assert failure.retry_after is None


@pytest.mark.parametrize(
    ("error", "http_status", "reason"),
    [
        (LockedOutError("wait", retry_after=3.0), 429, "locked_out"),
        (KeysUnavailableError("later", retry_after=3.0), 503, "keys_unavailable"),
        (OverShareError("share", retry_after=3.0), 429, "over_share"),
        (OverLimitError("limit", retry_after=3.0), 429, "over_limit"),
    ],
)
def test_what_passes_is_unavailable_with_a_pause_that_every_sender_keeps(error, http_status, reason):
    failure = failure_of(error)
    assert (failure.code, failure.http_status, failure.reason) == (code_pb2.UNAVAILABLE, http_status, reason)
    assert failure.retry_after == 3.0


def test_a_lock_out_of_minutes_asks_for_no_longer_a_pause_than_senders_bear():
    assert failure_of(LockedOutError("wait", retry_after=600.0)).retry_after == 5.0


def test_a_fault_of_identity_is_a_fault_of_the_house():
    assert failure_of(IdentityError("secret")) == internal_failure()
