"""Stage 0a: both arms train the same encoder on the same images; the control does not train."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from pali3kit.errors import DataError, WeightsError
from pali3kit.images.spec import ImageSpec
from pali3kit.plan.kinds.vision import Config
from pali3kit.training.components import Artifact, build_source
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.pretraining_images import PretrainingImages
from pali3kit.training.stages.vision import run
from pali3kit.vision.vit import ViT
from tests.training.stages.conftest import altered


def test_arms_start_equal_and_end_different(chain: Any) -> None:
    random, classif, siglip = (
        Artifact(chain("vision", pretrain=arm)).vision() for arm in ("random", "classif", "siglip")
    )
    assert {n for n, _ in classif.named_parameters()} == {n for n, _ in siglip.named_parameters()}
    for name, start in random.state_dict().items():
        if name.startswith("encoder.blocks") and name.endswith("query.weight"):
            assert not torch.equal(start, classif.state_dict()[name])
            assert not torch.equal(classif.state_dict()[name], siglip.state_dict()[name])
            # after a few steps it is still far closer to its own start than to another
            assert (start - siglip.state_dict()[name]).norm() < 0.7 * start.norm()


def test_both_arms_see_the_same_images(chain: Any) -> None:
    step = chain.step("vision", pretrain="siglip")
    vit = ViT(64, width=8, depth=1, heads=1, mlp=8, patch=32)
    images = PretrainingImages(build_source(step.plain["source"], 64), vit.image_spec, 0, 4)

    class Words:
        eos_id = 1

        def encode(self, text: str, max_length: int) -> list[int]:
            return [5] * min(len(text.split()), max_length)

    labelled, captioned = images.with_labels(3, 64), images.with_texts(3, Words(), 6)  # type: ignore[arg-type]
    assert torch.equal(labelled["images"], captioned["images"])
    assert labelled["labels"].sum(1).min() >= 1
    assert (captioned["ids"][:, -1] == 1).all()  # sticky EOS: the last position always holds one


def test_seeds_share_no_images_with_each_other_or_with_later_stages(chain: Any) -> None:
    source = build_source(chain.step("vision", pretrain="siglip").plain["source"], 64)
    vit = ViT(64, width=8, depth=1, heads=1, mlp=8, patch=32)
    zero, one = (PretrainingImages(source, vit.image_spec, seed, 4).alone(0) for seed in (0, 1))
    first = vit.image_spec.normalise(np.stack([source.image("train", index) for index in range(4)]))
    assert not torch.equal(zero, one) and not torch.equal(zero, first)


def test_siglip_leaves_both_towers(chain: Any) -> None:
    folder = chain("vision", pretrain="siglip")
    towers = Artifact(folder)._two_towers()
    assert set(load_file(folder / "text_tower.safetensors")) == {
        name for name in towers.state_dict() if not name.startswith("vision.")
    }
    vision = Artifact(folder).vision()
    assert all(torch.equal(x, towers.vision.state_dict()[name]) for name, x in vision.state_dict().items())
    assert towers(torch.zeros(2, 3, 64, 64), torch.zeros(2, 5, dtype=torch.long))[1].shape == (2, vision.width)
    with pytest.raises(WeightsError, match="only pretrain=siglip and the stage lit train one"):
        Artifact(chain("vision", pretrain="classif"))._two_towers()


def test_weights_of_a_file_are_used_and_accounted_for(chain: Any, tmp_path: Path) -> None:
    """`pretrained` keeps them unchanged; the artifact records their source, and is read without the file."""
    file = chain("vision", pretrain="siglip") / "weights.safetensors"
    given = tmp_path / "weights.safetensors"
    given.write_bytes(file.read_bytes())
    shape = chain.step("vision", pretrain="siglip").plain["vision"]
    config = Config(pretrain="pretrained", vision={**shape, "weights": str(given)}, image_size=64)
    folder = tmp_path / "made"
    folder.mkdir()
    run(config, StageContext(folder, {}, 0, lambda done, total, **numbers: None, threads=1))
    given.unlink()
    assert (folder / "weights.safetensors").read_bytes() == file.read_bytes()
    assert json.loads((folder / "load.json").read_text())["layout"] == "pali3kit"
    assert Artifact(folder).vision().width == shape["width"]


def test_the_preprocessing_of_the_weights_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a tag of open_clip, which the artifact's encoder is no longer built from."""
    options = {"width": 8, "depth": 1, "heads": 1, "mlp": 8, "patch": 32}

    def tagged(vision: Any, image_size: int) -> ViT:
        made = ViT(image_size, **options)
        made.image_spec = ImageSpec(image_size, mean=(0.48, 0.46, 0.41), resize="shortest", colours="last")
        return made

    monkeypatch.setattr("pali3kit.training.stages.vision.build_vision", tagged)
    config = Config(vision={"name": "vit", **options}, image_size=64, pretrain="pretrained")
    run(config, StageContext(tmp_path, {}, 0, lambda *_, **__: None, threads=1))
    assert Artifact(tmp_path).vision().image_spec == tagged({}, 64).image_spec
    assert Artifact(tmp_path).vision(96).image_spec == tagged({}, 96).image_spec


