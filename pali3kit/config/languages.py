"""Checks that a language model, its weights and the tokenizer belong together, by the weights' `config.json`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pali3kit.config.budgets import KeyProblem, text_lengths
from pali3kit.config.check_weights import check_exists, check_trained
from pali3kit.config.component import Component
from pali3kit.config.schema import Experiment
from pali3kit.config.shapes import KIND, LanguageShape, contradicted, read_t5
from pali3kit.config.vocabulary import EOS, Vocabulary
from pali3kit.errors import ConfigError, DataError
from pali3kit.types import Json

BLIND = ("bloom", "gpt_neo", "mamba", "mpt", "rwkv")  # decoders that cannot attend to the whole prefix
POSITIONS = {  # models with a fixed number of learned positions
    "bart": "max_position_embeddings", "gpt2": "n_positions", "gpt_bigcode": "n_positions",
    "mbart": "max_position_embeddings", "opt": "max_position_embeddings",
}  # fmt: skip


def language(cell: Experiment) -> Iterator[KeyProblem]:
    """Check the shape of the model, and that its weights exist, have that shape and go with the tokenizer."""
    part = cell.model.language
    missing = list(check_exists(part, "model.language"))
    yield from missing
    if part.name == "hf":
        yield "model.language", "model.language 'hf' names no model: hf/<repository>, or hf/./<folder>."
    if not missing and part.name == "ul2":
        yield from _shape(part)
    yield from check_trained(part, "language", cell.stages.language.examples)
    folder = _folder(part)
    if folder is not None and os.path.exists(folder):
        config = _config(folder)
        yield from _tokens(cell, folder, config)
        yield from _answers(cell, folder, config)


def language_width(part: Component) -> int | None:
    """The width of a language model, where it is known before it is built."""
    try:
        return _ul2_shape(part).width if part.name == "ul2" else part.options.get("width")
    except ConfigError:
        return None


def _shape(part: Component) -> Iterator[KeyProblem]:
    """Check that a ul2 has a shape, and that its options do not contradict the `config.json` of its weights.

    Options at their defaults take their values from that file.
    """
    try:
        _ul2_shape(part)
    except ConfigError as error:
        key = "model.language.size" if part.options.get("size") else "model.language"
        yield key, f"model.language: {'; '.join(map(str, error.problems))}"
        return
    folder = _described(part)
    if folder is None:
        return
    config, size = read_t5(folder), part.options.get("size")
    numbers = {key: part.options.get(key) for key in LanguageShape.__slots__}
    kind = {key: part.options.get(key) for key in KIND}
    for key, value in contradicted(config, size, numbers, kind).items():
        at = "size" if size and numbers.get(key) is None and key in numbers else key
        yield f"model.language.{at}", f"model.language: {folder} has {key} {config[key]}, not {value}"


def _ul2_shape(part: Component) -> LanguageShape:
    """The shape of a ul2, from its weights' `config.json` or from its options."""
    folder, names = _described(part), tuple(LanguageShape.__slots__)
    if folder is not None:
        config = read_t5(folder)
        return LanguageShape(**{key: int(config[key]) for key in names})
    size, weights = part.options.get("size"), part.options.get("weights")
    numbers = {key: part.options.get(key) for key in names}
    if weights and size is None and None in numbers.values():
        raise ConfigError([f"there is no {weights}/config.json: name a folder that has one, or set the shape."])
    return LanguageShape.of(size, **numbers)


def _described(part: Component) -> Path | None:
    """The folder of a ul2's weights if it has a `config.json`."""
    folder = Path(part.options.get("weights") or "")
    return folder if part.options.get("weights") and os.path.exists(folder / "config.json") else None


def _folder(part: Component) -> Path | None:
    """The local folder or file that a language model's weights are from."""
    if part.name == "ul2":
        return Path(part.options["weights"]) if part.options.get("weights") else None
    named = part.name.removeprefix("hf/")
    return Path(named) if part.name.startswith("hf/") and named.startswith((".", "/")) else None


def _tokens(cell: Experiment, folder: Path, config: Mapping[str, Json]) -> Iterator[KeyProblem]:
    """Check that the tokenizer is the one that the weights were trained with: same rows and same end of text."""
    chosen = cell.tokenizer
    if chosen.file is None:
        key = "model.language.weights" if cell.model.language.options.get("weights") else "model.language"
        yield key, f"the ids of {folder} are those of its own tokenizer: give that as tokenizer.file."
        return
    end = config.get("eos_token_id")
    ends = end if isinstance(end, list) else [end]
    if end not in (None, []) and EOS not in ends[:1]:
        text = f"{folder} ends texts with id {ends[0]}, the supported tokenizers with id {EOS}"
        yield "model.language", f"{text}: such a model can be used in Python alone."
    rows = config.get("vocab_size")
    with suppress(DataError):  # `_vocabulary_file` reports it
        known = Vocabulary(Path(chosen.file), rows=chosen.rows).rows
        if isinstance(rows, int) and rows != known:
            text = f"the embedding of {folder} has {rows} rows, that of {chosen.file} {known}"
            yield "tokenizer.file", f"{text}: they do not belong together, or set tokenizer.rows to {rows}."


def _answers(cell: Experiment, folder: Path, config: Mapping[str, Json]) -> Iterator[KeyProblem]:
    """Check limits of some architectures: whether they attend to a whole prefix, and their number of positions."""
    kind = str(config.get("model_type"))
    if cell.model.language.name.startswith("hf/") and kind in BLIND:
        yield (
            "model.language",
            f"a '{kind}' cannot attend to a whole prefix: take an encoder-decoder, Gemma or Qwen.",
        )
    positions = config.get(POSITIONS.get(kind, ""))
    asked = max(sum(text_lengths(cell, stage)) for stage in ("multimodal", "resolution", "transfer"))
    if isinstance(positions, int) and positions < asked:
        text = f"{folder} has {positions} positions; prompt and target alone take {asked}, and visual tokens are added."
        yield "model.language", text


def _config(folder: Path) -> Mapping[str, Json]:
    """The entries of `config.json`, with those of its text model first; empty without a valid file."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        text = config.get("text_config") or config.get("decoder") or {}
        return {**text, **config} if isinstance(config, dict) else {}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}
