"""The tasks of stage 1 and of the transfers, on scenes of the embedded world (prompts: paper.md §2.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from pali3kit.data.task import Example
from pali3kit.data.world import captions, names, questions, refer, vocabulary
from pali3kit.data.world.chance import choice
from pali3kit.data.world.scene import Scene
from pali3kit.data.world.world import World
from pali3kit.errors import RegistryError, nearest
from pali3kit.masks.codec import RegionFormat
from pali3kit.text import prompts
from pali3kit.text.denoise import corrupt_spans
from pali3kit.text.splitcap import split_caption

Draw = Callable[[Scene, np.random.Generator], Example | None]
FLAVOURS = ("refer", "refer_plus", "refer_g")


class WorldTask:
    """A task by name: turns scenes into examples."""

    def __init__(self, name: str, world: World, bins: int, english: float = 0.5) -> None:
        draws = _draws(world, bins, english)
        if name not in draws:
            raise RegistryError(f"the embedded world has no task {name!r}.{nearest(name, draws)}")
        self.name, self.world = name, world
        self._draw = draws[name]

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        scene = self.world.scene(split, index)
        example = self._draw(scene, rng)
        return None if example is None else replace(example, attributes=scene.attributes)

    def where(self, split: str, count: int) -> Sequence[range]:
        return (range(count),)


def _draws(world: World, bins: int, english: float) -> dict[str, Draw]:
    """All tasks, in the order of the paper's stages; `english` is the share of English among alt-texts."""
    return {
        "splitcap": partial(_splitcap, english=english),
        "span_corruption": partial(_spans, english=english),
        "caption": partial(_caption, language="en"),
        "caption_multilingual": _caption_multilingual,
        **{f"caption_{language}": partial(_spaced_caption, language=language) for language in names.LANGUAGES},
        "ocr": _ocr,
        "vqa": partial(_question, ask=partial(questions.vqa, absent=world.classes)),
        "vqg": _question_generation,
        "object_vqa": partial(_question, ask=partial(questions.object_aware, absent=world.classes)),
        "detect": partial(_detect, bins=bins),
        "vqa_knowledge": partial(_question, ask=questions.knowledge),
        "vqa_text": partial(_question, ask=questions.reading),
        "refer": partial(_refer, world=world, bins=bins, flavours=FLAVOURS),
        **{flavour + "_only": partial(_refer, world=world, bins=bins, flavours=(flavour,)) for flavour in FLAVOURS},
    }


def _pick_language(rng: np.random.Generator, english: float) -> str:
    """English with probability `english`, else one of the 36 languages."""
    return "en" if rng.random() < english else str(rng.choice(names.LANGUAGES))


def _splitcap(scene: Scene, rng: np.random.Generator, english: float) -> Example:
    """SplitCap on alt-texts, which are mostly English, as on the web."""
    language = _pick_language(rng, english)
    prompt, target = split_caption(captions.sample_caption(scene, language, rng), language.upper(), rng)
    return Example((scene.index,), prompt, target, language=language)


def _spans(scene: Scene, rng: np.random.Generator, english: float) -> Example | None:
    """Span corruption of the same texts, without their image."""
    language = _pick_language(rng, english)
    corrupted = corrupt_spans(captions.sample_caption(scene, language, rng), rng)
    return Example((), *corrupted, language=language) if corrupted else None


def _caption(scene: Scene, rng: np.random.Generator, language: str) -> Example:
    references = captions.references(scene, language)
    target = captions.sample_caption(scene, language, rng)
    return Example((scene.index,), prompts.for_caption(language.upper()), target, references, language)


def _caption_multilingual(scene: Scene, rng: np.random.Generator) -> Example:
    return _caption(scene, rng, _pick_language(rng, english=0.0))


def _spaced_caption(scene: Scene, rng: np.random.Generator, language: str) -> Example:
    """For evaluation: references without spaces between words are tokenized, since CIDEr compares words."""
    example = _caption(scene, rng, language)
    references = tuple(captions.tokenized(text, language) for text in example.references)
    return replace(example, references=references)


def _ocr(scene: Scene, rng: np.random.Generator) -> Example | None:
    """All printed words in raster order."""
    words = " ".join(sign.word for sign in sorted(scene.signs, key=lambda sign: sign.box))
    return Example((scene.index,), prompts.for_ocr("EN"), words, (words,)) if words else None


def _question(
    scene: Scene, rng: np.random.Generator, ask: Callable[[Scene, np.random.Generator], questions.Question | None]
) -> Example | None:
    question = ask(scene, rng)
    if question is None:
        return None
    return Example((scene.index,), prompts.for_answer(question.text), question.answer, question.answers)


def _question_generation(scene: Scene, rng: np.random.Generator) -> Example | None:
    question = questions.vqa(scene, rng)
    if question is None:
        return None
    return Example((scene.index,), prompts.for_question(question.answer, "EN"), question.text, (question.text,))


def _detect(scene: Scene, rng: np.random.Generator, bins: int) -> Example:
    """All boxes of one class in raster order, each with its name."""
    wanted = choice(rng, scene.things).emoji
    name = vocabulary.noun(wanted)
    boxes = sorted(thing.box for thing in scene.things if thing.emoji == wanted)
    target = " ; ".join(f"{RegionFormat(bins).write_box(box, scene.size, scene.size)} {name}" for box in boxes)
    return Example((scene.index,), prompts.for_region(name), target, (target,))


def _refer(
    scene: Scene, rng: np.random.Generator, world: World, bins: int, flavours: tuple[str, ...]
) -> Example | None:
    """A referring expression; the target is the box, and the mask tokens are appended later."""
    referral = refer.expression(scene, choice(rng, flavours), rng)
    if referral is None:
        return None
    box = scene.things[referral.index].box
    mask = world.masks(scene)[referral.index]
    target = RegionFormat(bins).write_box(box, scene.size, scene.size)
    return Example((scene.index,), prompts.for_region(referral.text), target, (target,), box=box, mask=mask)
