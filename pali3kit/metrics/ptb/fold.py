"""Text with one stand-in for each class of characters outside ASCII, so that the tokenizer's patterns stay short."""

from __future__ import annotations

from collections.abc import Iterator

SMALL, CAPITAL, DIGIT, MARK = "à", "À", "٠", "\u0301"
_MARKS = (
    "02C2-0379 0384-0385 03F6 0483-0487 055A-055F 0591-05BD 05BF 05C1-05C2 05C4-05C5 05C7 0615-061A 064B-065E 0670 "
    "06D6-06FE 070F-07B0 07EB-07F3 0900-0903 093C-094E 0951-0955 0962-0963 0981-0983 09BC-09C4 09C7-09C8 09CB-09CD "
    "09D7 09E2-09E3 0A01-0A03 0A3C 0A3E-0A4F 0A81-0A83 0ABC-0ACF 0B82 0BBE-0BC2 0BC6-0BC8 0BCA-0BCD 0C01-0C03 "
    "0C3E-0C56 0D3E-0D44 0D46-0D48 0E31-0E3A 0E47-0E4E 0EB1-0EBC 0EC8-0ECD"
)  # allowed within words though neither letters nor digits; newer Indic scripts are not covered
_LATER = (
    "037F 0528-052F 0560 0588 05EF 0860-088E 08A1 08AD-08C9 0978 0980 09FC 0AF9 0C34 0C5A-0C5D 0C80 0CDD 0D04 "
    "0D54-0D5F 0DE6-0DEF 0E86 0E89 0E8C 0E8E-0E93 0E98 0EA0 0EA8-0EA9 0EAC 13F5-13FD 16F1-16F8 170D 171F 1878 "
    "191D-191E 19B0-19C0 19C8-19C9 1B4C 1C80-1CBF 1CF2-1CF3 1CFA 2C2F 2C5F 312E-312F 31BB-31BF 4DB6-4DBF 9FCD-9FFF "
    "A698-A69D A78F A794-A79F A7AB-A7F7 A8FD-A8FE A9E0-A9FE AA7E-AA7F AB30-ABBF"
)  # letters and digits newer than Unicode 6.2: known to Python but not to the original


class _Fold(dict[int, str]):
    """A lazily filled table for `str.translate`."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if code > 127 and code <= 0xFFFF:  # the original handles the basic plane only
            if char.isalpha():
                char = CAPITAL if char.isupper() else SMALL
            elif char.isdecimal():
                char = DIGIT
        self[code] = char
        return char


def _codes(spans: str) -> Iterator[int]:
    for span in spans.split():
        first, _, last = span.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def _fold_table() -> _Fold:
    table = _Fold()
    table.update({code: chr(code) for code in _codes(_LATER)})
    table.update({0x1885: SMALL, 0x1886: SMALL})  # letters in Unicode 6.2, marks now
    table.update({code: MARK for code in _codes(_MARKS) if table[code] == chr(code)})
    return table


FOLD = _fold_table()
"""For `str.translate`: each character outside ASCII becomes the stand-in of its class, so that the length is kept."""
