"""The tokenizer: SentencePiece trained on the source's text, or a file of the user."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.config.schema import TokenizerConfig
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import files_digest, source_digest
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig, component_json
from pali3kit.plan.step import Step
from pali3kit.types import Json, Named


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """Either a `file` with the digest `data` and `rows` tokens, or `vocabulary` tokens trained on `sentences` of a
    `source`, with box coordinates in `bins` values. `codes` mask tokens are added to both.
    """

    codes: int | None
    data: str = ""
    file: str | None = None
    rows: int | None = None
    source: Named | None = None
    vocabulary: int | None = None
    sentences: int = 0
    bins: int = 0

    def plain(self) -> dict[str, Json]:
        """`rows` is always part of the digest of a file."""
        return super().plain() | ({} if self.file is None else {"rows": self.rows})


def _make(cell: CellSteps) -> Step:
    """A file needs no text of the source."""
    if cell.experiment.model.from_ is not None:
        return cell.step("saved", part="tokenizer")
    chosen, codes = cell.experiment.tokenizer, cell.experiment.model.mask_tokenizer.options.get("codes")
    config = _trained(cell, chosen, codes) if chosen.file is None else _given(chosen, chosen.file, codes)
    return cell.new("tokenizer", config)


def _given(chosen: TokenizerConfig, file: str, codes: int | None) -> Config:
    return Config(file=file, rows=chosen.rows, codes=codes, data=files_digest(file))


def _trained(cell: CellSteps, chosen: TokenizerConfig, codes: int | None) -> Config:
    source = cell.experiment.data.source
    return Config(
        source=component_json(source),
        data=source_digest(source),
        vocabulary=chosen.vocabulary,
        sentences=chosen.sentences,
        bins=chosen.bins,
        codes=codes,
    )


KIND = StageKind(
    name="tokenizer",
    summary="train SentencePiece on the source's text",
    version=1,
    make=_make,
    seconds=6.0,
)
