"""Writing in five scripts: letters, and the order and forms in which they are drawn.

Hebrew and Arabic are drawn from right to left. Arabic letters take the form that their neighbours demand: Unicode has a
character for each (Arabic Presentation Forms-B), whose decompositions are the table of this module.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

SCRIPTS: tuple[str, ...] = ("latin", "greek", "cyrillic", "hebrew", "arabic")
RIGHT_TO_LEFT: tuple[str, ...] = ("hebrew", "arabic")
LETTERS: dict[str, str] = {
    "latin": "abcdefghijklmnopqrstuvwxyz",
    "greek": "αβγδεζηθικλμνξοπρστυφχψως",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюяё",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשתךםןףץ",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
}
_FORMS = {(False, False): "isolated", (False, True): "initial", (True, True): "medial", (True, False): "final"}
_PRESENTATION = range(0xFE70, 0xFEFD)
_LAM = "ل"


@cache
def arabic_forms() -> dict[str, dict[str, str]]:
    """The presentation forms by letter (or lam with alef) and position; letters that join on both sides have four."""
    known = set(LETTERS["arabic"]) | {_LAM + "ا"}
    forms: dict[str, dict[str, str]] = {}
    for code in _PRESENTATION:
        form, *points = unicodedata.decomposition(chr(code)).split() or [""]
        letter = "".join(chr(int(point, 16)) for point in points)
        if letter in known:
            forms.setdefault(letter, {})[form.strip("<>")] = chr(code)
    return forms


def script_of(word: str) -> str:
    """The script of a word's first letter; digits and punctuation count as Latin."""
    name = next((unicodedata.name(letter, "") for letter in word if letter.isalpha()), "LATIN")
    return next((script for script in SCRIPTS if name.startswith(script.upper())), "latin")


def is_right_to_left(word: str) -> bool:
    """Whether the word is written from right to left."""
    return any("\u0590" <= letter <= "\u06ff" for letter in word)


@lru_cache(maxsize=50_000)
def visual(word: str) -> str:
    """The characters of a word from left to right, as they are drawn."""
    return _joined(word)[::-1] if is_right_to_left(word) else word


def _joined(word: str) -> str:
    """An Arabic word in presentation forms, still in logical order; other letters stay as they are."""
    forms = arabic_forms()
    letters = _with_ligatures(word)
    shaped = ""
    for i, letter in enumerate(letters):
        before = i > 0 and "initial" in forms.get(letters[i - 1], {}) and letter in forms
        after = i + 1 < len(letters) and letters[i + 1] in forms and "initial" in forms.get(letter, {})
        shaped += forms[letter][_FORMS[before, after]] if letter in forms else letter
    return shaped


def _with_ligatures(word: str) -> list[str]:
    """The letters, lam with a following alef as one."""
    letters: list[str] = []
    for letter in word:
        if letter == "ا" and letters and letters[-1] == _LAM:
            letters[-1] += letter
        else:
            letters.append(letter)
    return letters
