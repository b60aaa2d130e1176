"""Splits the text of a JSON array into the texts of its members, without parsing them."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

# Each match runs over whole strings to the next character that counts, which takes two steps for a flat object. It runs
# over 64 strings of 64 escapes at most: the regular expression engine keeps a record of each, some hundred bytes.
_STRING = r'"[^"\\]*(?:\\.[^"\\]*){0,64}"'
_BETWEEN_PARTS = re.compile(rf'[^"\[\]{{}},]*(?:{_STRING}[^"\[\]{{}},]*){{0,64}}([\[\]{{}},]?)', re.DOTALL)
_WITHIN_A_PART = re.compile(rf'[^"\[\]{{}}]*(?:{_STRING}[^"\[\]{{}}]*){{0,64}}([\[\]{{}}]?)', re.DOTALL)
_STRETCH_OF_STRING = re.compile(r'[^"\\]*(?:\\.[^"\\]*){0,64}', re.DOTALL)


class Parts(NamedTuple):
    """The members of an array, verbatim, white space around them included."""

    texts: list[str]
    end: int
    """The index after the closing bracket."""


def split_array(text: str, start: int) -> Optional[Parts]:
    """The members of the array whose opening bracket is just before `start`.

    None if the array does not end, or a member is empty. Members are not checked to be JSON.
    """
    texts: list[str] = []
    part_start = position = start
    depth = 0
    while True:
        found = (_WITHIN_A_PART if depth else _BETWEEN_PARTS).match(text, position)
        mark = found[1] if found else ""
        position = found.end() if found else position
        if mark == "":
            position = string_end(text, position)
            if position < 0:
                return None
        elif mark in "[{":
            depth += 1
        elif depth:
            depth -= 1
        else:
            part = text[part_start : position - 1]
            if mark == "}" or not part or part.isspace():
                return None
            texts.append(part)
            part_start = position
            if mark == "]":
                return Parts(texts, position)


def string_end(text: str, start: int) -> int:
    """The index after the JSON string that begins at `start`; -1 if none begins there, or it does not end."""
    if not text.startswith('"', start):
        return -1
    position = start + 1
    while True:
        found = _STRETCH_OF_STRING.match(text, position)
        end = found.end() if found else position
        if text.startswith('"', end):
            return end + 1
        if end == position:
            return -1
        position = end
