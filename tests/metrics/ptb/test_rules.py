import json
from pathlib import Path

import pytest

from pali3kit.metrics.ptb import rules
from pali3kit.metrics.ptb.fold import FOLD
from pali3kit.metrics.ptb.rules import RULES

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "ptb_java.json").read_text(encoding="utf-8"))["captions"]


def winners(text: str) -> list[tuple[int, str]]:
    """The index of the winning rule and its token, for each token of `text`."""
    found, position = [], 0
    while position < len(text):
        matches = [(m.end(), -i, m[1]) for i, r in enumerate(RULES) if (m := r.pattern.match(text, position))]
        if not matches:
            position += 1
            continue
        _, rule, token = max(matches)
        found.append((-rule, token))
        position += len(token)
    return found


def test_every_rule_wins_somewhere_in_the_recorded_captions():
    text = "\n".join(caption for caption, _ in RECORDED).translate(FOLD)
    alive = winners(text) + winners("n't")  # the last rule for n't is only for the very end of a text
    dead = set(range(len(RULES))) - {rule for rule, _ in alive}
    assert [RULES[i].pattern.pattern for i in dead] == []


def test_no_rule_matches_nothing():
    assert [rule.pattern.pattern for rule in RULES if rule.pattern.match("") or rule.pattern.groups != 1] == []


@pytest.mark.parametrize(
    ("writer", "text", "token"),
    [
        (rules._opening_quotes, '"', "``"),
        (rules._closing_quotes, '"', "''"),
        (rules._closing_quotes, "“”‘’", "``''`'"),
        (rules._opening_quotes, "&apos;", "`"),
        (rules._without_soft_hyphens, "a\u00adb", "ab"),
        (rules._without_soft_hyphens, "\u00ad", "-"),
        (rules._ampersand, "AT&AMP;T", "AT&T"),
        (rules._hard_spaces, "1 1/2", "1\u00a01/2"),
        (rules._brackets, "(555)", "-LRB-555-RRB-"),
        (rules._currency, "¢", "cents"),
        (rules._currency, "€", "$"),
        (rules._currency, "¥", "¥"),
        (rules._fraction, "¾", "3/4"),
        (rules._fraction, "⅛", "⅛"),
        (rules._dashes, "---", "--"),
        (rules._dashes, "-----", "-----"),
        (rules._with_period, "etc", "etc."),
    ],
)
def test_tokens_as_the_treebank_writes_them(writer, text, token):
    assert writer(text) == token
