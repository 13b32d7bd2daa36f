"""The component `ul2`: our encoder-decoder with random weights, or with those of a T5, mT5, Flan-T5 or UL2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pali3kit.config.shapes import NORM_EPS, contradicted, read_t5
from pali3kit.errors import ConfigError, WeightsError
from pali3kit.language.layers import Activation
from pali3kit.language.ul2 import UL2
from pali3kit.nn.pretrained import loads_pretrained
from pali3kit.registry import LANGUAGE
from pali3kit.storage.weight_files import INDEX_ENDING, find_weights, shards
from pali3kit.weights.layout import strip_prefix
from pali3kit.weights.layouts.t5 import SIGNATURE, UNUSED, language_links
from pali3kit.weights.links import to_ours
from pali3kit.weights.load import load_matching
from pali3kit.weights.read import read_tensors
from pali3kit.weights.report import LoadReport

NEW_ROWS_SPREAD = 0.02  # new tokens start at the file's mean row plus noise of this share of its standard deviation
SMALL = 1 << 26  # parameters that may be allocated without a look at the file's size


@LANGUAGE.register(
    "ul2",
    "encoder-decoder, UL2 or any T5",
    given=("attention", "gradient_checkpointing"),
    sizes="pali3kit.config.shapes:LANGUAGE_SHAPES",
)
def _create(
    vocabulary: int,
    size: str | None = None,
    width: int | None = None,
    encoder_depth: int | None = None,
    decoder_depth: int | None = None,
    heads: int | None = None,
    head_width: int | None = None,
    mlp: int | None = None,
    activation: Activation = "silu",
    gated: bool = True,
    tied: bool = False,
    dropout: float = 0.0,
    buckets: int = 32,
    max_distance: int = 128,
    epsilon: float = NORM_EPS,
    attention: str = "auto",
    gradient_checkpointing: bool = False,
    weights: str | None = None,
    allow: Sequence[str] = (),
) -> UL2:
    """A `UL2`, a T5-style encoder-decoder. Its shape is `size`, a name, or the six numbers from `width` to `mlp`, or
    neither where `weights` is a folder of transformers (T5, T5 v1.1, Flan-T5, mT5, UL2) with a `config.json`.

    `buckets` and `max_distance` are those of the relative bias, `epsilon` that of the norms; `weights` is a file or
    folder of transformers to start from; `allow`: patterns of weights that may be missing or left over. Options that
    a folder's `config.json` also has must agree with it or be left out. The model's `load_report` says what was loaded.
    Errors are those of `UL2`, `read_t5` and `_load_language`.
    """
    numbers = {
        "width": width, "encoder_depth": encoder_depth, "decoder_depth": decoder_depth, "heads": heads,
        "head_width": head_width, "mlp": mlp,
    }  # fmt: skip
    kind: dict[str, object] = {
        "activation": activation, "gated": gated, "tied": tied, "buckets": buckets, "max_distance": max_distance,
        "epsilon": epsilon,
    }  # fmt: skip
    if weights is not None and (Path(weights) / "config.json").exists():
        stored = read_t5(Path(weights))
        _require_agreement(stored, size, numbers, kind, Path(weights))
        if loads_pretrained():
            _require_enough_bytes(stored, find_weights(Path(weights)))
        size, numbers = None, {key: int(stored[key]) for key in numbers}
        kind = {key: stored[key] for key in kind}  # their defaults may differ, so the file decides
    running = {"dropout": dropout, "attention": attention, "gradient_checkpointing": gradient_checkpointing}
    language = UL2(vocabulary, size, **numbers, **kind, **running)  # type: ignore[arg-type]
    if weights is not None and loads_pretrained():
        language.load_report = _load_language(language, Path(weights), allow)
    return language


def _require_agreement(
    stored: Mapping[str, object],
    size: str | None,
    numbers: Mapping[str, int | None],
    kind: Mapping[str, object],
    path: Path,
) -> None:
    differing = contradicted(stored, size, numbers, kind)
    wrong = [f"{path} has {key} {stored[key]}, not {value}." for key, value in differing.items()]
    if wrong:
        raise ConfigError(wrong)


def _require_enough_bytes(stored: Mapping[str, int | float | str], file: Path) -> None:
    """Raise WeightsError where the file is too small for the model of its `config.json`, before that is allocated."""
    width, mlp, inner = (int(stored[key]) for key in ("width", "mlp", "head_width"))
    layer = width * (mlp + int(stored["heads"]) * inner)
    numbers = layer * (int(stored["encoder_depth"]) + int(stored["decoder_depth"]))
    parts = shards(file) if file.name.endswith(INDEX_ENDING) else [file]
    size = sum(part.stat().st_size for part in parts)
    if numbers > max(size, SMALL):  # each takes two bytes or more
        raise WeightsError(f"{file} of {size:,} bytes cannot hold the {numbers:,} parameters of its config.json")


def _load_language(language: UL2, path: Path, allow: Sequence[str] = ()) -> LoadReport:
    """Load the weights of transformers at `path` into `language`.

    Rows of the vocabulary that the file lacks (our mode and mask tokens) are drawn around the file's mean row; rows
    that only the file has (its padding) are dropped. The report notes both.

    Args:
        language: the model to fill; unchanged if an error is raised.
        path: a file, or a folder with one or with an index of shards.
        allow: patterns of names, the file's or the model's, that may be missing or left over.

    Raises:
        WeightsError: the file is unreadable, or a tensor is missing, left over or of another shape.
    """
    file = find_weights(path)
    tensors = _t5_tensors(read_tensors(file), file)
    notes = {}
    if language.logits is not None and "lm_head.weight" not in tensors and "shared.weight" in tensors:
        tensors["lm_head.weight"] = tensors["shared.weight"]
        notes["logits.weight"] = "a copy of the embedding, which the file ties to them"
    elif language.logits is None:
        tensors.pop("lm_head.weight", None)  # some files write the tied embedding twice
    links = language_links(language)
    ours = to_ours(links, tensors, file)
    for name in ("embedding.weight", "logits.weight"):
        if name in ours and ours[name].shape[1:] == (language.width,) and len(ours[name]) != language.vocabulary:
            rows = f"{len(ours[name])} to {language.vocabulary} rows"
            notes[name] = "; ".join(filter(None, (notes.get(name), rows)))
            ours[name] = _fit_rows(ours[name], language.vocabulary)
    left = tensors.keys() - {link.theirs for link in links}
    return load_matching(language, ours, file, "t5", sorted(left), notes, allow, allow)


def _t5_tensors(tensors: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    """Tensors by transformers' names, without the prefix of a wrapping model and without unused tensors.

    The embedding is one tensor under three names, of which a file may keep any one.
    """
    tensors = strip_prefix(tensors, SIGNATURE, file, "T5 in transformers' layout")
    copies = [tensors[name] for name in UNUSED if name in tensors and name.endswith("embed_tokens.weight")]
    if copies:
        tensors.setdefault("shared.weight", copies[0])
    return {name: tensor for name, tensor in tensors.items() if name not in UNUSED}


def _fit_rows(table: Tensor, rows: int) -> Tensor:
    """The table cut to `rows`, or extended by random rows around its mean."""
    if rows <= len(table):
        return table[:rows]
    generator = torch.Generator().manual_seed(0)  # equal files give equal models
    noise = torch.randn(rows - len(table), table.shape[1], generator=generator)
    return torch.cat([table, table.mean(0) + NEW_ROWS_SPREAD * table.std(0) * noise])
