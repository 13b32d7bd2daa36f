"""The registry's `ul2`: our encoder-decoder with random weights, or with those of a T5, mT5, Flan-T5 or UL2."""

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
from pali3kit.weights.find import INDEX_ENDING, find_weights, shards
from pali3kit.weights.layout import behind_prefix
from pali3kit.weights.layouts.t5 import LEFTOVERS, MARK, language_links
from pali3kit.weights.links import to_ours
from pali3kit.weights.load import fill
from pali3kit.weights.read import read_tensors
from pali3kit.weights.report import LoadReport

NEW_ROWS_SPREAD = 0.02  # of the file's own deviation: new tokens start as its mean token, told apart by little
SMALL = 1 << 26  # numbers that may be allocated before their file is read


@LANGUAGE.register(
    "ul2",
    "encoder-decoder, UL2 or any T5",
    given=("attention", "checkpointing"),
    sizes="pali3kit.config.shapes:LANGUAGE_SHAPES",
)
def create_ul2(
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
    checkpointing: bool = False,
    weights: str | None = None,
    allow: Sequence[str] = (),
) -> UL2:
    """A `UL2`, a T5-style encoder-decoder: `size`, a name of the table, or the six numbers that it stands for, or
    neither where `weights` names a folder of transformers that says them itself (T5, T5 v1.1, Flan-T5, mT5, UL2).

    `buckets` and `max_distance` are those of the relative bias, `epsilon` is the norms'; `weights` names a file or
    folder of transformers to start from; `allow`: patterns of weights that may be left out. A folder's `config.json`
    says the shape, and what else `KIND` has: leave it out, or say the same. What the loading did is kept in the
    model's `load_report`. Errors are those of `UL2`, `read_t5` and `load_language`.
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
        said = read_t5(Path(weights))
        _demand_agreement(said, size, numbers, kind, Path(weights))
        if loads_pretrained():
            _demand_room(said, find_weights(Path(weights)))
        size, numbers = None, {key: int(said[key]) for key in numbers}
        kind = {key: said[key] for key in kind}  # a YAML file always gives these, by their defaults: the file's count
    running = {"dropout": dropout, "attention": attention, "checkpointing": checkpointing}
    language = UL2(vocabulary, size, **numbers, **kind, **running)  # type: ignore[arg-type]
    if weights is not None and loads_pretrained():
        language.load_report = load_language(language, Path(weights), allow)
    return language


def _demand_agreement(
    said: Mapping[str, object],
    size: str | None,
    numbers: Mapping[str, int | None],
    kind: Mapping[str, object],
    path: Path,
) -> None:
    differing = contradicted(said, size, numbers, kind)
    wrong = [f"{path} has {key} {said[key]}, not {value}." for key, value in differing.items()]
    if wrong:
        raise ConfigError(wrong)


def _demand_room(said: Mapping[str, int | float | str], file: Path) -> None:
    """Raise WeightsError where the file cannot hold what its `config.json` says, before that is allocated."""
    width, mlp, inner = (int(said[key]) for key in ("width", "mlp", "head_width"))
    layer = width * (mlp + int(said["heads"]) * inner)
    numbers = layer * (int(said["encoder_depth"]) + int(said["decoder_depth"]))
    parts = shards(file) if file.name.endswith(INDEX_ENDING) else [file]
    size = sum(part.stat().st_size for part in parts)
    if numbers > max(size, SMALL):  # of at least two bytes each
        raise WeightsError(
            f"{file} of {size:,} bytes cannot hold the {numbers:,} numbers that its config.json tells of"
        )


def load_language(language: UL2, path: Path, allow: Sequence[str] = ()) -> LoadReport:
    """Read the weights of transformers at `path` into `language`.

    Rows of the vocabulary that the file lacks (our mode and mask tokens) are drawn around the file's mean row; rows
    that only the file has (its padding) are left out. Both are said in the report.

    Args:
        language: the model to fill; as it was when anything is wrong.
        path: a file, a folder with one, or with an index of shards.
        allow: patterns of names, the file's or the model's, that may be left out.

    Raises:
        WeightsError: unreadable, or anything is missing, left over or of another shape.
    """
    file = find_weights(path)
    tensors = _of_t5(read_tensors(file), file)
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
    return fill(language, ours, file, "t5", sorted(left), notes, allow, allow)


def _of_t5(tensors: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    """By transformers' names, whatever a model around it put before them, without what no model reads.

    Of tensors that are one, a file may keep any: the embedding is `shared`, and that of both stacks.
    """
    tensors = behind_prefix(tensors, MARK, file, "no T5 in transformers' layout")
    copies = [tensors[name] for name in LEFTOVERS if name in tensors and name.endswith("embed_tokens.weight")]
    if copies:
        tensors.setdefault("shared.weight", copies[0])
    return {name: tensor for name, tensor in tensors.items() if name not in LEFTOVERS}


def _fit_rows(table: Tensor, rows: int) -> Tensor:
    if rows <= len(table):
        return table[:rows]
    generator = torch.Generator().manual_seed(0)  # equal files give equal models
    noise = torch.randn(rows - len(table), table.shape[1], generator=generator)
    return torch.cat([table, table.mean(0) + NEW_ROWS_SPREAD * table.std(0) * noise])
