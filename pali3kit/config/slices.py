"""The schema of the section `evaluation.slices`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Slices:
    """The slices of the test examples that reports show, for every benchmark of generated answers.

    They are read from the predictions, so that other slices need no new answers.

    Keys:
        by: the attributes of examples, such as `age`; each of their values is a slice.
        least: the least number of examples of a slice whose score is shown; a smaller one is only counted.
    """

    by: list[str] = field(default_factory=list)
    least: int = 50
