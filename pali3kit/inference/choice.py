"""Which checkpoint of several answers a question, captions an image, or finds a region."""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.config.available_tasks import task_family
from pali3kit.errors import ConfigError, choose
from pali3kit.inference.checkpoints import GENERAL, STAGE_1, Checkpoints

GENERAL_FIRST = ("vqav2", "okvqa", "textvqa", "coco", "xm3600", "refcoco")
"""Of several transfers that fit, the one of the first of these benchmarks answers; then the others, as they come."""
QUESTIONS = ("vqa", "vqa_knowledge", "vqa_text", "object_vqa")
REGIONS = ("refer", "detect")
_MANY_LANGUAGES = ("caption_multilingual", "splitcap")


def caption_tasks(language: str) -> Sequence[tuple[str, ...]]:
    """The tasks with captions in a language, the best first."""
    own = ("caption", "caption_en") if language == "en" else (f"caption_{language}",)
    return own, _MANY_LANGUAGES


def choose_checkpoint(checkpoints: Checkpoints, tasks: Sequence[tuple[str, ...]], what: str) -> str:
    """The name of the checkpoint that answers `what` with any of `tasks`; earlier tuples of tasks are better.

    A transfer comes before the model of stage 1 or 2, which answers if its mixture had the task. Raises ConfigError
    where no checkpoint has learnt it.
    """
    transfers = [name for name in checkpoints.names if name not in GENERAL]
    rank = {name: place for place, name in enumerate(GENERAL_FIRST)}
    transfers.sort(key=lambda name: rank.get(name, len(rank)))
    general = [name for name in checkpoints.names if name == STAGE_1]
    for candidates in (transfers, general):
        for wanted in tasks:
            for name in candidates:
                if _families(checkpoints, name) & set(wanted):
                    return name
    learnt = "; ".join(f"{name}: {', '.join(checkpoints.defaults(name).tasks)}" for name in checkpoints.names)
    raise ConfigError([f"{checkpoints.name} has no checkpoint for {what}. It has {learnt}. Choose one by checkpoint=."])


def require_checkpoint(checkpoints: Checkpoints, name: str) -> str:
    """The name. Raises ConfigError for one that is not there."""
    if name not in checkpoints.names:
        raise ConfigError([f"{checkpoints.name} has no checkpoint '{name}'.{choose(name, checkpoints.names)}"])
    return name


def _families(checkpoints: Checkpoints, name: str) -> set[str]:
    """The tasks that a checkpoint was trained on: as they are, and of variants of regions their family."""
    tasks = set(checkpoints.defaults(name).tasks)
    return tasks | {family for family in map(task_family, tasks) if family in REGIONS}
