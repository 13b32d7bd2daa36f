"""Text without images, for the tokenizer and for UL2 denoising: names, keywords, captions, prompts of the tasks.

Captions and questions are about random scene descriptions that are never rendered. Printed words are those of the train
split, so that no text of the test split occurs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pali3kit.data.world import captions, english, names, palette, questions, refer, vocabulary
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.classes import scene_candidates
from pali3kit.data.world.scene import Box, Scene, SceneThing, Sign
from pali3kit.data.world.words import invented_words
from pali3kit.masks.codec import RegionFormat
from pali3kit.text import prompts
from pali3kit.text.splitcap import split_caption

SENTENCES = 60_000
_SIDE = 64  # of the image that a description is of, pixels
_CELLS = tuple((20 * row, 20 * column) for row in range(3) for column in range(3))
_JITTER = 6  # largest random offset of positions and sizes, pixels
_SIZES = {"small": 12, "big": 18}


def sentences(seed: int, objects: Sequence[str] = (), limit: int = SENTENCES, bins: int = 1000) -> Iterator[str]:
    """A finite, repeatable stream of single-line texts.

    Args:
        seed: seed of all texts.
        objects: emoji that occur in the described scenes; if empty, all that may occur in any world. Names of other
            emoji occur as well.
        limit: number of texts.
        bins: number of bins of box coordinates.
    """
    rng = np.random.default_rng(seed)
    draw = rng.random
    objects = tuple(objects) or scene_candidates()
    kinds: tuple[tuple[float, Callable[[], str | None]], ...] = (
        (0.15, lambda: _names(draw)),
        (0.10, lambda: _keywords(draw)),
        (0.35, lambda: captions.sample_caption(_imagine(objects, draw), pick(names.LANGUAGES, draw), rng)),
        (0.15, lambda: captions.sample_caption(_imagine(objects, draw), "en", rng)),
        (0.10, lambda: _captioning(_imagine(objects, draw), rng)),
        (0.10, lambda: _asking(_imagine(objects, draw), objects, rng)),
        (0.05, lambda: _finding(_imagine(objects, draw), rng, bins)),
    )
    edges = np.cumsum([share for share, _ in kinds]).tolist()
    count = 0
    while count < limit:
        chance = draw()
        text = kinds[next((i for i, edge in enumerate(edges) if chance < edge), 0)][1]()
        if text:
            count += 1
            yield text


def _imagine(objects: Sequence[str], draw: Draw) -> Scene:
    """A scene description for texts: things and sometimes a sign on a 3 x 3 grid, without what drawing needs."""
    cells = shuffled(_CELLS, draw)
    count = 1 + int(draw() * 4)
    chosen = [pick(objects, draw) for _ in range(count)]
    if count > 1 and draw() < 0.25:
        chosen[-1] = chosen[0]
    things = tuple(_thing(emoji, cell, draw) for emoji, cell in zip(chosen, cells, strict=False))
    signs = (_sign(cells[-1], draw),) if draw() < 0.6 else ()
    background = pick(tuple(palette.BACKGROUNDS), draw)
    return Scene("train", int(draw() * 1e9), _SIDE, "noto", background, "plain", things, signs)


def _thing(emoji: str, corner: tuple[int, int], draw: Draw) -> SceneThing:
    scale = pick(tuple(_SIZES), draw)
    tile = pick(tuple(palette.TILES), draw) if draw() < 0.35 else None
    return SceneThing(emoji, _box(corner, _SIZES[scale], draw), scale, tile)


def _sign(corner: tuple[int, int], draw: Draw) -> Sign:
    return Sign(
        pick(invented_words("train"), draw), pick(tuple(palette.PLATES), draw), _box(corner, _SIZES["small"], draw)
    )


def _box(corner: tuple[int, int], side: int, draw: Draw) -> Box:
    top, left, height, width = (start + int(draw() * _JITTER) for start in (*corner, side, side))
    return top, left, min(top + height, _SIDE), min(left + width, _SIDE)


def _names(draw: Draw) -> str:
    """The names of a few consecutive emoji as a list in a random language."""
    every, language = names.emoji(), names.in_language(pick(names.LANGUAGES, draw))
    start = int(draw() * len(every))
    return language.join([language.lower_name(one) for one in every[start : start + 1 + int(draw() * 4)]])


def _keywords(draw: Draw) -> str:
    emoji = pick(names.emoji(), draw)
    noun, kind = vocabulary.noun(emoji), vocabulary.kind(emoji)
    keywords = ", ".join(names.english_keywords(emoji)).lower()
    return pick(
        (f"{noun}: {keywords}", f"{english.indefinite(noun)}, {keywords}", f"{noun}, {kind}", f"{kind}: {noun}"), draw
    )


def _captioning(scene: Scene, rng: np.random.Generator) -> str:
    """A prompt of captioning, SplitCap or OCR with its target."""
    if scene.signs and rng.random() < 0.3:
        return _filled(prompts.for_ocr("en"), " ".join(sign.word for sign in scene.signs))
    language = pick(names.LANGUAGES, rng.random)
    text = captions.sample_caption(scene, language, rng)
    whole = rng.random() < 0.5
    return _filled(prompts.for_caption(language), text) if whole else _filled(*split_caption(text, language, rng))


def _asking(scene: Scene, objects: Sequence[str], rng: np.random.Generator) -> str | None:
    """A prompt of question answering or question generation with its target."""
    asks: tuple[Callable[[], questions.Question | None], ...] = (
        lambda: questions.vqa(scene, rng, objects),
        lambda: questions.knowledge(scene, rng),
        lambda: questions.reading(scene, rng),
        lambda: questions.object_aware(scene, rng, objects),
    )
    question = pick(asks, rng.random)()
    if question is None:
        return None
    if rng.random() < 0.7:
        return _filled(prompts.for_answer(question.text), question.answer)
    return _filled(prompts.for_question(question.answer, "en"), question.text)


def _finding(scene: Scene, rng: np.random.Generator, bins: int) -> str | None:
    """A prompt of detection or of a referring expression with the coordinates of a box."""
    referral = refer.expression(scene, pick(("refer", "refer_plus", "refer_g"), rng.random), rng)
    if referral is None:
        return None
    thing = scene.things[referral.index]
    box = RegionFormat(bins).write_box(thing.box, scene.size, scene.size)
    noun = vocabulary.noun(thing.emoji)
    texts = (_filled(prompts.for_region(referral.text), box), _filled(prompts.for_region(noun), f"{box} {noun}"))
    return pick(texts, rng.random)


def _filled(prompt: str, target: str) -> str:
    return prompt.replace(prompts.ANSWER, target)
