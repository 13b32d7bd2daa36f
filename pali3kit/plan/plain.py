"""Configurations as the plain JSON that digests are made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import ClassVar

from pali3kit.config.part import Part
from pali3kit.types import Json, Named

# Options that came after results did, and the values with which they change nothing: an option that is added to the
# program, and not used, must not make finished work look unfinished.
NEUTRAL: dict[str, Json] = {
    "cooldown": 0.0, "weights": None, "allow": [], "loss": "sigmoid", "crop": 1.0, "flip": False, "freeze": [],
    "bottleneck": None, "image_size": None, "gated": True, "ul2.size": None, "ul2.epsilon": 1e-6,
    "prefix": "appendix", "z_loss": 0.0,
    "multimodal.temperature": 1.0, "pairs.language": "en", "pairs.filter": False, "pairs.test": None,
    "records.max_images": 16,
    "masks.source": None, "transfer.checks": 0, "world.english": 0.75, "optimizer.options": {},
    "trust_remote_code": False,
}  # fmt: skip


class StageConfig:
    """What determines the result of a kind of stage, less its seed and its parents: a frozen dataclass of the kind.

    A field that holds its default says nothing, and is left out of the digest. `UNREAD` names fields of `training` that
    this kind of stage does not read.
    """

    UNREAD: ClassVar[frozenset[str]] = frozenset()

    def plain(self) -> dict[str, Json]:
        """Return it as plain JSON."""
        said = {field.name: field for field in fields(self)}  # type: ignore[arg-type]  # every kind's is a dataclass
        values = {name: getattr(self, name) for name, field in said.items()}
        return {
            name: plain(value, self.unread() if name == "training" else ())
            for name, value in values.items()
            if not _is_default(said[name], value)
        }

    def unread(self) -> Collection[str]:
        """The fields of `training` that do not enter the digest."""
        return self.UNREAD


def plain(value: object, without: Collection[str] = ()) -> Json:
    """Return a value of a configuration as plain JSON: a component as `{"name": ..., **options}`, a section as a
    mapping, less its fields `without`. Options that say nothing are left out of both.
    """
    if isinstance(value, Part):
        return named(value)
    if is_dataclass(value):
        told = {field.name: plain(getattr(value, field.name)) for field in fields(value) if field.name not in without}
        return _telling(told, f"{type(value).__name__.lower()}.")
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    assert value is None or isinstance(value, bool | int | float | str), value
    return value


def named(part: Part) -> Named:
    """Return a component as it is written in YAML, less what says nothing."""
    return {
        "name": part.name,
        **_telling({key: plain(option) for key, option in part.options.items()}, f"{part.name}."),
    }


def _telling(values: Mapping[str, Json], owner: str) -> dict[str, Json]:
    """Leave out what is neutral, under its own name or under its owner's."""
    return {
        key: value
        for key, value in values.items()
        if not any(name in NEUTRAL and NEUTRAL[name] == value for name in (key, owner + key))
    }


def _is_default(field: Field[object], value: object) -> bool:
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return default is not MISSING and value == default
