"""A part of a saved PaLI (`model.from`), in place of the stage that would have made it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pali3kit.config.saved_pali import SavedPaLI
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
    """By what the experiment has of the folder, which need not be there; it is read for runs from before `start`."""
    model, parents = cell.experiment.model, dict[str, Step]()
    assert model.from_ is not None
    start = model.start or SavedPaLI(Path(model.from_)).start(by_mixture=False)
    if part == "pali":
        others = [other for other in ("vision", "tokenizer", "mask_tokenizer") if other in start]
        parents = {other: cell.step(other) for other in others}
    return cell.new("saved", Config(folder=model.from_, part=part, **start[part]), **parents)


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
