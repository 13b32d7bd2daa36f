import pytest

from pali3kit.data.world import clues


@pytest.mark.parametrize(
    ("centre", "relation", "verdict"),
    [
        ((30, 10), "left of", clues.CLEARLY),
        ((30, 10), "right of", clues.NOT),
        ((10, 30), "above", clues.CLEARLY),
        ((50, 30), "below", clues.CLEARLY),
        ((16, 20), "left of", clues.ARGUABLY),  # more above than left
        ((2, 28), "left of", clues.NOT),  # all but straight above
        ((30, 27), "left of", clues.ARGUABLY),  # too near to be sure
    ],
)
def test_relations_are_clear_arguable_or_false(centre, relation, verdict):
    assert clues.how_clearly(centre, relation, (30, 30), 64) == verdict


@pytest.mark.parametrize("relation", clues.RELATIONS)
def test_opposite_relations_never_hold_together(relation):
    for centre in ((0, 0), (20, 31), (31, 20), (60, 3)):
        held = (
            clues.how_clearly(centre, relation, (30, 30), 64),
            clues.how_clearly(centre, clues.OPPOSITE[relation], (30, 30), 64),
        )
        assert clues.NOT in held


def test_identifies_needs_certainty():
    sure, doubtful = clues.Clue("cat", 0b01, 0b01), clues.Clue("cat", 0b01, 0b11)
    assert clues.identifies(0, [sure])
    assert not clues.identifies(1, [sure])
    assert not clues.identifies(0, [doubtful])
    assert clues.identifies(0, [doubtful, clues.Clue("big", 0b01, 0b01)])


def test_clues_of_a_flock(flock):
    left, right, low = flock.things
    assert clues.SceneClues(flock).name(left) == clues.Clue("duck", 0b111, 0b111)
    assert clues.SceneClues(flock).kind(left) == clues.Clue("bird", 0b111, 0b111)
    assert clues.SceneClues(flock).size(low) == clues.Clue("big", 0b100, 0b100)
    assert clues.SceneClues(flock).disc(right) == clues.Clue("on the red disc", 0b010, 0b010)
    assert clues.SceneClues(flock).disc(left) is None


def test_outermost_needs_a_clear_winner(flock):
    everything = 0b111
    assert clues.SceneClues(flock).outermost(everything, "left") == 0
    assert clues.SceneClues(flock).outermost(everything, "right") == 1
    assert clues.SceneClues(flock).outermost(everything, "bottom") == 2
    assert clues.SceneClues(flock).outermost(everything, "top") is None
    assert clues.SceneClues(flock).outermost(0b001, "left") is None


def test_places_say_where_something_is(flock):
    found = {clue.words: clue.fits for clue in clues.SceneClues(flock).places()}
    assert found["in the top left corner"] == 0b001
    assert found["at the bottom"] == 0b100
    assert "in the bottom left corner" not in found


def test_landmarks_are_identified_by_their_names(image, flock):
    assert [mark.words for mark in clues.SceneClues(image).landmarks()] == [
        "the turtle",
        "the pear",
        "the yellow sign",
        "the sign",
    ]
    assert clues.SceneClues(flock).landmarks() == []


def test_relations_find_things_next_to_a_landmark(image):
    turtle = clues.SceneClues(image).landmarks()[0]
    assert clues.SceneClues(image).relations(turtle) == [clues.Clue("right of the turtle", 0b10, 0b10)]
