"""Each request is answered by the checkpoint that learnt it, the general one first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from pali3kit.errors import ConfigError
from pali3kit.inference.checkpoints import STAGE_1, Checkpoints, GenerationDefaults
from pali3kit.inference.choice import QUESTIONS, REGIONS, caption_tasks, choose_checkpoint, require_checkpoint


class Named:
    """Checkpoints that know their tasks alone; those of several tasks have the name of stage 1."""

    name = "runs/x"

    def __init__(self, tasks: Mapping[str, str | tuple[str, ...]]) -> None:
        self.tasks, self.names = tasks, tuple(tasks)

    def defaults(self, name: str) -> GenerationDefaults:
        own = self.tasks[name]
        lengths: dict[str, Any] = {"image_size": 64, "prompt_length": 8, "target_length": 8}
        if isinstance(own, str):
            return GenerationDefaults(task=own, **lengths)
        return GenerationDefaults(task="", mixture=own, **lengths)


def choose(tasks: Mapping[str, str | tuple[str, ...]], wanted: Any, what: str = "it") -> str:
    return choose_checkpoint(cast(Checkpoints, Named(tasks)), wanted, what)


MIXTURE = ("splitcap", "ocr", "caption_multilingual", "vqa", "detect")
ALL = {
    STAGE_1: MIXTURE, "textvqa": "vqa_text", "mine": "vqa", "okvqa": "vqa_knowledge", "vqav2": "vqa",
    "xm3600": "caption_multilingual", "coco": "caption", "refcoco": "refer",
}  # fmt: skip


@pytest.mark.parametrize(
    ("without", "wanted", "name"),
    [
        ((), [QUESTIONS], "vqav2"),
        (("vqav2",), [QUESTIONS], "okvqa"),
        (("vqav2", "okvqa", "textvqa"), [QUESTIONS], "mine"),
        (("vqav2", "okvqa", "textvqa", "mine"), [QUESTIONS], STAGE_1),
        ((), caption_tasks("en"), "coco"),
        ((), caption_tasks("de"), "xm3600"),
        (("coco",), caption_tasks("en"), "xm3600"),
        (("xm3600",), caption_tasks("de"), STAGE_1),
        (("xm3600", "coco"), caption_tasks("en"), STAGE_1),
        ((), [REGIONS], "refcoco"),
        (("refcoco",), [REGIONS], STAGE_1),
    ],
)
def test_the_best_checkpoint_is_chosen(without: tuple[str, ...], wanted: Any, name: str) -> None:
    assert choose({key: value for key, value in ALL.items() if key not in without}, wanted) == name


@pytest.mark.parametrize(
    ("task", "wanted"),
    [("refs.refer_plus", [REGIONS]), ("mine.vqa", [QUESTIONS]), ("caption_de", caption_tasks("de"))],
)
def test_tasks_of_a_union_and_variants_count(task: str, wanted: Any) -> None:
    assert choose({STAGE_1: ("ocr",), "own": task}, wanted) == "own"


def test_a_language_is_not_another() -> None:
    with pytest.raises(ConfigError):
        choose({STAGE_1: ("ocr",), "own": "caption_de", "coco": "caption"}, caption_tasks("fr"))


def test_what_there_is_is_told() -> None:
    with pytest.raises(ConfigError) as refused:
        choose({STAGE_1: ("ocr", "vqg"), "coco": "caption"}, [QUESTIONS], "questions")
    told = "runs/x has no checkpoint for questions. It has multimodal: ocr, vqg; coco: caption."
    assert str(refused.value) == f"{told} Choose one by checkpoint=."
    with pytest.raises(ConfigError, match=r"^runs/x has no checkpoint 'vqav'\. Did you mean 'vqav2'\?$"):
        require_checkpoint(cast(Checkpoints, Named(ALL)), "vqav")
