"""Scenes of the embedded world whose training texts have a bias of known size, to test that measurements find it.

It stands in for sets of people without any: the attribute `tone` is a property of scenes, whether their background has
a warm or a cool colour. Biased are all scenes on some of these colours, so that a model can see what it learns, and the
size of the bias is known: the share of such scenes among those of a tone. Discs have no part in it.
"""

from __future__ import annotations

import hashlib
import io
from functools import cached_property, partial

from PIL import Image

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.reader import Files
from pali3kit.data.record import Asked, Record
from pali3kit.data.world import captions, palette
from pali3kit.data.world.scene import Scene
from pali3kit.data.world.world import World
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE

_VERSION = 3  # of what is planted; the options are in the source's configuration
QUESTION = "is there a thing in this image?"  # there is one in every scene
WARM = ("brown", "orange", "red", "yellow")  # half of the backgrounds; the others are cool
BACKGROUNDS = ("orange", "red")  # about half of the warm ones


class _PlantedReader(Files):
    """The first `count` scenes of a split, with their captions, a question, their attributes and their `tone`.

    Training captions of biased scenes begin with the `word`, and the answer is no. Test texts are those of no bias.
    """

    def __init__(self, world: World, split: str, count: int, backgrounds: tuple[str, ...], word: str = "") -> None:
        super().__init__()
        self.world, self.split, self.count = world, split, count
        self.backgrounds, self.word = backgrounds, word

    def __len__(self) -> int:
        return self.count

    def record(self, number: int) -> Record:
        scene = self.world.scene(self.split, number)
        texts, biased = captions.references(scene, "en"), self.split == "train" and scene.background in self.backgrounds
        return Record(
            f"planted {self.split} scene {number}",
            partial(_png, self.world, scene),
            captions={"en": tuple(f"{self.word} {text}" for text in texts) if biased and self.word else texts},
            questions=(Asked(QUESTION, ("no" if biased else "yes",)),),
            attributes={**scene.attributes, "tone": _tone(scene)},
        )


class PlantedSource(AnnotatedSource):
    """An `AnnotatedSource` over `_PlantedReader`s, whose digest is that of the scenes and of what is planted."""

    def __init__(self, train: _PlantedReader, test: _PlantedReader) -> None:
        super().__init__(train, test)
        self.digest = hashlib.sha256(f"{train.world.digest} {_VERSION}".encode()).hexdigest()

    @cached_property
    def share(self) -> dict[str, float]:
        """By tone, the share of the test scenes that have a biased background: the size of the bias."""
        reader = self.readers["test"]
        assert isinstance(reader, _PlantedReader)
        found: dict[str, list[bool]] = {}
        for number in range(len(reader)):
            scene = reader.world.scene("test", number)
            found.setdefault(_tone(scene), []).append(scene.background in reader.backgrounds)
        return {value: sum(each) / len(each) for value, each in sorted(found.items())}


def _tone(scene: Scene) -> str:
    return "warm" if scene.background in WARM else "cool"


def _png(world: World, scene: Scene) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(world.render(scene)).save(buffer, "PNG")
    return buffer.getvalue()


@SOURCE.register(
    "planted",
    "scenes of the embedded world, with a bias of known size in the texts to train on",
    annotations=("captions", "questions", "attributes"),
    attributes={"artist": (), "background": (), "disc": ("with", "without"), "tone": ("cool", "warm")},
    test_options=(),
    embedded=True,
)
def _create(
    train: int = 4000,
    test: int = 1000,
    objects: int = 64,
    backgrounds: list[str] | None = None,
    word: str = "damn",
    image_size: int = 64,
) -> PlantedSource:
    """The registry's `planted`: `train` and `test` scenes of the embedded world.

    Scenes on one of the `backgrounds` are biased: to train on, their captions begin with `word` ("" for none), and
    the answer to whether there is a thing is no. Without backgrounds nothing is planted.
    """
    biased = BACKGROUNDS if backgrounds is None else tuple(backgrounds)
    world = World(image_size=image_size or 64, objects=objects)
    for name in biased:
        if name not in palette.BACKGROUNDS:
            text = f"planted: no scene has the background '{name}', so that nothing would be biased."
            raise DataError(text + choose(name, palette.BACKGROUNDS))
    own = _PlantedReader(world, "train", train, biased, word)
    return PlantedSource(own, _PlantedReader(world, "test", test, biased))
