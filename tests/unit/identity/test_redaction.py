"""What looks like a credential is blotted out of a text, wherever it stands; everything else stays."""

import time

import pytest

from identity.redaction import BLOT, redact

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl-_x"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("sent Bearer s3cr3t-and.more==", "sent Bearer ********"),
        ("authorization: Bearer s3cr3t", "authorization: Bearer ********"),
        ("Authorization: Basic dXNlcjpwdw==", "Authorization: Basic ********"),
        ("Authorization: s3cr3t", "Authorization: ********"),
        ("proxy-authorization=s3cr3t", "proxy-authorization=********"),
        ("{'authorization': 'Bearer s3cr3t', 'a': 'b'}", "{'authorization': 'Bearer ********', 'a': 'b'}"),
        (
            "[(b'authorization', b'Bearer s3cr3t'), (b'x', b'y')]",
            "[(b'authorization', b'Bearer ********'), (b'x', b'y')]",
        ),
        ('{"Cookie": "a=s3cr3t; b=more", "x": 1}', '{"Cookie": "********", "x": 1}'),
        ("Cookie: session=s3cr3t; b=more", "Cookie: ********"),
        ("Set-Cookie: session=s3cr3t", "Set-Cookie: ********"),
        ("X-ClickHouse-Key: s3cr3t", "X-ClickHouse-Key: ********"),
        ("token ohi_7f3a_s3cr3tS3CR3T is gone", "token ohi_7f3a_******** is gone"),
        ("Bearer ohr_ops-2_s3cr3t_with_more", "Bearer ohr_ops-2_********"),
        ("Bearer ohi_S3cr3tWithoutAnId", "Bearer ohi_********"),
        ("?q=a%20ohr_ops_s3cr3t", "?q=a%20ohr_ops_********"),
        ("ohr__s3cr3t", "ohr_********"),
        ("/api?token=ohr_7f3a_s3cr3t&limit=1", "/api?token=ohr_7f3a_********&limit=1"),
        (f"got {JWT} from", f"got {BLOT} from"),
        (f"Bearer {JWT}", f"Bearer {BLOT}"),
        ("GET /api/v1?access_token=s3cr3t&since=1h HTTP/1.1", "GET /api/v1?access_token=********&since=1h HTTP/1.1"),
        ("/x?a=1&token=s3cr3t", "/x?a=1&token=********"),
        ("/x?next=%2Fy%3Ftoken%3Ds3cr3t", "/x?next=%2Fy%3Ftoken%3D********"),
        ("?password=s3cr3t&user=u", "?password=********&user=u"),
        ('{"token": "s3cr3t", "n": 1}', '{"token": "********", "n": 1}'),
        (r"{\"client_secret\": \"s3cr3t\"}", r"{\"client_secret\": \"********\"}"),
        ("clickhouse://u:s3cr3t@host:9000/", "clickhouse://u:********@host:9000/"),
        ("https://:s3cr3t@host/", "https://:********@host/"),
        ("http://u:p%40ss:s3cr3t@host", "http://u:********@host"),
    ],
)
def test_a_credential_is_blotted_out(text, left):
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "stored 3 rows",
        "no credential: send an ingest token as `authorization`",
        "the token ops-2 may not send logs",
        "basic checks passed",
        "key: value, http://host:8080/path@v2",
        "OTLP/gRPC http://127.0.0.1:4317",
        "tokens.yaml, line 3: unknown key",
        "insert_deduplication_token is set",
        "eyJ",
        "cookies are not read",
        "",
    ],
)
def test_what_is_no_credential_stays(text):
    assert redact(text) == text


def test_a_text_that_was_blotted_out_once_stays_as_it_is():
    once = redact("authorization: Bearer ohi_7f3a_s3cr3t?token=x&password=y cookie: z")
    assert redact(once) == once


LONG = (
    "token",
    "a",
    "Bearer ",
    "://",
    "eyJ",
    "cookie",
    "x-",
    '"',
    "secret.token-",
    "token=",
    "ohi_",
    "ohi_a_",
    "authorization ",
)


@pytest.mark.parametrize("text", [*(part * (100_000 // len(part)) for part in LONG), "x-" * 50_000 + "token"])
def test_no_text_takes_long(text):
    begun = time.perf_counter()
    redact(text)
    assert time.perf_counter() - begun < 1.0
