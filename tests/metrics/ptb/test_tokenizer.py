import json
import random
import re
import shutil
from pathlib import Path

import pytest

from pali3kit.metrics.ptb import ptb_tokenize, tokenizer

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "ptb_java.json").read_text(encoding="utf-8"))["captions"]


def test_equals_recorded_tokens_of_the_java_tokenizer():
    captions, tokens = zip(*RECORDED, strict=True)
    assert ptb_tokenize(captions) == list(tokens)
    assert len(captions) > 300


def java(captions: list[str]) -> list[list[str]]:
    """Tokens of the Java tokenizer, if there is a Java."""
    if not shutil.which("java"):
        pytest.skip("no Java here to run the official tokenizer")
    module = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer", reason="pip install --no-deps pycocoevalcap")
    lines = module.PTBTokenizer().tokenize({i: [{"caption": c}] for i, c in enumerate(captions)})
    return [lines[i][0].split() for i in range(len(captions))]


def test_equals_java_on_random_cuts_of_adversarial_captions():
    rng, text = random.Random(0), "  ".join(caption for caption, _ in RECORDED)
    starts = [rng.randrange(len(text)) for _ in range(3000)]
    captions = [text[start : start + rng.randint(1, 40)] for start in starts]
    ours = ptb_tokenize(captions)
    theirs = java(captions)
    assert [x for x in zip(captions, ours, theirs, strict=True) if x[1] != x[2]] == []


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_equals_java_on_characters_of_the_basic_plane(step):
    breaks = {0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029}
    characters = [chr(c) for c in range(1, 0xFFFF, step) if not 0xD800 <= c < 0xE000 and c not in breaks]
    captions = [f"b{c}d {c} {c}1,5{c}_x {c}." for c in characters]
    theirs = java(captions)
    assert [(c, x, y) for c, x, y in zip(captions, ptb_tokenize(captions), theirs, strict=True) if x != y] == []


@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("A man's dog isn't here.", "a man 's dog is n't here"),
        ('He said "hi" (twice)', "he said hi -lrb- twice -rrb-"),
        ("I cannot, gonna lemme 'tis", "i can not gon na lem me 't is"),
        ("U.S. dogs, etc.", "u.s. dogs etc."),
        ("1 1/2 cups", "1 1/2 cups"),
        ("😀 a dog 👍🏽", "a dog"),
        ("©2020 — £5", "© 2020 # 5"),
        ("", ""),
    ],
)
def test_some_tokens(caption, tokens):
    assert ptb_tokenize([caption]) == [tokens.split()]


def test_the_next_caption_can_change_the_last_word():
    assert ptb_tokenize(["vitamin C.", "dogs"])[0] == ["vitamin", "c."]
    assert ptb_tokenize(["vitamin C.", "The dog"])[0] == ["vitamin", "c"]


def test_plain_words_are_what_the_rules_make_of_them(monkeypatch):
    """The fast path equals the rules alone, on words with rules of their own and others."""
    rng = random.Random(0)
    words = [
        "a",
        "The",
        "you",
        "cannot",
        "Gonna",
        "fig.",
        "Mr",
        "mr.",
        "co",
        "Pty",
        "St",
        "etc.",
        "dog",
        "Jan.",
        "U",
        "x",
        "it's",
        "no.",
        "Art",
        "ltd",
        "Inc.",
        "5",
        "1,000",
        "U.S.",
        "pp",
        "e",
    ]
    signs = [" ", ", ", ". ", ".", " .", ",", "  ", ".\n", "\n", ",\n", " ,", "-", ". . .", ".\xa0", " The ", "\t"]
    texts = ["".join(rng.choice(words) + rng.choice(signs) for _ in range(12)) for _ in range(300)]
    texts += [caption for caption, _ in RECORDED]
    captions = [text.split("\n") for text in texts]
    ours = list(map(ptb_tokenize, captions))
    monkeypatch.setattr(tokenizer, "_PLAIN", re.compile("(?!)"))
    assert ours == list(map(ptb_tokenize, captions))


def test_line_breaks_in_a_caption_do_not_shift_the_captions_that_follow():
    assert ptb_tokenize(["a\nb\rc\u2028d", "e"]) == [["a", "b", "c", "d"], ["e"]]
    assert ptb_tokenize([]) == []
