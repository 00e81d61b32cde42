"""Secrets in telemetry are blotted out, and what only looks a little like one stays."""

import pytest

from mcp_server.masking import mask

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
LETTERS = "abcdefghijklmnopqrstuvwxyz0123"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA1234\nabcd\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("login with password: hunter2222", "hunter2222"),
        ("DB_PASSWORD=s3cr3tValue next", "s3cr3tValue"),
        ('{"client_secret": "abcdef123456"}', "abcdef123456"),
        ("postgres://app:p4ssw0rd@db:5432/x", "p4ssw0rd"),
        ("redis://:topsecret@cache:6379", "topsecret"),
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
        (f"token {JWT} rejected", JWT),
        ("Authorization: Bearer abcdef0123456789abcdef", "abcdef0123456789"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        (KEY, "MIIEowIBAAKCAQEA1234"),
        (KEY.replace("\n", " ⏎ "), "MIIEowIBAAKCAQEA1234"),
        (KEY[:60], "MIIE"),
        ("pushed with ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghij"),
        ("slack xoxb-123456789012-abcdefghijkl", "xoxb-123456789012"),
        ("AIzaSyA-1234567890abcdefghijklmnopqrstu", "AIzaSyA-1234567890"),
        ("sk_live_abcdefghijklmnop", "sk_live_abcdefghijklmnop"),
        (f"key sk-proj-{LETTERS}", LETTERS),
        ("npm_abcdefghijklmnopqrstuvwxyz0123456789", "npm_abcdefghij"),
        ("session-token=IQoJb3JpZ2luX2VjEXAMPLE", "IQoJb3JpZ2luX2Vj"),
        ("ohr_ci_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnop"),
        ("?access_token=abcdef123456&x=1", "abcdef123456"),
        ('{"password":"abc def ghi"}', "def ghi"),
        ('{"password":"abc def\\"ghi", "x": 1}', "ghi"),
        ('{\\"password\\":\\"abc def ghi\\"}', "def ghi"),
        ("{'client_secret': 'it is a long one'}", "long one"),
        ('password: "cut off in the', "the"),
        ('api_key: "in-memory-key-123"', "memory-key-123"),
        ("password=is-my-secret", "my-secret"),
        ("password=for.you", "you"),
        ("DB_PASS=hunter22", "hunter22"),
        ("token: abcdefghijklmnop", "abcdefghijklmnop"),
        ("token: abc-def-1234", "abc-def-1234"),
        ('"token": "abc-def-1234"', "abc-def-1234"),
        ("mysql --password hunter22 --host db", "hunter22"),
        ("run --token abcdef", "abcdef"),
        ("login --password 'correct horse'", "horse"),
        ("the password is hunter2", "hunter2"),
        ("password was: hunter2!", "hunter2!"),
        ("your api key is 'a b c'", "a b c"),
        ("AccountName=x;AccountKey=abcdef+/gh==;EndpointSuffix=y", "abcdef+/gh=="),
        ("SecretAccessKey wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
        ("secret access key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
        ("POST https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXX", "XXXXXXXX"),
        ("https://discord.com/api/webhooks/123456/abcdefgh", "abcdefgh"),
    ],
)
def test_a_secret_is_blotted_out(text, secret):
    masked = mask(text)

    assert secret not in masked
    assert "********" in masked


@pytest.mark.parametrize(
    "text",
    [
        "password is wrong for user alice",
        "token expired",
        "alice@example.com could not log in",
        'secret "db-credentials" not found',
        "primary key: order_id",
        "trace 5b8efff798038103d269b633813fc60c span 9d1c0a9f1e2b3c4d",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "uid 5b8efff7-98b0-4103-8d26-9b633813fc60",
        "https://host/path?page=2",
        "skipped 12 of 30",
        "password is required",
        "the password is sha256-hashed",
        "password: invalid",
        "password: must be 8 characters",
        "token: expired",
        "token: not found.",
        "Unexpected token: identifier42",
        "used 1234567 tokens: 12 of them twice",
        '{"token":null,"password":null}',
        "use --password to set it",
        "--password option is missing",
        "--password is required",
        "secret app-tls-2024-cert-x7 not found",
        "secret default/db-credentials is missing",
        "the token is valid until 2026-11-21",
        "the access key was rotated in time",
        "account key id 42 is unknown",
        "posted to https://example.com/services/hooks",
        "keyboard: us, monkey: yes",
    ],
)
def test_what_is_looked_for_stays(text):
    assert mask(text) == text
