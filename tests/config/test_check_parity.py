"""`evaluation.parity` and `evaluation.text_scorers`: groups, texts and scorers that the benchmarks can have."""

from __future__ import annotations

from pathlib import Path

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


def faces(folder: Path, *men: int) -> list[str]:
    """The settings of CelebA with a test image for each of 1 and -1: a man, a woman."""
    names = [f"{number}.jpg" for number in range(len(men))]
    rows = "".join(f"{name} {man}\n" for name, man in zip(names, men, strict=True))
    (folder / "faces.txt").write_text(f"{len(men)}\nMale\n{rows}")
    (folder / "splits.txt").write_text("".join(f"{name} 2\n" for name in names))
    files = f"path: {folder}/faces.txt, partition: {folder}/splits.txt, images: {folder}"
    return ["scale=smoke", "evaluate=[celeba]", f"data.benchmarks.celeba={{name: celeba, {files}}}"]


def test_a_group_without_images_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    file = shipped_experiments()["pali3"]
    load(file, faces(tmp_path, 1, 1, -1, -1))
    (tmp_path / "few").mkdir()
    with pytest.raises(ConfigError) as caught:
        load(file, faces(tmp_path / "few", 1, 1, 1, -1))
    told = "benchmark 'celeba', parity by gender: it has 1 test image of 'Female', at least 2 are needed."
    assert str(caught.value).endswith(told)
    (tmp_path / "broken").mkdir()
    settings = faces(tmp_path / "broken", 1)
    (tmp_path / "broken/faces.txt").write_text("0\nYoung\n")
    with pytest.raises(ConfigError, match=r"benchmark 'celeba': .*faces\.txt:2: there is no attribute 'Male'"):
        load(file, settings)
