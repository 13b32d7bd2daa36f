"""Why a step is to run: what tells it from the artifact of its kind that is nearest to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import yaml

from pali3kit.execution.manifest import Manifest
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step
from pali3kit.types import Json

NO_ARTIFACT = "no artifact"
RENAMED = "its artifact's folder has another name"
ABSENT = "nothing"
Flat: TypeAlias = dict[str, Json]
"""A configuration with dotted keys."""


class Reasons:
    """Compares steps with the artifacts of a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.by_kind: dict[str, list[Manifest]] = {}
        for manifest in store.manifests():
            self.by_kind.setdefault(str(manifest.get("kind")), []).append(manifest)

    def why(self, step: Step) -> str:
        """One line: the first difference to the nearest artifact of its kind, and how many more there are."""
        if self.store.path(step).exists():
            return "damaged"
        found = [list(self._differences(step, manifest)) for manifest in self.by_kind.get(step.kind, ())]
        if not found:
            return NO_ARTIFACT
        first, *others = min(found, key=len) or [RENAMED]
        return f"{first}, and {len(others)} more" if others else first

    def _differences(self, step: Step, manifest: Manifest) -> Iterator[str]:
        """What a digest is made of, piece by piece, as far as it differs."""
        yield from _changed("version", step.version, manifest.get("version"))
        yield from _changed("seed", step.seed, manifest.get("seed"))
        now, before = flat(step.plain), flat(self._config(manifest))
        for key in dict.fromkeys([*now, *before]):
            yield from _changed(key, now.get(key, ABSENT), before.get(key, ABSENT))
        parents = _mapping(manifest.get("parents"))
        for role, parent in step.parents.items():
            if parents.get(role) != parent.digest:
                yield f"parent {role} {'differs' if role in parents else 'is new'}"
        yield from (f"parent {role} is gone" for role in parents if role not in step.parents)

    def _config(self, manifest: Manifest) -> Mapping[str, Json]:
        """The configuration of an artifact; manifests before 0.2 left it to `config.yaml`."""
        if "config" in manifest:
            return _mapping(manifest["config"])
        file = self.store.root / f"{manifest['kind']}-{str(manifest['digest'])[:12]}" / "config.yaml"
        try:
            return _mapping(yaml.safe_load(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, yaml.YAMLError):
            return {}


def flat(config: Mapping[str, Json], prefix: str = "") -> Flat:
    """Write a nested configuration with dotted keys."""
    found: Flat = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def _mapping(value: object) -> Mapping[str, Json]:
    """What a manifest holds where a mapping should be; nothing where it is damaged."""
    return value if isinstance(value, Mapping) else {}


def _changed(key: str, now: Json, before: Json) -> Iterator[str]:
    if now != before:
        yield f"{key}: {_short(now)}, was {_short(before)}"


def _short(value: Json, most: int = 24) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
