"""Valid ranges of numbers, by the name of their key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass

from pali3kit.config.component import Component, Optimizer
from pali3kit.config.kinds import registry_of
from pali3kit.config.stages import Stages
from pali3kit.registry import KINDS


@dataclass(frozen=True, slots=True)
class _Range:
    """From `low` to `high`; with `open_low` or `open_high` the bound itself is outside."""

    low: float
    high: float | None = None
    open_low: bool = False
    open_high: bool = False

    def holds(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = self.high is None or (value < self.high if self.open_high else value <= self.high)
        return above and below

    def __str__(self) -> str:
        low = f"{'more than' if self.open_low else 'at least'} {self.low:.10g}"
        if self.high is None:
            return low
        if not self.open_low and not self.open_high:
            return f"between {self.low:.10g} and {self.high:.10g}"
        return f"{low} and {'less than' if self.open_high else 'at most'} {self.high:.10g}"


COUNT = _Range(1)
MOST, MOST_OF_A_PART = 10**12, 10**9  # products of sizes must stay below 64 bits
RANGES: dict[str, _Range] = {
    "image_size": COUNT,
    "vocabulary": COUNT,
    "rows": COUNT,
    "sentences": COUNT,
    "bins": _Range(2, 1000),
    "train": COUNT,
    "validation": _Range(0),
    "num_validations": _Range(0),
    "validation_examples": _Range(2),
    "test": _Range(2),  # CIDEr of a single image has no document frequencies
    "examples": _Range(0),
    "batch_size": COUNT,
    "length": _Range(8),
    "text_length": COUNT,
    "prompt_length": COUNT,
    "target_length": COUNT,
    "temperature": _Range(0, open_low=True),
    "learning_rate": _Range(0, open_low=True),
    "weight_decay": _Range(0),
    "beta2": _Range(0, 1, open_high=True),
    "warmup": _Range(0, 1),
    "cooldown": _Range(0, 1),
    "clip_norm": _Range(0, open_low=True),
    "buckets": _Range(4),
    "spread": _Range(0, open_low=True),
    "label_smoothing": _Range(0, 1, open_high=True),
    "z_loss": _Range(0),
    "dropout": _Range(0, 1, open_high=True),
    "epsilon": _Range(0, 1, open_low=True, open_high=True),
    "limit": _Range(2),
    "least": _Range(2),
    "beams": COUNT,
    "shots": COUNT,
    "repeats": COUNT,
    "curve": COUNT,
    "neighbours": COUNT,
    "epochs": COUNT,
    "english": _Range(0, 1),
    "labels_per_image": _Range(1, 2.24),  # `data.world.labels.MEAN_THINGS`
    "wrong_labels": _Range(0, 1),
    "ocr_errors": _Range(0, 1),
    "frames": _Range(1, 256),  # `data.video.sampling.MAX_FRAMES`
    "test_clips": _Range(2),
    "seed": _Range(0, 2**32 - 1),
    "tolerance": _Range(0),
    "classes": _Range(0),
    "crop": _Range(0.01, 1),
    "max_bad_fraction": _Range(0, 1),
    "nodes": COUNT,
    "devices": COUNT,
    "timeout_seconds": _Range(0, open_low=True),
    "num_workers": _Range(0),
    "window": _Range(0),
    "max_tokens_per_microbatch": _Range(0),
    "memory": _Range(0),
    "utilization": _Range(0, 1, open_low=True),
    "hours": _Range(0, open_low=True),
    "cpus_per_task": _Range(0),
    "checkpoint_seconds": _Range(0),
    "grace_seconds": _Range(1),
    "parallel_stages": _Range(0),
    "threads": _Range(0),
}


def out_of_range(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted key and an error for each number of a section, and of its components, that is out of range.

    Options of plug-ins are not checked: a key of theirs may mean something else.
    """
    prefix = f"{key}." if key else ""
    if isinstance(value, Component):
        built_in = KINDS[registry_of(key)].describe(value.name).built_in
        for name, option in value.options.items():
            if built_in:
                yield from _judge(prefix + name, option, RANGES.get(name, COUNT), MOST_OF_A_PART)
            for own, part in option.items() if isinstance(option, dict) else ():
                yield from out_of_range(part, f"{prefix}{name}.{own}")
    elif is_dataclass(value):
        own = isinstance(value, Optimizer)  # its `options` may be those of a plug-in
        for field in (each for each in fields(value) if not own or each.name != "options"):
            option = getattr(value, field.name)
            if _ours(value) or is_dataclass(option):
                yield from out_of_range(option, prefix + field.name)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            if is_dataclass(item):
                yield from out_of_range(item, f"{key}[{i}]")
            else:
                yield from _judge(f"{key}[{i}]", item, RANGES.get(key.rpartition(".")[2]))
    elif isinstance(value, dict):
        for name, item in value.items():
            if is_dataclass(item):
                yield from out_of_range(item, prefix + name)
            else:
                yield from _judge(prefix + name, item)
    else:
        yield from _judge(key, value, RANGES.get(key.rpartition(".")[2]))


def _ours(section: object) -> bool:
    """Whether a section is declared here and not by a plug-in's kind of stage."""
    return isinstance(section, Stages) or type(section).__module__.startswith("pali3kit.")


def _judge(key: str, value: object, known: _Range | None = None, most: int = MOST) -> Iterator[tuple[str, str]]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    if known is not None and not known.holds(value):
        yield key, f"{key} should be {known}, not {value}."
    elif abs(value) > most:
        yield key, f"{key} should be at most {most:,}, not {value}."
