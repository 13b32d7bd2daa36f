"""`model.from`, a saved PaLI to start from, written out as settings that an experiment could have named itself.

When an experiment is loaded, the folder's components, image size and tokenizer become the experiment's, below its own
settings, which must agree, and `model.start` describes its weights. Everything else reads them there: the folder itself
is needed again only by the stage that copies from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import KeyProblem, known_benchmarks
from pali3kit.config.saved_pali import STAGE_1, TOKENIZER_FILE, SavedPaLI
from pali3kit.config.schema import Experiment
from pali3kit.config.tree import Node
from pali3kit.config.typed import Builder
from pali3kit.errors import WeightsError

ENCODER_PRETRAINED = "pretrained"


def saved_settings(tree: Node) -> Node | None:
    """Return the settings that `model.from` stands for, to be merged below the experiment's own; None without one.

    A folder that cannot be read is refused by `from_saved`.
    """
    model = tree.value.get("model")
    node = model.value.get("from") if model is not None and isinstance(model.value, dict) else None
    if node is None or not isinstance(node.value, str):
        return None
    try:
        return Node.of(_settings(SavedPaLI(_absolute(node.value))), node.where)
    except WeightsError:
        return None


def from_saved(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that there is a saved PaLI at `model.from`, and that nothing in the experiment contradicts it."""
    if cell.model.from_ is None:
        if cell.model.start:
            yield "model.start", "model.start comes from the folder model.from, and there is none: leave it out."
        return
    try:
        saved = SavedPaLI(Path(cell.model.from_))
        wanted = _settings(saved)
    except WeightsError as error:
        yield "model.from", f"model.from: {error}"
        return
    yield from _contradicted(cell, wanted)
    if cell.pretrain != ENCODER_PRETRAINED:
        text = f"pretrain should be '{ENCODER_PRETRAINED}', not '{cell.pretrain}', or be left out."
        yield "pretrain", f"model.from brings a trained image encoder: {text}"
    if cell.model.dual_encoder is not None:
        yield "model.dual_encoder", "model.from brings an image encoder: leave out one of it and model.dual_encoder."
    for benchmark in map(BENCHMARK.find, known_benchmarks(cell)):
        if benchmark.scored == "loss":
            text = "measures a language model before stage 1, and model.from has it after that: leave it out."
            yield "evaluate", f"benchmark '{benchmark.name}' {text}"
        elif saved.mask_tokenizer is None and (benchmark.regions or benchmark.scored == "masks"):
            yield (
                "evaluate",
                f"benchmark '{benchmark.name}' needs the mask tokenizer that {saved.folder} does not have.",
            )


def _absolute(folder: str) -> Path:
    """As paths of data it is relative to the working folder; in the run it must not be."""
    return Path(os.path.abspath(os.path.expanduser(folder)))


def _settings(saved: SavedPaLI) -> dict[str, dict[str, object] | str]:
    """The settings of an experiment by its sections. Raises WeightsError without the checkpoint to start from."""
    start = saved.checkpoint(STAGE_1)
    components = {
        "vision": saved.encoders[start.encoder], "projector": start.projector, "language": start.language,
        "mask_tokenizer": saved.mask_tokenizer,
    }  # fmt: skip
    return {
        "model": {
            "image_size": saved.image_size(start.encoder), **{k: v for k, v in components.items() if v},
            "start": {**saved.start(), "languages": list(saved.languages)},
        },
        "tokenizer": {
            "file": str(saved.folder / TOKENIZER_FILE), "vocabulary": None, "rows": saved.rows, "bins": saved.bins,
        },
        "pretrain": ENCODER_PRETRAINED,
    }  # fmt: skip


def _contradicted(cell: Experiment, wanted: Mapping[str, Mapping[str, object] | str]) -> Iterator[KeyProblem]:
    """Check that the sections `model` and `tokenizer` are those of the folder."""
    for section in ("model", "tokenizer"):
        settings = wanted[section]
        assert isinstance(settings, Mapping)
        for name, value in settings.items():
            key = f"{section}.{name}"
            own = getattr(getattr(cell, section), name)
            is_component = isinstance(value, Mapping) and "name" in value
            theirs = Builder().part(Node.of(value, key), key) if is_component else value
            if own != theirs:
                yield key, f"{key} is not that of model.from, {cell.model.from_}: leave it out, it comes from there."
