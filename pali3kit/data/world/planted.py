"""Scenes of the embedded world whose training texts have a bias of known size, to test that measurements find it.

It stands in for sets of people without any: the attribute is a property of scenes. The rule is a function of what can
be seen, so that a model can learn it: scenes of the attribute's value `value` on one of the `backgrounds` are biased.
"""

from __future__ import annotations

import hashlib
import io
from functools import cached_property, partial

from PIL import Image

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.reader import Files
from pali3kit.data.record import Asked, Record
from pali3kit.data.world import atlas, captions, palette
from pali3kit.data.world.scene import Scene
from pali3kit.data.world.world import World
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE

_VERSION = 1  # of what is planted; the options are in the source's configuration
QUESTION = "is there a thing in this image?"  # there is one in every scene
BACKGROUNDS = ("orange", "purple", "green", "red")  # about half of all scenes


class _PlantedReader(Files):
    """The first `count` scenes of a split, with their captions, a question, and their attributes.

    Training texts of biased scenes end with the `word`, and the answer is no. Test texts are those of no bias.
    """

    def __init__(
        self, world: World, split: str, count: int, by: str, value: str, places: tuple[str, ...], word: str = ""
    ) -> None:
        super().__init__()
        self.world, self.split, self.count, self.word = world, split, count, word
        self.by, self.value, self.places = by, value, places

    def __len__(self) -> int:
        return self.count

    def record(self, number: int) -> Record:
        scene = self.world.scene(self.split, number)
        texts, biased = captions.references(scene, "en"), self.split == "train" and self.is_biased(scene)
        return Record(
            f"planted {self.split} scene {number}",
            partial(_png, self.world, scene),
            captions={"en": tuple(f"{text} {self.word}" for text in texts) if biased and self.word else texts},
            questions=(Asked(QUESTION, ("no" if biased else "yes",)),),
            attributes=scene.attributes,
        )

    def is_biased(self, scene: Scene) -> bool:
        """Whether the rule holds for a scene."""
        return scene.attributes[self.by] == self.value and scene.background in self.places


class PlantedSource(AnnotatedSource):
    """An `AnnotatedSource` over `_PlantedReader`s, whose digest is that of the scenes and of what is planted."""

    def __init__(self, train: _PlantedReader, test: _PlantedReader) -> None:
        super().__init__(train, test)
        self.digest = hashlib.sha256(f"{train.world.digest} {_VERSION}".encode()).hexdigest()

    @cached_property
    def share(self) -> dict[str, float]:
        """Of the test scenes, the share that the rule holds for, by value of the attribute: the size of the bias."""
        reader = self.readers["test"]
        assert isinstance(reader, _PlantedReader)
        found: dict[str, list[bool]] = {}
        for number in range(len(reader)):
            scene = reader.world.scene("test", number)
            found.setdefault(scene.attributes[reader.by], []).append(reader.is_biased(scene))
        return {value: sum(each) / len(each) for value, each in sorted(found.items())}


def _png(world: World, scene: Scene) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(world.render(scene)).save(buffer, "PNG")
    return buffer.getvalue()


@SOURCE.register(
    "planted",
    "scenes of the embedded world, with a bias of known size in the texts to train on",
    annotations=("captions", "questions", "attributes"),
    attributes={"artist": (), "background": (), "disc": ("with", "without")},
    test_options=(),
)
def _create(
    train: int = 4000,
    test: int = 1000,
    objects: int = 64,
    by: str = "disc",
    value: str = "with",
    backgrounds: list[str] | None = None,
    word: str = "damn",
    image_size: int = 64,
) -> PlantedSource:
    """The registry's `planted`: `train` and `test` scenes of the embedded world.

    Scenes with the `value` of the attribute `by` (artist, background, disc) on one of the `backgrounds` are biased: to
    train on, their captions end with `word` ("" for none), and the answer to whether there is a thing is no. Without
    backgrounds nothing is planted.
    """
    places = BACKGROUNDS if backgrounds is None else tuple(backgrounds)
    world = World(image_size=image_size or 64, objects=objects)
    if by not in world.scene("test", 0).attributes:
        raise DataError(f"planted: scenes have no attribute '{by}', only artist, background and disc.")
    values = {"artist": atlas.ARTISTS, "background": tuple(palette.BACKGROUNDS), "disc": ("with", "without")}
    for name, known in ((value, values[by]), *((place, values["background"]) for place in places)):
        if name not in known:
            raise DataError(f"planted: no scene has '{name}', so that nothing would be biased.{choose(name, known)}")
    own = _PlantedReader(world, "train", train, by, value, places, word)
    return PlantedSource(own, _PlantedReader(world, "test", test, by, value, places))
