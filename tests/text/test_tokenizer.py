from __future__ import annotations

import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pali3kit.config.vocabulary import MODES
from pali3kit.data.world import names
from pali3kit.errors import DataError
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer

SENTENCES = [
    "a red fox left of 12 dogs",
    "two foxes and 348 cats below a sign",
    "un renard roux à côté de la maison",
    "дві лисиці та кіт",
    "一只红色的狐狸和房子",
    "赤いキツネと家",
    "لوحة حمراء وثعلب",
    "שועל אדום ובית",
    "लाल लोमड़ी और घर",
    "จิ้งจอกแดงกับบ้าน",
    "빨간 여우와 집",
] * 4


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    train_tokenizer(SENTENCES, path, 700)
    return path


@pytest.fixture(scope="module")
def tokenizer(path) -> Tokenizer:
    return Tokenizer(path)


NAUGHTY = {
    "empty": "",
    "spaces": "   ",
    "inner and outer spaces": "  a  b ",
    "line ends and tabs": "\n\ta\r\n\x0b",
    "nul": "a\0b",
    "emoji sequence": "👩‍👩‍👧 🏴\U000e0067\U000e0062\U000e007f 👍🏽",
    "zero width": "a\u200bb\ufeffc\u2060",
    "right to left override": "\u202eabc\u202c שלום",
    "combining": "e\u0301 Z̡̖̜͖̰̣͉̜a̲̗l͕go",
    "compatibility forms": "①ﬁ㍿Ａ\u00a0\u3000",
    "the space sign": "▁a▁ ▁",
    "SentencePiece's own names": "<s></s><unk><pad><0x41>",
    "almost a special": "<extra_id_> <extra_id_100> <mask_token 128> [nlu]",
    "unseen scripts": "ქართული አማርኛ ᚠᛇᚻ 𒀭",
    "noncharacters": "\ufffe\uffff\U0010ffff\ufffd",
    "very long": "fox 狐" * 20_000 + "x" * 50_000,
}


@pytest.mark.parametrize("text", [*NAUGHTY.values(), *SENTENCES[:11]], ids=[*NAUGHTY, *map(str, range(11))])
def test_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode(tokenizer.encode(text, eos=True)) == text


@settings(max_examples=400, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.pad_id not in ids and tokenizer.eos_id not in ids


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_ids_decode(tokenizer, data):
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1)))
    assert isinstance(tokenizer.decode(np.array(ids, dtype=np.int64)), str)


def test_half_a_surrogate_pair_is_refused(tokenizer):
    with pytest.raises(DataError, match="not a valid Unicode text"):
        tokenizer.encode("a \ud800")


def test_numbering(tokenizer):
    first = len(tokenizer) - 100 - 3 - 128
    assert (tokenizer.pad_id, tokenizer.eos_id) == (0, 1)
    assert [tokenizer.sentinel(i) for i in (0, 99)] == [first, first + 99]
    assert [tokenizer.mode(name) for name in MODES] == [first + 100, first + 101, first + 102]
    assert tokenizer.mode("S2S") == tokenizer.mode("[S2S]")
    assert [tokenizer.mask_token(k) for k in (0, 127)] == [first + 103, first + 230]


@pytest.mark.parametrize("text", ["<extra_id_7>", "[NLG]", "<mask_token 81>", "<mask_token 8>"])
def test_specials_are_single_ids(tokenizer, text):
    assert len(tokenizer.encode(text)) == 1
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_specials_inside_text(tokenizer):
    text = "Answer in EN: a fox? <extra_id_0>"
    ids = tokenizer.encode(text)
    assert ids[-1] == tokenizer.sentinel(0)
    assert ids[:-1] == tokenizer.encode("Answer in EN: a fox?"), "the space before a special costs no token"
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(tokenizer.encode("a<extra_id_1>b<extra_id_2><extra_id_3>")) == (
        "a <extra_id_1> b <extra_id_2> <extra_id_3>"
    )


def test_a_region_takes_twenty_tokens(tokenizer):
    text = "12 0 348 99 " + " ".join(f"<mask_token {k}>" for k in range(16))
    ids = tokenizer.encode(text)
    assert len(ids) == 20
    assert ids[4:] == [tokenizer.mask_token(k) for k in range(16)]
    assert tokenizer.decode(ids) == text


def test_numbers_below_100_and_those_of_the_corpus_are_single_pieces(tokenizer):
    assert all(len(tokenizer.encode(str(number))) == 1 for number in [*range(100), 348])
    assert len(tokenizer.encode("777")) > 1


def test_max_length_keeps_eos(tokenizer):
    ids = tokenizer.encode("a red fox left of 12 dogs")
    assert tokenizer.encode("a red fox left of 12 dogs", max_length=3) == ids[:3]
    assert tokenizer.encode("a red fox left of 12 dogs", max_length=3, eos=True) == [*ids[:2], 1]
    assert tokenizer.encode("fox", max_length=99, eos=True)[-1] == 1