def test_the_curve_names_what_each_arm_learns(chain: Any) -> None:
    for arm, column in (("classif", "top1"), ("siglip", "retrieval")):
        with (chain("vision", pretrain=arm) / "curve.csv").open() as file:
            assert csv.DictReader(file).fieldnames == ["step", "loss", column]


@pytest.mark.parametrize("arm", ["classif", "siglip"])
def test_calibration(chain: Any, arm: str) -> None:
    cost = chain.calibrate("vision", pretrain=arm)
    assert cost.seconds > 0 and cost.parameters > 10_000 and cost.tokens >= 16


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def damaged_shards(folder: Path) -> str:
    """24 good pairs; a corrupt image, one cut off, one of 300 megapixels, an empty text; a shard that is cut off."""
    rng = np.random.default_rng(0)
    noise = [png(Image.fromarray(rng.integers(0, 256, (70, 90, 3), np.uint8))) for _ in range(30)]
    with tarfile.open(folder / "0.tar", "w") as tar:
        for number in range(20):
            add(tar, f"good-{number}.png", noise[number])
            add(tar, f"good-{number}.txt", b"an image of noise")
        for name, data, text in (
            ("corrupt", b"\x89PNG and no more", b"text"),
            ("cut", noise[20][:5000], b"text"),
            ("bomb", png(Image.new("1", (20_000, 15_000))), b"text"),
            ("mute", noise[21], b"  "),
        ):
            add(tar, f"{name}.png", data)
            add(tar, f"{name}.txt", text)
    with tarfile.open(folder / "1.tar", "w") as tar:
        for number in range(8):
            add(tar, f"more-{number}.txt", b"an image of noise")
            add(tar, f"more-{number}.png", noise[22 + number])
    data = (folder / "1.tar").read_bytes()
    (folder / "1.tar").write_bytes(data[: len(data) // 2])
    return str(folder / "{0..1}.tar")


def test_bad_samples_are_counted_and_listed_and_training_goes_on(chain: Any, tmp_path: Path) -> None:
    step = chain.step("vision", pretrain="siglip")
    source, three_passes = {"name": "pairs", "path": damaged_shards(tmp_path)}, {"examples": 96, "batch_size": 8}
    damaged = altered(step, three_passes, source=source).config

    def context(name: str, max_bad_fraction: float = 0.05) -> StageContext:
        (tmp_path / name).mkdir()
        parents, execution = {"tokenizer": chain("tokenizer")}, Execution(max_bad_fraction=max_bad_fraction)
        return StageContext(tmp_path / name, parents, 0, lambda done, total, **numbers: None, 1, execution)

    run(damaged, context("made", max_bad_fraction=0.2))
    first, *rest = (tmp_path / "made" / "skipped.txt").read_text().splitlines()
    assert "1.tar: damaged after" in first
    reasons = {"corrupt": "not an image", "cut": "broken image", "bomb": "300000000 pixels", "mute": "text is empty"}
    for name, reason in reasons.items():
        found = [line for line in rest if f"sample {name}: " in line]
        assert len(found) == 1 and reason in found[0], found  # met in every epoch, listed once
    assert Artifact(tmp_path / "made").vision().width == step.plain["vision"]["width"]

    with pytest.raises(
        DataError, match=r"\d bad samples beside \d+ good ones are more than max_bad_fraction 0\.002 allows"
    ):
        run(damaged, context("stopped", max_bad_fraction=0.002))  # of the first thousand: two
