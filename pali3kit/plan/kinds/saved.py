"""A part of a saved PaLI (`model.from`), in place of the stage that would have made it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from pali3kit.config.saved_pali import STAGE_1, SavedPaLI
from pali3kit.config.vocabulary import MODES
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step
from pali3kit.types import Json, Named


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """The `part` "tokenizer", "vision", "mask_tokenizer" or "pali", projector and language model, with the digest of
    its `weights`; and the component or the sizes that it has. `folder` is in no digest.
    """

    folder: str
    part: str
    weights: str
    vision: Named = field(default_factory=dict)
    image_size: int = 0
    projector: Named = field(default_factory=dict)
    language: Named = field(default_factory=dict)
    mask_tokenizer: Named = field(default_factory=dict)
    vocabulary: int | None = None
    codes: int | None = None
    rows: int | None = None

    def plain(self) -> dict[str, Json]:
        """Wherever the folder is, its content is the same."""
        return {key: value for key, value in super().plain().items() if key != "folder"}


def _make(cell: CellSteps, part: str) -> Step:
    assert cell.experiment.model.from_ is not None
    saved = SavedPaLI(Path(cell.experiment.model.from_))
    start, parents = saved.checkpoint(STAGE_1), dict[str, Step]()
    config = Config(folder=str(saved.folder), part=part, weights=saved.start_digest(part))
    if part == "tokenizer":
        learned = saved.vocabulary - saved.sentinels - len(MODES) - saved.codes
        config = replace(config, vocabulary=learned, codes=saved.codes, rows=saved.rows)
    elif part == "mask_tokenizer":
        config = replace(config, mask_tokenizer=saved.mask_tokenizer or {})
    else:
        config = replace(config, image_size=saved.image_size(start.encoder))
        if part == "vision":
            config = replace(config, vision=saved.encoders[start.encoder])
        else:
            config = replace(config, projector=start.projector, language=start.language)
            parents = {"vision": cell.step("vision"), "tokenizer": cell.step("tokenizer")}
            if saved.mask_tokenizer is not None:
                parents["mask_tokenizer"] = cell.step("mask_tokenizer")
    return cell.new("saved", config, **parents)


def _detail(step: Step) -> str:
    return str(step.plain["part"])


KIND = StageKind(
    name="saved",
    summary="copy a part of a saved PaLI, to start from it",
    version=1,
    make=_make,
    seconds=0.1,
    detail=_detail,
)
