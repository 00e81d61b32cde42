"""Text that monitored systems wrote, made harmless to read: whoever can write a log line can write to an agent.

In: any text. Out: one line of it, without what a terminal or a model would take for something else than its letters:
ANSI escapes, control characters, zero-width and other invisible characters, marks that turn the direction of writing,
Unicode tags (which spell ASCII that nobody sees), variation selectors, private and unassigned code points, half
surrogates. Line ends become a visible sign, so that a cell stays in its line.
What it means is not judged: that is why answers frame it as data. Accents, emoji and every script stay.
"""

import re
import unicodedata

LINE_END = "⏎"
"""Stands for one or more line ends, with the blanks around them."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)  # ECMA-48
_LINE_ENDS = re.compile(
    "[ \t]*(?:\r\n|[\n\r\x0b\x0c\x85\u2028\u2029])(?:[ \t]*(?:\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]))*"
)
_SUSPECT = re.compile("[^\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482]")
"""All but what is known to be visible; what it finds is looked at one by one."""

_UNSEEN = frozenset("CZ")  # of Unicode's general categories: other, separator
_SELECTORS = frozenset([*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x1810), 0x034F])
_BLANKS_THAT_ARE_LETTERS = frozenset([0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800])
_MOST_MARKS = 4
"""Combining marks in a row that a script may need; the rest would be written over the lines above and below."""

_MARKS = re.compile(
    rf"([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{{{_MOST_MARKS}}})[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def clean(text: str) -> str:
    """The text as one line of visible characters."""
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPES.sub("", text)
    text = _LINE_ENDS.sub(f" {LINE_END} ", text.strip("\r\n\x0b\x0c\x85\u2028\u2029"))
    return _MARKS.sub(r"\1", _SUSPECT.sub(_seen, text))


def _seen(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\t" or unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    hidden = unicodedata.category(character)[0] in _UNSEEN or code in _SELECTORS or code in _BLANKS_THAT_ARE_LETTERS
    return "" if hidden else character
