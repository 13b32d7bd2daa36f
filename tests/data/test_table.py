"""Quoted tables read at random: the same rows as csv reads in order."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pali3kit.data.lines import Lines
from pali3kit.data.table import DelimitedTable
from pali3kit.errors import DataError

CELLS = st.text(st.sampled_from('a"\t,\n é'), max_size=6)


def table(folder: Path, data: bytes, delimiter: str = "\t") -> DelimitedTable:
    (folder / "t.csv").write_bytes(data)
    return DelimitedTable(Lines([folder / "t.csv"]), delimiter)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8),
    comma=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_is_read_at_random(
    rows: list[tuple[str, str]], comma: bool, end: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    delimiter = "," if comma else "\t"
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_MINIMAL).writerows(
        [("title", "path"), *rows]
    )
    found = table(tmp_path_factory.mktemp("t"), ("\ufeff" + text.getvalue()).encode(), delimiter)
    assert found.names == ("title", "path") and len(found) == len(rows)
    for row in reversed(range(len(rows))):
        assert tuple(found[row].values()) == rows[row]


def test_rows_are_called_by_the_line_that_they_begin_on(tmp_path: Path) -> None:
    found = table(tmp_path, b'a\tb\n"x\ny"\t1\nz\t2\n')
    assert [found.where(row).rpartition(":")[2] for row in range(2)] == ["2", "4"] and found.first_line(1) == b"z\t2"


def test_a_lone_quote_spoils_its_own_row_alone(tmp_path: Path) -> None:
    found = table(tmp_path, b'a\tb\n"lone\t1\nx "y" z\t2\n"q" r\t3\n"fine"\t4\n"last\t5\n')
    assert len(found) == 5 and found[1] == {"a": 'x "y" z', "b": "2"} and found[3] == {"a": "fine", "b": "4"}
    for row in (0, 2, 4):
        with pytest.raises(DataError, match=rf"t\.csv:{row + 2}: no readable row"):
            found[row]


def test_other_faults(tmp_path: Path) -> None:
    found = table(tmp_path, b"a\tb\na\tb\tc\n" + b'"' + b"x" * 200_000 + b'"\t1\n')
    with pytest.raises(DataError, match="2: 3 columns, where the first line has 2"):
        found[0]
    with pytest.raises(DataError, match="3: no readable row: field larger"):
        found[1]
    with pytest.raises(DataError, match="two columns are called 'a'"):
        table(tmp_path, b"a\ta\n").check_names()
    assert table(tmp_path, b'"x" y\tb\n').names == () == table(tmp_path, b"").names


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_empty_lines_are_no_rows(end: bytes, tmp_path: Path) -> None:
    found = table(tmp_path, end.join([b"a\tb", b"", b"x\t1", b"", b"", b'"y', b"", b'z"\t2', b"", b""]))
    assert [tuple(found[row].values()) for row in range(len(found))] == [
        ("x", "1"), ("y" + (2 * end).decode() + "z", "2")
    ]  # fmt: skip
    assert [found.where(row).rpartition(":")[2] for row in range(len(found))] == ["3", "6"]
