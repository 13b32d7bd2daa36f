from __future__ import annotations

import subprocess
import sys

import pytest
import sentencepiece

from pali3kit.config.vocabulary import GEMMA, MODES, OWN, T5, Vocabulary
from pali3kit.errors import DataError
from pali3kit.text.tokenizer import train_tokenizer

OURS = [*MODES, *(f"<mask_token {code}>" for code in range(128))]


def test_t5_counts_sentinels_downwards_from_its_last_id(published):
    vocabulary = Vocabulary(published("t5"))
    pieces = vocabulary.pieces.get_piece_size()
    assert vocabulary.family is T5
    assert [vocabulary.specials[f"<extra_id_{i}>"] for i in (0, 1, 99)] == [pieces + 99, pieces + 98, pieces]
    assert vocabulary.rows % 128 == 0 and 0 <= vocabulary.rows - (pieces + 100) < 128
    assert vocabulary.added == {name: vocabulary.rows + i for i, name in enumerate(OURS)}
    assert vocabulary.size == vocabulary.rows + len(OURS)


@pytest.mark.parametrize(
    ("family", "pieces", "appended", "rows"),
    [
        (T5, 32_000, 100, 32_128),  # T5, v1.1, Flan, UL2
        (T5, 250_100, 0, 250_112),  # mT5, sentinels included
        (GEMMA, 256_000, 0, 256_000),
        (GEMMA, 256_000 + 1024 + 128, 1, 257_216),  # PaliGemma
        (GEMMA, 262_144, 0, 262_144),  # Gemma 3
    ],
)
def test_rows_of_published_embeddings(family, pieces, appended, rows):
    assert family.embedding(pieces + appended) == rows


def test_mt5_has_its_sentinels_in_the_file(published):
    vocabulary = Vocabulary(published("mt5"))
    for i in (0, 57, 99):
        found = vocabulary.specials[f"<extra_id_{i}>"]
        assert vocabulary.pieces.id_to_piece(found) == f"\u2581<extra_id_{i}>"
    assert list(vocabulary.added) == OURS


def test_gemma_has_no_sentinels_of_its_own(published):
    vocabulary = Vocabulary(published("gemma"))
    assert vocabulary.family is GEMMA and vocabulary.rows % 64 == 0
    assert list(vocabulary.added) == [*(f"<extra_id_{i}>" for i in range(100)), *OURS]


def test_paligemmas_image_comes_after_its_regions(published):
    vocabulary = Vocabulary(published("paligemma"))
    assert vocabulary.specials["<image>"] == vocabulary.pieces.get_piece_size()
    assert "<image>" not in vocabulary.added and min(vocabulary.added.values()) > vocabulary.specials["<image>"]


def test_our_own_number_on_without_a_gap(tmp_path):
    train_tokenizer(["a fox"], tmp_path / "own.model", 400)
    vocabulary = Vocabulary(tmp_path / "own.model", codes=2, sentinels=3)
    pieces = vocabulary.pieces.get_piece_size()
    assert vocabulary.family is OWN
    names = [*(f"<extra_id_{i}>" for i in range(3)), *MODES, "<mask_token 0>", "<mask_token 1>"]
    assert vocabulary.added == vocabulary.specials == {name: pieces + i for i, name in enumerate(names)}


@pytest.mark.parametrize("name", ["t5", "mt5", "gemma", "paligemma"])
def test_no_two_tokens_share_an_id(published, name):
    vocabulary = Vocabulary(published(name), codes=200, sentinels=120)
    assert len(set(vocabulary.specials.values())) == len(vocabulary.specials)
    assert set(vocabulary.added.values()) == set(range(vocabulary.rows, vocabulary.size))


def test_rows_that_are_told(published):
    assert min(Vocabulary(published("t5"), rows=5000).added.values()) == 5000
    used = Vocabulary(published("t5")).pieces.get_piece_size() + 100
    assert Vocabulary(published("t5"), rows=used).rows == used
    with pytest.raises(DataError, match=rf"spiece\.model: an embedding of 99 rows has no room for its {used} ids"):
        Vocabulary(published("t5"), rows=99)


@pytest.mark.parametrize("how", ["user_defined_symbols", "control_symbols"])
def test_a_symbol_of_the_file_with_our_name_is_used(learn, how):
    path = learn(["a fox and a dog"], bos_id=-1, unk_id=2, vocab_size=20, **{how: ["[NLU]", "<mask_token 7>"]})
    vocabulary = Vocabulary(path)
    for name in ("[NLU]", "<mask_token 7>"):
        assert vocabulary.pieces.id_to_piece(vocabulary.specials[name]) == name
        assert name not in vocabulary.added


@pytest.mark.parametrize(
    ("lines", "piece"), [(["a[NLU]b", "b[NLU]a[NLU]", "[NLU]"], "[NLU]"), (["[NLU] [NLU]"], "\u2581[NLU]")]
)
def test_a_learned_piece_with_our_name_is_refused(learn, lines, piece):
    path = learn([*lines, "a fox"] * 20, bos_id=-1, unk_id=2, vocab_size=25, split_by_unicode_script=False)
    found = sentencepiece.SentencePieceProcessor(model_file=str(path)).piece_to_id(piece)
    assert found > 2
    with pytest.raises(DataError) as error:
        Vocabulary(path)
    assert str(error.value) == (
        f"{path}: the vocabulary has learned '{piece}' (id {found}), which is text and cannot be the special token"
        " [NLU] too"
    )


def test_other_families_are_refused(published):
    with pytest.raises(DataError, match=r"pad -1, eos 2, unk 0, bos 1; known are our own \(0, 1, 2, -1\)"):
        Vocabulary(published("llama"))


def test_other_ways_with_text_are_refused(published):
    with pytest.raises(DataError, match="damaged, or it treats text as neither our own nor T5's models do"):
        Vocabulary(published("plain"))


@pytest.mark.parametrize("name", ["t5", "paligemma"])
def test_damaged_files_are_refused(published, tmp_path, name):
    whole, damaged = published(name).read_bytes(), tmp_path / "damaged.model"
    for size in range(0, len(whole) - 200, 1499):  # the rules of normalisation come last
        damaged.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"damaged\.model"):
            Vocabulary(damaged)


def test_it_needs_no_torch():
    code = "import sys, pali3kit.config.vocabulary; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
