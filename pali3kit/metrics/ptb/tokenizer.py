"""The tokenizer of caption metrics without Java: Stanford CoreNLP 3.4.1's PTBTokenizer as pycocoevalcap 1.2 runs it.

That is, with `-preserveLines -lowerCase`, on all captions joined by newlines, after which punctuation is dropped.
This has quirks, which are all kept:
* "-LRB-" is on the list of dropped tokens, but brackets come out in lower case, so "-lrb-" stays a token. So do
  "-lsb-" and all signs that are not on the list.
* A caption's last word can depend on the start of the next caption: "vitamin C." is "c" before "The ...", else "c.".
* Emoji and other characters beyond the basic plane, and signs without a rule, are dropped.

Known differences from the Java tokenizer, found by testing each character of the basic plane in six contexts, and
100,000 random compositions of the rules' parts:
* A capital Greek sigma next to a digit or a hyphen inside a token may become the other of its two lower-case forms.
* Line breaks inside a caption (CR, VT, FF, U+2028, U+2029) become spaces. In pycocoevalcap all but LF shift each later
  caption to a wrong image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pali3kit.metrics.ptb.fold import FOLD
from pali3kit.metrics.ptb.patterns import ABBREVIATION_1, ABBREVIATION_2, NEWLINE
from pali3kit.metrics.ptb.rules import RULES

DROPPED = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])

# A fast path for most of a caption: text that only the rule of words, or the rule of a dropped sign, can match. This is
# words of ASCII letters before a space or a line's end, perhaps with a comma or period between. Excluded are words that
# are split, and before a period those that may keep it.
_SPLIT = "(?:[cC](?i:annot)|[gG](?i:onna|otta|imme)|[lL](?i:emme)|[wW](?i:anna))"
_KEEPS = f"(?:{ABBREVIATION_1}|{ABBREVIATION_2}|(?i:ca|figs?|prop|nos?|art|bldg|pp|op|pt[ey]|co))"
_ENDS = r"\.(?:\n| [A-Za-z])"
_PLAIN = re.compile(
    rf"(?: +|(?!{_SPLIT}[ \n,.])(?:[A-Za-z]+(?=,?[ \n])|(?!{_KEEPS}\.)[A-Za-z]+(?={_ENDS}))|,(?=[ \n])|(?={_ENDS})\.)+"
)
_SIGNS = str.maketrans(",.", "  ")
_BREAK = re.compile(f"[{NEWLINE}]")


def ptb_tokenize(captions: Sequence[str]) -> list[list[str]]:
    """Lower-case Penn Treebank tokens of each caption, without punctuation."""
    text = "\n".join(_BREAK.sub(" ", caption) for caption in captions)
    lines: list[list[str]] = [[] for _ in captions]
    line = 0
    for tokens in _lex(text):
        if tokens == "\n":
            line += 1
        elif tokens not in DROPPED:
            lines[line] += tokens.split()  # several, and a fraction or a telephone number can hold a hard space
    return lines


def _lex(text: str) -> Iterator[str]:
    """Lower-case tokens of `text`: each newline by itself, runs of plain words together, other tokens one by one."""
    folded, position = text.translate(FOLD), 0
    while position < len(text):
        if text[position] == "\n":
            yield "\n"
            position += 1
        elif plain := _PLAIN.match(folded, position):
            position = plain.end()
            yield plain[0].translate(_SIGNS).lower()
        else:
            end, token = _longest(text, folded, position)
            position = end
            yield token.lower()


def _longest(text: str, folded: str, position: int) -> tuple[int, str]:
    """End and token of the rule with the longest match, the first of equals; a character without a rule is skipped."""
    longest, best, written = position, position + 1, ""
    for pattern, write in RULES:
        match = pattern.match(folded, position)
        if match and match.end() > longest:
            longest, best = match.end(), match.end(1)
            written = write(text[position:best])
    return best, written
