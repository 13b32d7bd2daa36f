"""Why a step has to run: its first difference from the most similar artifact of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import yaml

from pali3kit.execution.manifest import Manifest
from pali3kit.execution.store import CONFIG, Store
from pali3kit.plan.step import Step
from pali3kit.types import Json

NO_ARTIFACT = "no artifact"
RENAMED = "its artifact's folder was renamed"
ABSENT = "nothing"


class Reasons:
    """Compares steps with the artifacts in a store and in the folders behind it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.by_kind: dict[str, list[Manifest]] = {}
        for manifest in chain.from_iterable(map(store.manifests, store.roots)):
            self.by_kind.setdefault(str(manifest.get("kind")), []).append(manifest)

    def why(self, step: Step) -> str:
        """One line: the first difference from the most similar artifact of its kind, and the number of others."""
        if self.store.path(step).exists():
            return "damaged"
        found = [list(self._differences(step, manifest)) for manifest in self.by_kind.get(step.kind, ())]
        if not found:
            return NO_ARTIFACT
        first, *others = min(found, key=len) or [RENAMED]
        return f"{first}, and {len(others)} more" if others else first

    def _differences(self, step: Step, manifest: Manifest) -> Iterator[str]:
        """The inputs of the digest in which a step and an artifact differ."""
        yield from _changed("version", step.version, manifest.get("version"))
        yield from _changed("seed", step.seed, manifest.get("seed"))
        now, before = _flat(step.plain), _flat(self._config(manifest))
        for key in dict.fromkeys([*now, *before]):
            yield from _changed(key, now.get(key, ABSENT), before.get(key, ABSENT))
        parents = _mapping(manifest.get("parents"))
        for role, parent in step.parents.items():
            if parents.get(role) != parent.digest:
                yield f"parent {role} {'differs' if role in parents else 'is new'}"
        yield from (f"parent {role} is gone" for role in parents if role not in step.parents)

    def _config(self, manifest: Manifest) -> Mapping[str, Json]:
        """The configuration of an artifact; before version 0.2 only `config.yaml` had it."""
        if "config" in manifest:
            return _mapping(manifest["config"])
        name = f"{manifest['kind']}-{str(manifest['digest'])[:12]}"
        files = [root / name / CONFIG for root in self.store.roots]
        file = next((file for file in files if file.exists()), files[0])
        try:
            return _mapping(yaml.safe_load(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, yaml.YAMLError):
            return {}


def _flat(config: Mapping[str, Json], prefix: str = "") -> dict[str, Json]:
    """Flatten a nested configuration to dotted keys."""
    found: dict[str, Json] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def _mapping(value: object) -> Mapping[str, Json]:
    """The value if it is a mapping, else an empty one: a manifest may be damaged."""
    return value if isinstance(value, Mapping) else {}


def _changed(key: str, now: Json, before: Json) -> Iterator[str]:
    if now != before:
        yield f"{key}: {_short(now)}, was {_short(before)}"


def _short(value: Json, most: int = 24) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
