"""What an attribute value or a log body reads like in a String column, said as plainly as possible.

In: an AnyValue as `oracle.wireformat.read` gives it. Out: bytes.
"""

import base64
import math


def as_string(value):
    """The reference's Value.AsString, as bytes."""
    if "string_value" in value:
        return value["string_value"]
    if "bytes_value" in value:
        return base64.standard_b64encode(value["bytes_value"])
    if "double_value" in value:
        return number(value["double_value"]).encode()
    if "array_value" in value or "kvlist_value" in value or "bool_value" in value or "int_value" in value:
        return json(value)
    return b""


def json(value):  # noqa: PLR0911 - one way out for each kind
    """The reference's encoding of a value inside an array or a map."""
    if "string_value" in value:
        return quoted(value["string_value"])
    if "bool_value" in value:
        return b"true" if value["bool_value"] else b"false"
    if "int_value" in value:
        return str(value["int_value"]).encode()
    if "double_value" in value:
        text = number(value["double_value"]).encode()
        return text if math.isfinite(value["double_value"]) else b'"' + text + b'"'
    if "bytes_value" in value:
        return b'"' + base64.standard_b64encode(value["bytes_value"]) + b'"'
    if "array_value" in value:
        return b"[" + b",".join(json(item) for item in value["array_value"].get("values", [])) + b"]"
    if "kvlist_value" in value:
        members = {}
        for member in value["kvlist_value"].get("values", []):
            members[member.get("key", b"")] = json(member.get("value", {}))
        return b"{" + b",".join(quoted(key) + b":" + members[key] for key in sorted(members)) + b"}"
    return b"null"


SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(raw):
    """A JSON string; what is no UTF-8 is replaced byte by byte."""
    out = '"'
    at = 0
    while at < len(raw):
        character, size = rune(raw, at)
        at += size
        if character in SHORT:
            out += SHORT[character]
        elif character is None:
            out += "\\ufffd"
        elif ord(character) < 0x20 or character in "\u2028\u2029":
            out += f"\\u{ord(character):04x}"
        else:
            out += character
    return (out + '"').encode()


def rune(raw, at):
    """The character at `at` and its length in bytes; (None, 1) where there is none."""
    for size in (1, 2, 3, 4):
        try:
            character = raw[at : at + size].decode()
        except UnicodeDecodeError:
            continue
        if len(character) == 1:
            return character, size
    return None, 1


def number(value):
    """ECMAScript's Number::toString (ECMA-262, 6.1.6.1.20), from the shortest digits that read back as `value`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign = "-" if math.copysign(1, value) < 0 else ""  # for zero too: Go writes -0
    if value == 0:
        return sign + "0"
    digits, point = shortest(abs(value))
    if 0 < point <= 21:
        whole, rest = digits[:point].ljust(point, "0"), digits[point:]
        return sign + whole + ("." + rest if rest else "")
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def shortest(value):
    """(digits, point): the value is 0.digits times ten to the power of point; no zero at either end of the digits."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return stripped.rstrip("0"), point