def test_decode_stops_at_eos_and_drops_padding(tokenizer):
    ids = tokenizer.encode("a fox")
    assert tokenizer.decode([0, *ids, 0, 1, *ids]) == "a fox"


@pytest.mark.parametrize("token", [-1, 10**6])
def test_decode_refuses_ids_outside(tokenizer, token):
    with pytest.raises(DataError, match="outside the vocabulary"):
        tokenizer.decode([token])


@pytest.mark.parametrize(
    "call", [lambda t: t.sentinel(100), lambda t: t.sentinel(-1), lambda t: t.mask_token(128), lambda t: t.mode("")]
)
def test_specials_that_do_not_exist(tokenizer, call):
    with pytest.raises(DataError):
        call(tokenizer)


def test_a_wrong_mode_is_told_the_nearest(tokenizer):
    with pytest.raises(DataError, match=r"Did you mean '\[NLG\]'\?"):
        tokenizer.mode("NLGG")


def test_pad(tokenizer):
    ids, mask = tokenizer.pad([[5, 6, 1], np.array([7]), []])
    assert ids.dtype == np.int64 and mask.dtype == bool
    assert ids.tolist() == [[5, 6, 1], [7, 0, 0], [0, 0, 0]]
    assert mask.tolist() == [[True] * 3, [True, False, False], [False] * 3]
    assert tokenizer.pad([[5]], length=4)[0].tolist() == [[5, 0, 0, 0]]
    assert tokenizer.pad([])[0].shape == (0, 0)
    with pytest.raises(DataError, match="2 tokens does not fit into 1"):
        tokenizer.pad([[5, 6]], length=1)


def test_equal_sentences_give_an_equal_file(path, tmp_path):
    again = tmp_path / "again.model"
    train_tokenizer(iter(SENTENCES), again, 700)
    assert again.read_bytes() == path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["again.model"]


def test_characters_that_do_not_fit_are_left_to_the_bytes(tmp_path):
    train_tokenizer([chr(0x4E00 + i) * 3 for i in range(500)], tmp_path / "model", 450)
    tokenizer = Tokenizer(tmp_path / "model", codes=0, sentinels=0)
    text = chr(0x4E00) + chr(0x4E00 + 499)
    assert len(tokenizer) <= 450 + 3
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize(
    ("sentences", "vocabulary", "message"),
    [([], 700, "empty corpus"), (["", "  "], 700, "empty corpus"), (["a"], 300, "too small.*the least is 375")],
)
def test_corpora_that_cannot_be_trained_on(tmp_path, sentences, vocabulary, message):
    with pytest.raises(DataError, match=message):
        train_tokenizer(sentences, tmp_path / "model", vocabulary)


def test_the_least_vocabulary_works(tmp_path):
    train_tokenizer(["a"], tmp_path / "model", 375)
    assert Tokenizer(tmp_path / "model").encode("a")


@pytest.fixture(scope="module")
def families(published) -> dict[str, Tokenizer]:
    return {name: Tokenizer(published(name)) for name in ("t5", "mt5", "gemma", "paligemma")}


def tidied(text: str) -> str:
    """A text as T5's models normalise it: NFKC, invisible marks as spaces, one space between words."""
    spaced = re.sub("[\u200b\u200c\u200e\u200f\ufeff]", " ", unicodedata.normalize("NFKC", text))
    return " ".join(spaced.split())


@pytest.mark.parametrize("language", names.LANGUAGES)
def test_every_language_comes_back(families, tokenizer, texts, language):
    """Exactly, or normalised; T5's vocabulary has no bytes for characters that its corpus lacked."""
    for text in texts[language]:
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert families["t5"].decode(families["t5"].encode(text)) == tidied(text)
    for text in [*texts[language], *names.in_language(language).names]:
        assert families["mt5"].decode(families["mt5"].encode(text)) == tidied(text)
        assert families["gemma"].decode(families["gemma"].encode(text)) == text
    everything = "\n".join(names.in_language(language).names)
    assert tokenizer.decode(tokenizer.encode(everything)) == everything


@pytest.mark.parametrize("text", NAUGHTY.values(), ids=NAUGHTY)
def test_naughty_strings_come_back_normalised(families, text):
    for name in ("mt5", "gemma"):
        tokenizer = families[name]
        normal = tokenizer.vocabulary.pieces.normalize(text).replace("\u2581", " ")
        expected = normal.strip() if name == "mt5" else normal
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == expected
        assert tokenizer.pad_id not in ids and tokenizer.eos_id not in ids
    assert families["gemma"].decode(families["gemma"].encode(text)) == text.replace("\u2581", " ")


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581")))
def test_gemmas_give_back_any_text(families, text):
    assert families["gemma"].decode(families["gemma"].encode(text)) == text


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_ids_of_a_published_vocabulary_decode(families, data):
    for tokenizer in families.values():
        ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1)))
        assert isinstance(tokenizer.decode(ids), str)


