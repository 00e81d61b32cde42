"""Keeps credentials out of what people read: the second line of defence, for texts that others wrote.

In: any text, such as an error's or a library's log line. Out: the same with what looks like a credential blotted out.
The first line of defence is not to write one down; this one catches what slipped through:

    Bearer abc, Basic abc                     the scheme stays
    ohi_<id>_<secret>, ohr_<id>_<secret>      kind and id stay, since they say which token to take back
    eyJ...                                    a JWT, whole
    Authorization: abc, Cookie: a=b; c=d      the whole value, also in dumps of headers
    token=abc, access_token=abc, password=abc in query strings; "token": "abc" in JSON and in Python's dumps
    https://user:abc@host                     the user stays

It cannot know a secret that nothing marks as one. Where nothing matches it costs one pass over the text.
"""

import re

BLOT = "********"

_HINTS = (
    *("ohi_", "ohr_", "eyj", "bearer", "basic", "digest", "negotiate", "token", "passw", "secret"),
    *("cookie", "authorization", "api_key", "apikey", "-key", "://"),
)
"""Without one of these, in any case of letters, there is nothing to blot out."""

_QUOTE = r"""\\{0,3}["']"""
"""Around names and values in JSON, in Python's dumps, and in one inside the other."""

_HEADER = r"(?:proxy-)?authorization|(?:set-)?cookie|x-clickhouse-key|x-api-key"
_NAME = r"(?:token|password|passwd|secret|api[-_]?key)"
_SCHEME = r"(?:bearer|basic|digest|negotiate)"
_BLOTTED = r"(?:oh[ir]_(?:[a-z0-9-]{1,63}_)?)?\*{8}"
_NOT_YET = rf"(?!{_SCHEME}\s|{_BLOTTED})"
"""Not before what an earlier rule has dealt with."""

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (rf"(?!{_BLOTTED})(oh[ir]_(?:[a-z0-9-]{{1,63}}_)?)[\w~.+/=-]+", rf"\g<1>{BLOT}"),
        (r"eyJ[\w-]{8,}(?:\.[\w-]*){0,4}", BLOT),
        (rf"\b({_SCHEME}(?:\s+|%20|\+))(?!{_BLOTTED})(?=\S*[\d._~+/=-]|\S{{16}})[\w.~+/%=-]{{4,}}", rf"\g<1>{BLOT}"),
        # `Cookie: a=b; c=d`, `'cookie': 'a=b'`, `(b'cookie', b'a=b')`: to the closing quote or the end of the line.
        (
            rf"\b((?:{_HEADER})(?:{_QUOTE})?\s*[:=]\s*(?:b?{_QUOTE})?(?:{_SCHEME}\s+)?){_NOT_YET}[^\s\"'\\][^\"'\\\r\n]*",
            rf"\g<1>{BLOT}",
        ),
        (
            rf"\b((?:{_HEADER}){_QUOTE}\s*,\s*b?{_QUOTE}(?:{_SCHEME}\s+)?){_NOT_YET}[^\"'\\\r\n]+",
            rf"\g<1>{BLOT}",
        ),
        (rf"({_NAME}(?:=|%3D))(?!{_BLOTTED})[^\s&;,\"'\\)\]}}]+", rf"\g<1>{BLOT}"),
        (rf"({_NAME}{_QUOTE}\s*[:=,]\s*b?{_QUOTE})(?!{_BLOTTED})[^\"'\\\r\n]+", rf"\g<1>{BLOT}"),
        (r"(://[^:/@\s\"']*:)(?!\*{8})[^/\s\"']+(?=@)", rf"\g<1>{BLOT}"),
    )
)


def redact(text: str) -> str:
    """`text` without the credentials in it; the same object where there are none."""
    small = text.lower()
    if not any(hint in small for hint in _HINTS):
        return text
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text
