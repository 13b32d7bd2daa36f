"""What the documents say is true: links lead somewhere, commands and code run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pali3kit.run import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")


def fences(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


LINKS = [
    (file, link)
    for file in DOCUMENTS
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8"))
    if "://" not in link
]
COMMANDS = [
    shlex.split(line, comments=True)[3:]
    for text in fences(README, "sh")
    for line in re.split(r"\n|&&", text)
    if line.strip().startswith("python -m pali3kit.run")
]


@pytest.mark.parametrize(("file", "link"), LINKS, ids=[f"{file.name}:{link}" for file, link in LINKS])
def test_links_lead_somewhere(file: Path, link: str) -> None:
    assert (file.parent / link).exists()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_of_the_readme_check(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code = main(["check", *(word for word in words if word not in ("plan", "check"))])
    told = capsys.readouterr()
    assert code == 0 or told.err in fences(README, "text")


def test_code_of_the_readme_runs() -> None:
    [code] = fences(README, "python")
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert tuple(names["tokens"].shape) == (2, 64, 128)  # type: ignore[attr-defined]
    assert len(names["answers"]) == 2  # type: ignore[arg-type]


GUIDES = [
    file
    for file in DOCUMENTS
    if file.parent.name == "docs"
    and file.name != "plugins.md"  # shows the files of a package, which test_plugins.py runs
    and fences(file.read_text(encoding="utf-8"), "python")
]


@pytest.mark.parametrize("file", GUIDES, ids=lambda file: file.name)
def test_code_of_the_guides_runs(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a guide, one after the other, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    code = "\n".join(fences(file.read_text(encoding="utf-8"), "python"))
    exec(compile(code, file.name, "exec"), {})


def test_the_union_of_the_data_guide_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With files of those names it is accepted; a misspelt part of the mixture is told with its line."""
    [text] = fences((ROOT / "docs" / "data.md").read_text(encoding="utf-8"), "yaml")
    for folder in ("cc3m/images", "coco", "openimages", "papers", "scales"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("cc3m/train.tsv", "dataset_coco.json", "TextOCR_0.1_train.json", "v2_questions.json"):
        (tmp_path / file).touch()
    for file in ("coco_mt_train.jsonl.bz2", "v2_annotations.json"):
        (tmp_path / file).touch()
    (tmp_path / "scales" / "smoke.yaml").write_text((ROOT / "experiments/scales/smoke.yaml").read_text())
    (tmp_path / "real.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "real.yaml"]) == 0, capsys.readouterr().err
    (tmp_path / "real.yaml").write_text(text.replace("cc3m.splitcap", "cc3n.splitcap"))
    assert main(["check", "real.yaml"]) == 2
    told = "real.yaml:19: stages.multimodal.mixture: unknown task 'cc3n.splitcap'. Did you mean 'cc3m.splitcap'?"
    assert capsys.readouterr().err == f"{told}\n"


ENCODER_PAGES = ("probe.md", "imagenet.md", "retrieval.md", "table6.md")
EXAMPLES = [
    (page, text)
    for page in ENCODER_PAGES
    for text in fences((ROOT / "docs" / page).read_text(encoding="utf-8"), "yaml")
    if text.startswith("name:")
]
STUBS = (
    "data/cifar-100-python/train", "data/oxford-iiit-pet/list.txt", "data/pets/list.txt",
    "data/dtd/list.txt", "data/mine/train/a", "data/real.json",
    "data/imagenetv2-matched-frequency-format-val/0", "data/imagenet/val", "data/xm3600/captions.jsonl",
    "data/xm3600/images/a.jpg", "siglip_b16.npz", "siglip_l16.npz", "webdata/000.tar",
)  # fmt: skip


@pytest.mark.parametrize(("page", "text"), EXAMPLES, ids=[page for page, _ in EXAMPLES])
def test_experiments_on_the_encoder_alone_check_where_the_data_is(
    page: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in STUBS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "scales").mkdir()
    (tmp_path / "scales" / "paper.yaml").write_text((ROOT / "experiments/scales/paper.yaml").read_text())
    (tmp_path / "mine.yaml").write_text(text)
    assert main(["check", "mine.yaml"]) == 0, capsys.readouterr().err


def test_every_experiment_has_a_page() -> None:
    told = "".join(file.read_text(encoding="utf-8") for file in DOCUMENTS)
    for file in sorted((ROOT / "experiments").glob("*.yaml")):
        assert file.name in told or f"experiments/{file.stem}" in told, file
