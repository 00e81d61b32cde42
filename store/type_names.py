"""ClickHouse's names of types, taken apart: `Map(String, Array(DateTime64(9, 'UTC')))`.

In: a type's name as ClickHouse writes it. Out: its parts, or another name for the same bytes.
It refuses nothing: ClickHouse wrote these names, and an unknown one passes through.
"""

import re

_TIME_OR_QUOTED = re.compile(
    r"""
      (?P<quoted> '(?:[^'\\]|\\.)*' | `(?:[^`\\]|\\.)*` )    # an Enum's value or a Tuple's element may say DateTime
    | \b DateTime64 \( (?:\d+) (?: ,\s* '[^']*' )? \)
    | \b DateTime (?: \( '[^']*' \) )? (?! [\w(] )
    """,
    re.VERBOSE,
)
_TIME_ZONE = re.compile(r"^DateTime\('[^']*'\)$")


def split(name: str) -> tuple[str, list[str]]:
    """Split `Map(String, UInt8)` into `("Map", ["String", "UInt8"])`; a plain name has no arguments."""
    head, bracket, tail = name.partition("(")
    return (head, _arguments(tail.removesuffix(")"))) if bracket else (name, [])


def without_name(argument: str) -> str:
    """Give the type alone of a Tuple's argument, which may be `Int32` or `name Int32`."""
    if argument.startswith("`"):
        return re.sub(r"^`(?:[^`\\]|\\.)*` ", "", argument)
    name, space, rest = argument.partition(" ")
    return rest if space and "(" not in name else argument


def with_times_as_numbers(name: str) -> str:
    """Name the integers that stand for DateTime and DateTime64 on the wire instead of these.

    A reader that would make a Python datetime of them, and lose nanoseconds, then reads them whole.
    """
    return _TIME_OR_QUOTED.sub(_number_type, name)


def comparable(name: str) -> str:
    """Give the name that both doors agree on: chdb leaves a DateTime's time zone out, and UTC values need none."""
    return "DateTime" if _TIME_ZONE.match(name) else name


def _number_type(match: re.Match[str]) -> str:
    if match["quoted"]:
        return match["quoted"]
    return "Int64" if match[0].startswith("DateTime64") else "UInt32"


def _arguments(text: str) -> list[str]:
    """Split at the commas that stand outside brackets and quotes."""
    arguments, depth, begin, quote, escaped = [], 0, 0, "", False
    for index, character in enumerate(text):
        if quote:
            if character == quote and not escaped:
                quote = ""
            escaped = character == "\\" and not escaped
        elif character in "'`":
            quote = character
        elif character == "," and not depth:
            arguments.append(text[begin:index].strip())
            begin = index + 1
        else:
            depth += (character == "(") - (character == ")")
    arguments.append(text[begin:].strip())
    return arguments