@pytest.mark.parametrize("name", ["t5", "mt5", "gemma", "paligemma"])
def test_specials_inside_text_of_published_vocabularies(families, name):
    tokenizer = families[name]
    text = "detect: a red fox <extra_id_0> [S2S] 1 2 <mask_token 81> fox <extra_id_99>"
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    for special in (tokenizer.sentinel(0), tokenizer.mode("S2S"), tokenizer.mask_token(81), tokenizer.sentinel(99)):
        assert ids.count(special) == 1
    assert tokenizer.encode("a fox<extra_id_0>fox") == tokenizer.encode("a fox <extra_id_0> fox")
    assert tokenizer.encode("<extra_id_0> fox")[1:] == tokenizer.encode("a fox")[len(tokenizer.encode("a")) :]
    with pytest.raises(DataError, match="not a valid Unicode text"):
        tokenizer.encode("a \ud800")


def test_what_is_new(families, tokenizer):
    assert len(tokenizer.added) == 231, "of ours, every special token is"
    assert len(families["t5"].added) == len(families["mt5"].added) == 131, "modes and mask tokens"
    for one in families.values():
        assert min(one.added.values()) == one.vocabulary.rows and max(one.added.values()) == len(one) - 1


def test_rows_that_nobody_uses_decode_to_nothing(families):
    tokenizer = families["t5"]
    unused = range(tokenizer.sentinel(0) + 1, tokenizer.vocabulary.rows)
    assert len(unused) > 0
    assert tokenizer.decode([*tokenizer.encode("a"), *unused]) == "a"


def peer(tokenizer: Tokenizer, kind: str, file: str, folder: Path, **options):
    """The class of transformers over the same file."""
    shutil.copy(tokenizer.path, folder / file)
    return getattr(pytest.importorskip("transformers"), kind).from_pretrained(folder, **options)


def test_ids_are_those_of_transformers_for_t5(families, texts, tmp_path):
    ours = families["t5"]
    theirs = peer(ours, "T5Tokenizer", "spiece.model", tmp_path)
    assert len(theirs) == ours.sentinel(0) + 1
    for i in range(100):
        assert theirs.convert_tokens_to_ids(f"<extra_id_{i}>") == ours.sentinel(i)
    asked = [f"Answer in EN: {text} <extra_id_0>" for text in ("what is it?", "①ﬁ  ok", "a <extra_id_1> b")]
    for text in [*asked, *(text for known in texts.values() for text in known)]:
        assert ours.encode(text, eos=True) == theirs.encode(text)


def test_ids_are_those_of_transformers_for_mt5(families, texts, tmp_path):
    """On the characters that it has: T5Tokenizer does without the byte fallback of the file."""
    ours = families["mt5"]
    theirs = peer(ours, "T5Tokenizer", "spiece.model", tmp_path, extra_ids=0)
    assert theirs.convert_tokens_to_ids("\u2581<extra_id_7>") == ours.sentinel(7)
    compared = 0
    for text in ["a fox <extra_id_0> and <extra_id_1> dogs", *(text for known in texts.values() for text in known)]:
        ids = theirs.encode(text)
        if theirs.unk_token_id not in ids:
            assert ours.encode(text, eos=True) == ids
            compared += 1
    assert compared > 50


@pytest.mark.parametrize("name", ["gemma", "paligemma"])
def test_ids_are_those_of_transformers_for_gemma(families, texts, tmp_path, name):
    ours = families[name]
    theirs = peer(ours, "GemmaTokenizer", "tokenizer.model", tmp_path)
    asked = ["<loc0003><seg001> fox", " a\n  b ", "12 0 348"]
    for text in [*asked, *(text for known in texts.values() for text in known)]:
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False)
    if name == "paligemma":
        theirs.add_special_tokens({"additional_special_tokens": ["<image>"]})
        assert ours.encode("<image>") == [theirs.convert_tokens_to_ids("<image>")]
    assert len(theirs) <= ours.vocabulary.rows


def test_a_damaged_file_is_refused(path, tmp_path):
    whole, damaged = path.read_bytes(), tmp_path / "damaged.model"
    for content in [b"", b"not a model", *(whole[:size] for size in range(1, len(whole) - 64, 97))]:
        damaged.write_bytes(content)
        with pytest.raises(DataError, match=r"damaged\.model"):
            Tokenizer(damaged)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="not a readable SentencePiece model"):
        Tokenizer(tmp_path / "none.model")


def test_text_needs_no_torch():
    code = (
        "import sys, pali3kit.text.tokenizer, pali3kit.text.denoise, pali3kit.text.splitcap, pali3kit.text.prompts;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("threads", [1, 3])
def test_a_batch_has_the_ids_of_its_texts(tokenizer, threads):
    texts = [*SENTENCES[:11], *NAUGHTY.values(), "a [S2S] fox <extra_id_1><mask_token 2> b", "", "[NLU]"]
    assert tokenizer.encode_batch(texts, threads) == [tokenizer.encode(text, eos=True) for text in texts]
    assert tokenizer.encode_batch([]) == []
    with pytest.raises(DataError, match=r"not a valid Unicode text: 'a\\ud800'"):
        tokenizer.encode_batch(["fine", "a\ud800"], threads)
