"""What is wrong with a scorer of texts is told before anything is answered."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pali3kit.config.component import Component
from pali3kit.errors import WeightsError
from pali3kit.training import answered


def test_a_folder_that_is_no_classifier_is_told_before_answers_are_generated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*arguments: object) -> None:
        raise AssertionError("answers were generated")

    monkeypatch.setattr(answered, "answer_benchmark", answer)
    scorers = {"toxicity": Component(name="text_classifier", options={"path": str(tmp_path)})}
    config, context = SimpleNamespace(parity=None, text_scorers=scorers), SimpleNamespace(writes=True)
    nothing = cast(Any, None)
    with pytest.raises(WeightsError, match="there is no file of weights"):
        answered.answered_examples(
            cast(Any, config), cast(Any, context), nothing, [], nothing, nothing, nothing, nothing, nothing
        )
