"""Vocabularies, folders of language models and what both say of each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planned import without_place

from pali3kit.config.load import load
from pali3kit.config.vocabulary import Vocabulary
from pali3kit.errors import ConfigError


def test_a_given_vocabulary_fits(trial: Path, published: Callable[[str], Path]) -> None:
    for name in ("t5", "mt5", "gemma"):
        load("x.yaml", [f"tokenizer.file={published(name)}", "tokenizer.vocabulary=null", "evaluate=[vqav2]"])
    given = [f"tokenizer.file={published('t5')}", "tokenizer.vocabulary=null"]
    load("x.yaml", [*given, "evaluate=[vqav2]", "tokenizer.rows=5000"])
    with pytest.raises(ConfigError, match=r"target_length 32 cannot hold .* need 33"):  # four pieces for each 999
        load("x.yaml", [*given, "tokenizer.bins=1000"])


def test_vocabularies_that_do_not_fit_are_told_with_their_line(
    trial: Path, published: Callable[[str], Path], learn: Callable[..., Path]
) -> None:
    scale = trial / "scales" / "tiny.yaml"
    text = scale.read_text()

    def told(tokenizer: str) -> str:
        scale.write_text(text.replace("{vocabulary: 2000, bins: 32}", tokenizer))
        with pytest.raises(ConfigError) as error:
            load("x.yaml", ["evaluate=[vqav2]"])
        where, _, what = str(error.value).partition(": ")
        assert where == "scales/tiny.yaml:7"
        return what

    assert told("{bins: 32}") == (
        "the tokenizer needs a vocabulary, the number of pieces to learn, or a file that has some."
    )
    assert without_place(told("{file: nowhere.model}")) == "there is no file 'nowhere.model'."
    assert told("{file: x.yam}") == "there is no file 'x.yam'. Did you mean 'x.yaml'?"
    assert told("{file: x.yaml}").startswith("x.yaml: not a readable SentencePiece model")
    assert told(f"{{file: {published('t5')}, vocabulary: 9000}}") == (
        "tokenizer.file brings a vocabulary of its own: set tokenizer.vocabulary to null, not 9000."
    )
    assert told("{vocabulary: 2000, rows: 3000}") == (
        "tokenizer.rows is the size of the embedding of a tokenizer.file, and there is none."
    )
    assert "an embedding of 99 rows has no room" in told(f"{{file: {published('t5')}, rows: 99}}")
    lines = ["a[NLU]b", "b[NLU]a[NLU]", "[NLU]", "a fox"] * 20
    collides = learn(lines, bos_id=-1, unk_id=2, vocab_size=25, split_by_unicode_script=False)
    assert told(f"{{file: {collides}}}").startswith(f"{collides}: the vocabulary has learned '[NLU]' (id ")


def test_a_language_models_folder_says_its_shape(trial: Path, tmp_path: Path, published: Callable[[str], Path]) -> None:
    said = {"model_type": "t5", "d_model": 96, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4}
    (tmp_path / "config.json").write_text(json.dumps(said))
    part = f"name: ul2, weights: {tmp_path}"
    own = [f"tokenizer.file={published('t5')}", "tokenizer.vocabulary=null", "evaluate=[vqav2]"]
    with pytest.raises(ConfigError, match="are those of its own tokenizer"):
        load(trial / "x.yaml", [f"model.language={{{part}}}"])
    assert load(trial / "x.yaml", [f"model.language={{{part}}}", *own]).model.language.options["width"] is None
    with pytest.raises(ConfigError, match=r"(?s)has width 96, not 64.*has mlp 128, not 5") as error:
        load(trial / "x.yaml", [f"model.language={{{part}, width: 64, mlp: 5}}", *own])
    assert "command line" in str(error.value)
    modern = {**said, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
    (tmp_path / "config.json").write_text(json.dumps(modern))
    load(trial / "x.yaml", [f"model.language={{{part}, gated: true, activation: silu}}", *own])  # as left out
    for contradicted, text in (
        ("gated: false", "has gated True, not False"),
        ("activation: relu", "has activation gelu, not relu"),
        ("tied: true", "has tied False, not True"),
        ("buckets: 64", "has buckets 32, not 64"),
        ("max_distance: 64", "has max_distance 128, not 64"),
        ("heads: '2'", "heads should be .*an integer.*, not the text '2'.$"),
    ):
        with pytest.raises(ConfigError, match=text):
            load(trial / "x.yaml", [f"model.language={{{part}, {contradicted}}}", *own])
    said["d_model"] = 30
    (tmp_path / "config.json").write_text(json.dumps(said))
    with pytest.raises(ConfigError, match="need a language width divisible by 4, not 30"):
        load(trial / "x.yaml", [f"model.language={{{part}}}", *own])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"config\.json does not describe a T5: KeyError"):
        load(trial / "x.yaml", [f"model.language={{{part}}}", *own])
    for key, value, text in (
        ("feed_forward_proj", "gated-slu", "'gated-slu' is not supported. Did you mean 'gated-silu'"),
        ("layer_norm_epsilon", 2.0, "layer_norm_epsilon is 2.0, not a number between 0 and 1"),
        ("d_model", "wide", "does not describe a T5: ValueError"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**said, key: value}))
        with pytest.raises(ConfigError, match=text):
            load(trial / "x.yaml", [f"model.language={{{part}}}", *own])
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(ConfigError, match="does not describe a T5: TypeError"):
        load(trial / "x.yaml", [f"model.language={{{part}}}", *own])


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"eos_token_id": 5}, "ends texts with id 5, the supported tokenizers with id 1"),
        ({"eos_token_id": [5, 1]}, "ends texts with id 5"),
        ({"vocab_size": 2112}, r"has 2112 rows, that of .* they do not belong together, or set tokenizer.rows to 2112"),
        ({"model_type": "gpt_neo"}, "a 'gpt_neo' cannot attend to a whole prefix"),
        ({"model_type": "gpt2", "n_positions": 40}, "has 40 positions; prompt and target alone take 64"),
    ],
)
def test_a_language_model_and_the_tokenizer_belong_together(
    said: dict[str, Any], text: str, trial: Path, tmp_path: Path, published: Callable[[str], Path]
) -> None:
    """By what a local folder's `config.json` says, for models of transformers too."""
    part = [f"model.language=hf/{tmp_path}", "evaluate=[vqav2]"]
    own = [f"tokenizer.file={published('t5')}", "tokenizer.vocabulary=null"]
    fitting = {"model_type": "llama", "eos_token_id": 1, "vocab_size": Vocabulary(published("t5")).rows}
    (tmp_path / "config.json").write_text(json.dumps(fitting))
    with pytest.raises(ConfigError, match=r"are those of its own tokenizer: give that as tokenizer.file"):
        load(trial / "x.yaml", part)
    for nothing in (json.dumps({**fitting, "eos_token_id": []}), "[" * 10**5, "[]"):  # that could be judged
        (tmp_path / "config.json").write_text(nothing)
        load(trial / "x.yaml", [*part, *own])
    (tmp_path / "config.json").write_text(json.dumps({**fitting, **said}))
    with pytest.raises(ConfigError, match=text):
        load(trial / "x.yaml", [*part, *own])


def test_a_language_model_must_be_named_whole(trial: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'hf' names no model: hf/<repository>, or hf/./<folder>"):
        load(trial / "x.yaml", ["model.language=hf"])
    with pytest.raises(ConfigError, match=r"there is no .*/config.json: name a folder that has one, or set the shape"):
        load(trial / "x.yaml", [f"model.language={{name: ul2, weights: {tmp_path}}}"])
