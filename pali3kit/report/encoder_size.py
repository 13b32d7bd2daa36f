"""How large the image encoders of a table's rows are: parameters, and pixels, tokens and FLOPs of an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.shapes import VitShape
from pali3kit.config.vit_size import vit_flops, vit_parameters, vit_tokens
from pali3kit.plan.kinds.vision import ENCODER_SIZE
from pali3kit.plan.step import Step
from pali3kit.report.arms import Arm, ArtifactReader, encoder_of
from pali3kit.report.model import EncoderSize, ResultTable, Row
from pali3kit.types import Named

COLUMNS = (("parameters", "encoder"), ("resolution", "pixels"), ("tokens", "per image"), ("FLOPs", "per image"))
"""Titles and units of the block of columns."""


def encoder_sizes(arm: Arm, suffix: str, artifacts: ArtifactReader) -> tuple[EncoderSize, ...]:
    """The sizes of an arm's image encoder in the columns measured after a stage, one for each side of its images.

    `suffix` is that of the names of their steps. Measures of the encoder alone count where nothing else is measured.
    An encoder that is no `vit` of ours has the size that its artifact tells, at its own resolution.
    """
    names = [name for name in arm.steps if name.partition("@")[1:] == suffix.partition("@")[1:]]
    generated = [name for name in names if BENCHMARK.find(name.partition("@")[0]).generated]
    found: dict[int, EncoderSize] = {}
    for step in (step for name in generated or names for step in arm.steps[name].values()):
        if (encoder := encoder_of([step])) is not None:
            own = int(str(encoder.plain["image_size"]))
            pixels = int(str(step.plain.get("image_size", own)))
            if pixels not in found:
                found[pixels] = _size(encoder, pixels, own, artifacts)
    return tuple(found[pixels] for pixels in sorted(found))


def _size(encoder: Step, pixels: int, own: int, artifacts: ArtifactReader) -> EncoderSize:
    vision = encoder.plain["vision"]
    assert isinstance(vision, dict)
    if vision["name"] == "vit":
        return _vit_size(vision, pixels, own)
    told = artifacts.config(encoder).get(ENCODER_SIZE)
    if not isinstance(told, dict):
        return EncoderSize(pixels)
    if pixels != own:
        return EncoderSize(pixels, told.get("parameters"))
    return EncoderSize(pixels, told.get("parameters"), told.get("tokens"), told.get("flops"))


def _vit_size(vision: Named, pixels: int, own: int) -> EncoderSize:
    """Of images of `pixels`; its positions, which are resampled, are those of its `own` resolution."""
    shape = VitShape.of_options({**dict.fromkeys(("size", *VitShape.__slots__)), **vision})
    flops = vit_flops(shape, pixels, class_token=vision.get("head") == "token")
    return EncoderSize(pixels, vit_parameters(shape, own), vit_tokens(shape, pixels), flops)


def size_columns(table: ResultTable) -> tuple[tuple[str, str], ...]:
    """The block's titles and units, where it tells rows apart; () where their encoders are all of one size."""
    return COLUMNS if len({row.encoder_sizes for row in table.rows} - {()}) > 1 else ()


def size_cells(row: Row) -> tuple[str, ...]:
    """The texts of a row in the block: of several resolutions the smallest and the largest, "–" where unknown."""
    return tuple(_range(row.encoder_sizes, value) for value in (_parameters, _pixels, _tokens, _flops))


def size_sentence(table: ResultTable) -> str:
    """The size of all rows' encoders where it is the same, as a sentence; "" where it differs or is unknown."""
    sizes = {row.encoder_sizes for row in table.rows} - {()}
    if len(sizes) != 1:
        return ""
    [size] = sizes
    parameters, pixels, tokens, flops = texts = [_range(size, each) for each in (_parameters, _pixels, _tokens, _flops)]
    if "–" in texts:
        return ""
    return f"Image encoder: {parameters} parameters; images of {pixels} pixels, {tokens} tokens, {flops} FLOPs forward."


def _range(sizes: Iterable[EncoderSize], text: Callable[[EncoderSize], str]) -> str:
    texts = list(dict.fromkeys(text(size) for size in sizes))
    return "–".join(dict.fromkeys((texts[0], texts[-1]))) if texts and all(texts) else "–"


def _parameters(size: EncoderSize) -> str:
    return short_count(size.parameters, "B")


def _pixels(size: EncoderSize) -> str:
    return str(size.pixels)


def _tokens(size: EncoderSize) -> str:
    return "" if size.tokens is None else str(size.tokens)


def _flops(size: EncoderSize) -> str:
    return short_count(size.flops, "G")


def short_count(number: int | None, giga: str) -> str:
    """Three significant digits and a letter: `1.19M`, `85.8M`, `2B`."""
    if number is None:
        return ""
    for letter, unit in (("T", 1e12), (giga, 1e9), ("M", 1e6), ("k", 1e3)):
        if float(f"{number:.3g}") >= unit:
            return f"{float(f'{number:.3g}') / unit:.3g}{letter}"
    return str(number)
