"""Reading fields of data files: errors name the file, the record and the field that is missing or of a wrong type."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar, cast

from pali3kit.errors import DataError, choose
from pali3kit.text.plain import open_unpacked, parse_json, stream_lines
from pali3kit.types import Json

WORDS = {
    str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a mapping",
}  # fmt: skip
T = TypeVar("T")
_LARGEST = sys.float_info.max


def read_json(path: Path) -> Json:
    """The content of a JSON file, which may be compressed by gzip or bzip2. Raises DataError, naming the file."""
    with open_unpacked(path) as file:
        data = file.read()
    return json_of(data, str(path))


def read_json_lines(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Each object of a JSON lines file, compressed or not, with its `file:line`. Blank lines are skipped."""
    for number, line in enumerate(stream_lines(path), start=1):
        if line.strip():
            yield f"{path}:{number}", mapping(json_of(line, f"{path}:{number}"), f"{path}:{number}")


def json_of(data: bytes, where: str) -> Json:
    """JSON in any Unicode encoding, with or without a byte order mark. Raises DataError, which begins with `where`."""
    try:
        return parse_json(data)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error


def mapping(value: object, where: str) -> Mapping[str, object]:
    """`value`, checked to be a mapping."""
    return typed(value, dict, f"{where}: this")


def field(record: Mapping[str, object], name: str, kind: type[T], where: str) -> T:
    """`record[name]`, checked to be of type `kind`. Raises DataError, with the nearest name, where it is missing."""
    if name not in record:
        raise DataError(f"{where}: no field '{name}'.{choose(name, map(str, record)) or ' It has none at all.'}")
    return typed(record[name], kind, f"{where}: '{name}'")


def typed(value: object, kind: type[T], what: str) -> T:
    """`value`, checked to be of type `kind`; an int is accepted as a float. `what` names it in errors."""
    wanted = (int, float) if kind is float else (kind,)
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind in (int, float)):
        raise DataError(f"{what} should be {WORDS[kind]}, not {shown(value)}.")
    if kind is float and not -_LARGEST <= cast(float, value) <= _LARGEST:  # JSON may hold NaN, Infinity and 1e400
        raise DataError(f"{what} should be a finite number, not {shown(value)}.")
    return cast(T, value)  # an int for a float, as everywhere in Python's annotations


def each(record: Mapping[str, object], name: str, where: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The mappings in the list `record[name]`, each with what errors call it: `file: name[3]`."""
    for number, entry in enumerate(field(record, name, list, where)):
        yield f"{where}: {name}[{number}]", mapping(entry, f"{where}: {name}[{number}]")


def nonblank(record: Mapping[str, object], name: str, where: str) -> str:
    """The text `record[name]`, checked not to be blank."""
    text = field(record, name, str, where)
    if not text.strip():
        raise DataError(f"{where}: '{name}' is blank.")
    return text


def numbers(values: object, count: int, what: str) -> tuple[float, ...]:
    """A list of `count` numbers."""
    listed = typed(values, list, what)
    if len(listed) != count:
        raise DataError(f"{what} should have {count} numbers, not {len(listed)}.")
    if {*map(type, listed)} <= {int, float} and all(-_LARGEST <= value <= _LARGEST for value in listed):
        return tuple(map(float, listed))  # fast path for polygons with many numbers
    return tuple(float(typed(value, float, f"{what}[{i}]")) for i, value in enumerate(listed))


def shown(value: object) -> str:
    """A wrong value as error messages show it."""
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 100:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, str):
        return f"the text '{value[:40]}'"
    return f"the number {value}" if isinstance(value, int | float) else f"a {type(value).__name__}"
