"""Tasks of the embedded world: each prompt in the paper's form, each target correct."""

from __future__ import annotations

import numpy as np
import pytest

from pali3kit.config.tasks import TASKS
from pali3kit.data.task import held_out
from pali3kit.data.world import vocabulary
from pali3kit.data.world.source import WorldSource
from pali3kit.data.world.tasks import WorldTask
from pali3kit.errors import RegistryError
from pali3kit.masks.codec import RegionFormat
from pali3kit.metrics.vqa import answer_score

SOURCE = WorldSource()
PROMPTS = {
    "splitcap": "Generate the alt_text in ", "caption": "Generate the alt_text in EN at 0: <extra_id_0>",
    "caption_multilingual": "Generate the alt_text in ", "ocr": "Generate the ocr_text in EN: <extra_id_0>",
    "vqa": "Answer in EN: ", "vqg": "Generate a question in EN for ", "object_vqa": "Answer in EN: ",
    "detect": "detect: ", "refer": "detect: ", "vqa_knowledge": "Answer in EN: ", "vqa_text": "Answer in EN: ",
}  # fmt: skip


@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_have_the_papers_form_and_targets_are_not_empty(name: str) -> None:
    examples = held_out(SOURCE.task(name, 32), "train", 60, 30, seed=0)
    assert len(examples) == 30
    for example in examples:
        assert example.prompt.startswith(PROMPTS[name]) and example.prompt.endswith("<extra_id_0>")
        assert example.target.strip() == example.target != ""


def test_every_declared_task_is_offered() -> None:
    assert set(TASKS) == {*PROMPTS, "span_corruption"}


def test_span_corruption_is_of_texts_without_images() -> None:
    examples = held_out(SOURCE.task("span_corruption", 32), "train", 60, 30, seed=0)
    assert len(examples) == 30 and len({e.language for e in examples}) > 5
    for example in examples:
        assert "<extra_id_0>" in example.prompt and example.target.startswith("<extra_id_0> ") and not example.images


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(RegistryError, match=r"no task 'captoin'\. Did you mean 'caption'"):
        WorldTask("captoin", SOURCE, 32)


@pytest.mark.parametrize("name", ["vqa", "vqa_knowledge", "vqa_text"])
def test_the_target_is_an_answer_that_scores(name: str) -> None:
    for example in held_out(SOURCE.task(name, 32), "test", 60, 30, seed=0):
        assert len(example.references) == 10 and answer_score(example.target, example.references) > 0.89


def test_printed_words_are_read_in_raster_order() -> None:
    for example in held_out(SOURCE.task("ocr", 32), "test", 200, 100, seed=0):
        signs = SOURCE.scene("test", example.images[0]).signs
        assert example.target == " ".join(s.word for s in sorted(signs, key=lambda s: s.box))


def test_a_referred_region_is_the_thing_meant() -> None:
    for example in held_out(SOURCE.task("refer", 65), "test", 40, 40, seed=0):
        scene = SOURCE.scene("test", example.images[0])
        assert example.box in [thing.box for thing in scene.things]
        y0, x0, y1, x1 = example.box
        rows, columns = np.nonzero(example.mask)
        assert (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) == (y0, x0, y1, x1)
        region, _ = RegionFormat(65).read(example.target)
        np.testing.assert_allclose(np.array(region) * 64, example.box, atol=0.51)


def test_detection_lists_every_thing_of_the_class() -> None:
    for example in held_out(SOURCE.task("detect", 65), "test", 40, 40, seed=0):
        name = example.prompt.removeprefix("detect: ").removesuffix(" <extra_id_0>")
        things = [t for t in SOURCE.scene("test", example.images[0]).things if vocabulary.noun(t.emoji) == name]
        assert len(example.target.split(" ; ")) == len(things) > 0
        assert all(part.endswith(" " + name) for part in example.target.split(" ; "))
