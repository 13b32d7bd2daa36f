"""The named shapes of vision transformers, as facts: they are checked before torch is imported."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from pali3kit.errors import ConfigError, choose


@dataclass(frozen=True, slots=True)
class VitShape:
    """Width D, number of blocks, attention heads, hidden size of the MLP, side of a patch in pixels."""

    width: int
    depth: int
    heads: int
    mlp: int
    patch: int


VIT_SHAPES: dict[str, VitShape] = {  # paper.md §1.2, after big_vision `models/vit.py: decode_variant`
    "Ti/16": VitShape(192, 12, 3, 768, 16),
    "S/16": VitShape(384, 12, 6, 1536, 16),
    "B/16": VitShape(768, 12, 12, 3072, 16),
    "L/16": VitShape(1024, 24, 16, 4096, 16),
    "So400m/14": VitShape(1152, 27, 16, 4304, 14),
    "g/14": VitShape(1408, 40, 16, 6144, 14),
    "g-opt/14": VitShape(1536, 40, 16, 6144, 14),
    "g-opt/16": VitShape(1536, 40, 16, 6144, 16),
    "G/14": VitShape(1664, 48, 16, 8192, 14),
    "G-opt/14": VitShape(1536, 48, 16, 8192, 14),
    "e/14": VitShape(1792, 56, 16, 15360, 14),
}


def resolve(size: str | None = None, **numbers: int | None) -> VitShape:
    """Return the shape called `size`, or the one spelled out in `numbers` (`width`, `depth`, `heads`, `mlp`, `patch`).

    Raises ConfigError when the size is unknown, when it is contradicted by numbers, or when a number is missing.
    """
    given = {key: value for key, value in numbers.items() if value is not None}
    if size is None:
        missing = [field.name for field in fields(VitShape) if field.name not in given]
        if missing:
            raise ConfigError([f"a vit needs a size such as 'B/16', or also {', '.join(missing)}."])
        return VitShape(**given)
    if size not in VIT_SHAPES:
        raise ConfigError([f"unknown vit size '{size}'.{choose(size, VIT_SHAPES)}"])
    shape = VIT_SHAPES[size]
    differing = [key for key, value in given.items() if asdict(shape)[key] != value]
    if differing:
        raise ConfigError([f"vit size '{size}' already says {', '.join(differing)}: leave out one or the other."])
    return shape
