"""Configurations as the plain JSON from which digests are computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import ClassVar

from pali3kit.config.component import Component
from pali3kit.types import Json, Named

# Options that were added after artifacts had been published, with the values that change no result. With these values
# they are left out of digests, so that existing artifacts stay valid.
NEUTRAL: dict[str, Json] = {
    "cooldown": 0.0, "weights": None, "allow": [], "loss": "sigmoid", "crop": 1.0, "flip": False, "freeze": [],
    "bottleneck": None, "image_size": None, "gated": True, "ul2.size": None, "ul2.epsilon": 1e-6,
    "prefix": "appendix", "z_loss": 0.0, "linear.frame_positions": "none",
    "multimodal.temperature": 1.0, "pairs.language": "en", "pairs.filter": False, "pairs.test": None, "pairs.window": 0,
    "parquet.columns": None,
    "records.max_images": 16,
    "transfer.num_validations": 0, "vqa.any_order": False, "vqa.with_val": False, "world.english": 0.75,
    "world.labels_per_image": 1.25, "world.wrong_labels": 0.2, "optimizer.options": {},
    "trust_remote_code": False, "ocr": None, "test_ocr": None, "rotations": None, "vqa.hold_out": None,
    "vqa.test_split": "val", "clips.codec": None,
}  # fmt: skip


class StageConfig:
    """Base class of the frozen dataclasses that hold what determines a step's result, beside its seed and its parents.

    Fields that hold their defaults are left out of the digest. `UNREAD` names the fields of `training` that a kind of
    stage does not read.
    """

    UNREAD: ClassVar[frozenset[str]] = frozenset()

    def plain(self) -> dict[str, Json]:
        """The configuration as plain JSON."""
        declared = {field.name: field for field in fields(self)}  # type: ignore[arg-type]  # every kind's is a dataclass
        values = {name: getattr(self, name) for name, field in declared.items()}
        return {
            name: _plain(value, self.unread() if name == "training" else ())
            for name, value in values.items()
            if not _is_default(declared[name], value)
        }

    def unread(self) -> Collection[str]:
        """The fields of `training` that are left out of the digest."""
        return self.UNREAD


def _plain(value: object, without: Collection[str] = ()) -> Json:
    """A value of a configuration as plain JSON: a component as `{"name": ..., **options}`, a section as a mapping less
    its fields `without`. Neutral options are left out of both.
    """
    if isinstance(value, Component):
        return component_json(value)
    if is_dataclass(value):
        values = {
            field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.name not in without
        }
        return _without_neutral(values, f"{type(value).__name__.lower()}.")
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{value!r} is no value of a configuration")  # what `config.typed` refused


def component_json(part: Component) -> Named:
    """A component as `{"name": ..., **options}`, without neutral options."""
    return {
        "name": part.name,
        **_without_neutral({key: _plain(option) for key, option in part.options.items()}, f"{part.name}."),
    }


def _without_neutral(values: Mapping[str, Json], owner: str) -> dict[str, Json]:
    """Leave out the options that `NEUTRAL` lists with this value, by their own name or with the prefix `owner`."""
    return {
        key: value
        for key, value in values.items()
        if not any(name in NEUTRAL and NEUTRAL[name] == value for name in (key, owner + key))
    }


def _is_default(field: Field[object], value: object) -> bool:
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return default is not MISSING and value == default
