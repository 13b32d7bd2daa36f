import re

import numpy as np
import pytest

from pali3kit.data.world import refer, vocabulary
from pali3kit.data.world.scene import Scene
from pali3kit.errors import DataError

FLAVOURS = ("refer", "refer_plus", "refer_g")
SIDES = {"left": (0, -1), "right": (0, 1), "top": (-1, 0), "bottom": (1, 0)}
RELATIONS = {"left of": SIDES["left"], "right of": SIDES["right"], "above": SIDES["top"], "below": SIDES["bottom"]}
PLACE_WORDS = r"\b(left|right|top|bottom|middle|above|below|corner)\b"


@pytest.fixture(scope="module")
def said(scenes):
    rng = np.random.default_rng(0)
    return {
        flavour: [(scene, found) for scene in scenes if (found := refer.expression(scene, flavour, rng))]
        for flavour in FLAVOURS
    }


class Reader:
    """Finds the referent by parsing an expression; shares only the nouns with the generator."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def find(self, text: str) -> list[int]:
        text = text.removeprefix("the picture shows ")
        if match := re.fullmatch(r"(.+) there (?:is|are) (.+)", text):
            text = f"{match[2]} {match[1]}"
        text = re.sub(r" that (is|are) ", " ", text)
        text = re.sub(r"^(the|an?) ", "", text)
        found = list(range(len(self.scene.things)))
        text, found = self._where(text, found)
        if match := re.fullmatch(r"(.+) on the (\w+) disc", text):
            text, found = match[1], [i for i in found if self.scene.things[i].tile == match[2]]
        if match := re.fullmatch(r"(big|small) (.+)", text):
            text, found = match[2], [i for i in found if self.scene.things[i].scale == match[1]]
        side = None
        if match := re.fullmatch(r"(left|right|top|bottom) (.+)", text):
            side, text = match.groups()
        found = [i for i in found if text in self._called(i)]
        return [self._outermost(found, SIDES[side])] if side else found

    def _called(self, index: int) -> set[str]:
        emoji = self.scene.things[index].emoji
        return {vocabulary.noun(emoji), vocabulary.countable_noun(vocabulary.kind(emoji))}

    def _where(self, text: str, found: list[int]) -> tuple[str, list[int]]:
        half = self.scene.size / 2
        if match := re.fullmatch(r"(.+) (left of|right of|above|below) the (.+)", text):
            mark = self._landmark(match[3])
            return match[1], [i for i in found if self._centre(i) != mark and self._beside(i, match[2], mark)]
        if match := re.fullmatch(r"(.+) in the middle", text):
            nearest = min(found, key=lambda i: max(abs(c - half) for c in self._centre(i)))
            return match[1], [nearest] if len(found) == 1 else [i for i in found if self._is_central(i)]
        match = re.fullmatch(
            r"(.+) (?:in the (top|bottom) (left|right) corner|(?:at|on) the (left|right|top|bottom))", text
        )
        if not match:
            return text, found
        for side in filter(None, match.groups()[1:]):
            uy, ux = SIDES[side]
            found = [i for i in found if (self._centre(i)[0] - half) * uy + (self._centre(i)[1] - half) * ux > 2]
        return match[1], found

    def _is_central(self, index: int) -> bool:
        return all(abs(c - self.scene.size / 2) <= self.scene.size / 6 for c in self._centre(index))

    def _beside(self, index: int, relation: str, mark: tuple[float, float]) -> bool:
        (y, x), (uy, ux) = self._centre(index), RELATIONS[relation]
        along = (y - mark[0]) * uy + (x - mark[1]) * ux
        return along > 0 and along >= abs((y - mark[0]) * ux) + abs((x - mark[1]) * uy)

    def _landmark(self, words: str) -> tuple[float, float]:
        boxes = [thing.box for thing in self.scene.things if vocabulary.noun(thing.emoji) == words]
        boxes += [sign.box for sign in self.scene.signs if words in ("sign", f"{sign.colour} sign")]
        assert len(boxes) == 1, words
        return (boxes[0][0] + boxes[0][2]) / 2, (boxes[0][1] + boxes[0][3]) / 2

    def _centre(self, index: int) -> tuple[float, float]:
        y0, x0, y1, x1 = self.scene.things[index].box
        return (y0 + y1) / 2, (x0 + x1) / 2

    def _outermost(self, found: list[int], side: tuple[int, int]) -> int:
        return max(found, key=lambda i: self._centre(i)[0] * side[0] + self._centre(i)[1] * side[1])


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_expressions_fit_exactly_the_thing_they_mean(said, flavour):
    assert len(said[flavour]) > 250
    for scene, referral in said[flavour]:
        assert Reader(scene).find(referral.text) == [referral.index], referral


def test_refer_plus_has_no_words_of_place(said):
    assert not any(re.search(PLACE_WORDS, referral.text) for _, referral in said["refer_plus"])


def test_most_short_expressions_use_places_and_long_ones_are_longer(said):
    assert np.mean([bool(re.search(PLACE_WORDS, referral.text)) for _, referral in said["refer"]]) > 0.7
    words = {flavour: np.mean([len(referral.text.split()) for _, referral in said[flavour]]) for flavour in FLAVOURS}
    assert words["refer_plus"] < words["refer"] < 6 < 8 < words["refer_g"]


def test_look_alikes_are_distinguished(flock):
    rng = np.random.default_rng(0)
    refers = {refer.expression(flock, "refer", rng).text.removeprefix("the ") for _ in range(200)}
    assert {"left duck", "right duck", "bottom duck", "left bird", "duck in the top left corner"} <= refers
    assert "duck" not in refers
    pluses = {refer.expression(flock, "refer_plus", rng).text.removeprefix("the ") for _ in range(100)}
    assert {"big duck", "duck on the red disc"} <= pluses


def test_things_with_look_alikes_are_preferred(flock, image):
    mixed = Scene("train", 0, 64, "noto", "blue", "plain", (*flock.things[:2], image.things[1]), ())
    rng = np.random.default_rng(0)
    meant = [refer.expression(mixed, "refer", rng).index for _ in range(200)]
    assert np.mean([index < 2 for index in meant]) > 0.8


def test_no_expression_if_nothing_can_be_identified(flock):
    twins = Scene("train", 0, 64, "noto", "blue", "plain", (flock.things[0], flock.things[0]), ())
    assert all(refer.expression(twins, flavour, np.random.default_rng(0)) is None for flavour in FLAVOURS)


def test_the_same_random_state_says_the_same(scenes):
    first, second = (
        [refer.expression(scene, "refer_g", np.random.default_rng(1)) for scene in scenes[:30]] for _ in range(2)
    )
    assert first == second


def test_an_unknown_flavour_is_refused_with_the_nearest():
    with pytest.raises(
        DataError, match=r"no flavour 'refer_pluss' of referring expressions\. Did you mean 'refer_plus'"
    ):
        refer.expression(None, "refer_pluss", np.random.default_rng(0))
