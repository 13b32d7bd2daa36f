"""`evaluation.parity` and `evaluation.text_scorers`: groups, texts and scorers that the benchmarks can have."""

from __future__ import annotations

import pytest

from pali3kit.config.experiments import shipped_experiments
from pali3kit.config.load import load
from pali3kit.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate=[celeba]"], "the examples of celeba have no attribute 'gender'. Choose from artist"),
        (["evaluate=[celeba]", "evaluation.parity.by=disc"], "no example of celeba has disc 'Female'."),
        (["evaluate=[celeba]", "evaluation.parity.between=[a]"], "should name two values, not a."),
        (["evaluate=[celeba]", "evaluation.parity.texts=[a, a]"], "each once and none of them blank."),
        (["evaluate=[fairface]", "evaluation.text_scorers={toxicty: word_list}"], "Did you mean 'toxicity'?"),
        (["evaluate=[fairface]", "evaluation.text_scorers={toxicity: {name: text_classifier, path: none}}"],
         "there is no file or folder 'none'."),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(shipped_experiments()["pali3"], ["scale=smoke", *words])
    assert message.replace("file or ", "") in str(caught.value).replace("file or ", "")
