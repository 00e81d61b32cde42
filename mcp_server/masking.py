"""Secrets in what monitored systems wrote, blotted out before an agent sees them.

In: a text. Out: the same with what looks like a credential replaced by a blot. On top of `identity.redaction` (bearer
tokens, JWTs, passwords in URLs, `token=`, headers) it knows the keys of the large providers by their form, private
keys, addresses of webhooks, and `password: abc`, `--password abc`, `the password is abc1` as programs log it. Mail
addresses, ids and hashes stay: they are what is looked for.

It is a net, not a wall: a secret that nothing marks as one passes, and so does one that SQL takes apart before it gets
here. Telemetry should not hold secrets in the first place.
"""

import re

from identity.redaction import BLOT, redact

_HINTS = (
    *(
        "akia",
        "asia",
        "aws",
        "ghp_",
        "gho_",
        "ghs_",
        "ghu_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "xox",
        "aiza",
        "sk_",
        "rk_",
    ),
    *(
        "sk-",
        "npm_",
        "hvs.",
        "sg.",
        "dop_v1_",
        "private key",
        "pass",
        "pwd",
        "secret",
        "token",
        "key",
        "credential",
        "==",
        "webhook",
        "hooks.slack",
    ),
)
"""Without one of these, in any case of letters, there is nothing to look for."""

_NAMES = (
    r"(?:[\w.-]{0,60}(?:passw(?:or)?d|passphrase|pwd|[-_]pass|secret|api[-_]?key|access[-_]?key|account[-_]?key"
    r"|private[-_]?key|auth[-_]?token|access[-_]?token|refresh[-_]?token|id[-_]?token|session[-_]?token"
    r"|client[-_]?secret|credentials?)(?:[-_](?:key|id))?)"
)
_SAID = (
    r"(?:is|was|are|not|for|of|in|to|the|has|must|may|can|file|field|expired|invalid|missing|wrong|required|rotated"
    r"|from|by|and|or|flag|option|argument|parameter|value|with|as|on|if|when|will|should|cannot|does)"
    r"(?=[.,;:!?)\]}]*(?:\s|$))"
)
"""What follows `password` in a sentence about passwords; a value that only begins so has no blank behind it."""
_NOTHING = r"(?:null|none|nil|true|false|empty)(?=[.,;:!?)\]}]*(?:\s|$)|[,}\]])"
_WORDS = rf"(?:{_SAID}|{_NOTHING})"
_QUOTE = r"\\{0,3}[\"']"
"""Around names and values in JSON, and in JSON inside of JSON."""
_SIGN = r"\s*(?:=>|:=|[:=])\s*"
_DIGESTS = r"(?:sha|md|base|utf|rfc|bcrypt|argon)-?\d+"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL if pattern.startswith("-") else 0), instead)
    for pattern, instead in (
        # A private key, whole or cut off at either end.
        (
            r"-----BEGIN[A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END[A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)",
            f"{BLOT} (private key)",
        ),
        # Ids of AWS keys: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
        (r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", f"{BLOT} (AWS key)"),
        (r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})", f"{BLOT} (git token)"),
        (r"\bxox[abeoprs]-[\w-]{10,}", f"{BLOT} (Slack token)"),
        (r"\bAIza[\w-]{35}\b", f"{BLOT} (Google key)"),
        (r"\b[sr]k_(?:live|test)_\w{10,}", f"{BLOT} (Stripe key)"),
        (r"\bsk-(?:ant-|proj-)?[\w-]{20,}", f"{BLOT} (key)"),
        (
            r"\b(?:npm_[A-Za-z0-9]{30,}|hvs\.[\w-]{20,}|dop_v1_[a-f0-9]{40,}|SG\.[\w-]{16,}\.[\w-]{16,})",
            f"{BLOT} (token)",
        ),
        # `"client_secret" => "a b c"`, and so in JSON in JSON: to the closing quote, or the end.
        (
            rf"(?i)\b({_NAMES}(?:{_QUOTE})?{_SIGN}b?(?P<q>{_QUOTE}))(?!\*{{8}})(?:(?!(?P=q))(?:\\.|.))+",
            rf"\g<1>{BLOT}",
        ),
        # `password: abc`, `DB_PASSWORD=abc`, `AccountKey=abc==`
        (
            rf"(?i)\b({_NAMES}(?:{_QUOTE})?{_SIGN})(?!\*{{8}}|{_WORDS})([^\s\"'\\,;&)}}\]]{{3,}})",
            rf"\g<1>{BLOT}",
        ),
        # `token: abcdef0123`, of which a sentence may be too: long without a hyphen, or with a digit.
        (
            (
                rf"(?i)(?<!unexpected )\b(token(?:{_QUOTE})?{_SIGN}(?:{_QUOTE})?)"
                r"(?:(?=[^\s\"']*\d)[\w.~+/=-]{6,}|[A-Za-z0-9_~+/=]{16,}(?![\w-]))"
            ),
            rf"\g<1>{BLOT}",
        ),
        # `--password abc`
        (
            rf"(?i)(--(?:{_NAMES}|token|pass)\s+)(?!-|\*{{8}}|{_WORDS})((?P<o>[\"']).+?(?P=o)|[^\s\"']{{3,}})",
            rf"\g<1>{BLOT}",
        ),
        # `the password is hunter2`: what has letters and digits, or stands in quotes
        (
            (
                rf"(?i)\b((?:{_NAMES}|passcode|api key|token)\s+(?:is|was)\s*:?\s+)"
                rf"(?!{_DIGESTS})((?P<i>[\"']).+?(?P=i)|(?=\S*\d)(?=\S*[a-z])[^\s\"']{{5,}})"
            ),
            rf"\g<1>{BLOT}",
        ),
        # `SecretAccessKey wJalrXUt...`
        (
            (
                r"\b((?i:[\w.-]{0,40}(?:access|account|api|secret|private)[-_ ]?key)\s+)"
                r"(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)[A-Za-z0-9+/=_-]{16,}"
            ),
            rf"\g<1>{BLOT}",
        ),
        # Addresses to which anybody may post who knows them: https://api.slack.com/messaging/webhooks
        (
            (
                r"(?i)\b(hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/"
                r"|webhook\.office\.com/webhookb2/)[^\s\"'<>)\]]+"
            ),
            rf"\g<1>{BLOT}",
        ),
    )
)


def mask(text: str) -> str:
    """`text` without the credentials in it; the same object where there are none."""
    small = text.lower()
    if any(hint in small for hint in _HINTS):
        for pattern, instead in _RULES:
            text = pattern.sub(instead, text)
    return redact(text)
