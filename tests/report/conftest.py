"""A store filled with made-up artifacts: what a finished run of any grid leaves behind, without training."""

from __future__ import annotations

import json
import shutil
import zlib

import numpy as np
import pytest
from bench import fake_stages

from pali3kit.config import saved, schema, stages
from pali3kit.config.arms import spelled_out
from pali3kit.config.component import Component
from pali3kit.data.source import SourceBase
from pali3kit.declared.entry import RegistryEntry
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build
from pali3kit.plan.step import ancestry
from pali3kit.registry import SOURCE
from pali3kit.report import collect, timings

__all__ = ["fake_stages"]

LEVEL = {"random": 20.0, "classif": 50.0, "siglip": 55.0}
BONUS = {"textvqa": 15.0, "refcoco": 12.0, "probe": -8.0, "coco": 0.2}
REFERRING = ("refcoco", "refcoco_plus", "refcocog")
LANGUAGES = ("en", "de", "th", "quz")
SAMPLES = 40


class Doodles(SourceBase):
    """A source of images that need no world: a coloured square on a gradient."""

    languages = LANGUAGES

    def __init__(self, image_size: int = 64, objects: int = 64) -> None:
        self.size = image_size

    def image(self, split: str, index: int) -> np.ndarray:
        ramp = np.linspace(120, 220, self.size).astype(np.uint8)
        image = np.stack(
            [np.tile(ramp, (self.size, 1)), np.tile(ramp[:, None], (1, self.size)), np.full((self.size,) * 2, 180)], 2
        )
        image[10:30, 8 + index % 20 : 30 + index % 20] = (200, 40, 60)
        return image.astype(np.uint8)


@pytest.fixture(autouse=True)
def doodles(fake_stages):
    """Known to this folder's tests only: the fixture that this one needs restores the registries."""
    SOURCE.add("doodles", Doodles)


def make_experiment(root, columns, **changes) -> schema.Experiment:
    training = {"examples": 640, "batch_size": 64}
    part = Component
    values = {
        "name": "made_up",
        "scale": "embedded",
        "paper": "table1",
        "grid": {"pretrain": ["classif", "siglip"]},
        "baseline": {"pretrain": "classif"},
        "evaluate": list(columns),
        "model": schema.Model(
            image_size=64,
            vision=part(
                name="vit",
                options={"width": 32, "depth": 1, "heads": 2, "mlp": 64, "patch": 8, "head": "map", "size": None},
            ),
            projector=part(name="linear", options={"positions": "none"}),
            language=part(
                name="ul2",
                options={"width": 32, "encoder_depth": 1, "decoder_depth": 1, "heads": 2, "head_width": 16, "mlp": 64},
            ),
            mask_tokenizer=part(name="vqvae", options={"codes": 128}),
        ),
        "tokenizer": schema.TokenizerConfig(vocabulary=2000),
        "data": schema.Data(source=part(name="doodles"), train=640, test=SAMPLES),
        "stages": stages.Stages(
            vision=stages.VisionPretraining(
                **training, text=part(name="siglip_text", options={"width": 32, "depth": 1, "heads": 2, "mlp": 64})
            ),
            language=stages.LanguagePretraining(**training),
            mask_tokenizer=stages.MaskTokenizerTraining(**training),
            multimodal=stages.Multimodal(**training, mixture={"splitcap": 1.0}),
            transfer=stages.Transfer(**training),
        ),
        "runtime": schema.Runtime(store=str(root / "store"), runs=str(root)),
    }
    experiment = schema.Experiment(**{**values, **changes})
    root.mkdir(exist_ok=True)
    (root / saved.EXPERIMENT).write_text(saved.to_yaml(experiment))
    return saved.read_experiment(root)  # as `config.load` does, with the defaults of all parts filled in


class MadeUp:
    """An experiment, its graph, and a store with artifacts of all steps but those that `failed` names."""

    def __init__(self, root, columns=("probe", "coco", "textvqa", "refcoco"), failed=lambda step: False, **changes):
        self.experiment = make_experiment(root, columns, **changes)
        self.graph = build(self.experiment)
        self.store = Store(root / "store")
        self.failures = {}
        arms = {
            step.digest: spelled_out(cell.point, self.experiment.arms).get("pretrain", "siglip")
            for cell in self.graph.cells
            for step in ancestry(cell.columns.values())
        }
        for step in self.graph.steps:
            if failed(step):
                self.failures[step.digest] = f"the loss is not finite at step 7 of {root / 'store'}"
            elif all(self.store.done(parent) for parent in step.parents.values()):
                publish(self.store, step, arms[step.digest])

    def report(self):
        return collect(self.graph, self.store, self.experiment, self.failures)

    def rewrite(self, step, name, text):
        """Publish an artifact again, with another text in one of its files."""
        shutil.copytree(self.store.path(step), self.store.work(step))
        (self.store.work(step) / name).write_text(text, encoding="utf-8")
        self.store.publish(step, seconds=12.5, threads=1)

    def timings(self):
        return timings(self.graph, self.store)


def publish(store, step, arm) -> None:
    folder = store.work(step)
    folder.mkdir(parents=True)
    if step.kind in ("vision", "language", "mask_tokenizer", "multimodal", "transfer"):
        steps = range(1, 101, 3)
        rate = 12 + step.seed if arm == "siglip" else 25 + step.seed
        rows = [f"{step},{4 * np.exp(-step / rate) + 0.7:.5f},0.001" for step in steps]
        (folder / "curve.csv").write_text("step,loss,learning_rate\n" + "\n".join(rows) + "\n")
    if step.kind in ("evaluate", "probe", "denoising"):
        column = step.plain.get("benchmark", step.kind)
        metrics, predictions = scores(column, arm, step)
        (folder / "metrics.json").write_text(json.dumps(metrics))
        (folder / "predictions.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in predictions))
    store.publish(step, seconds=12.5, threads=1)


def scores(column, arm, step):
    """Scores of an arm: the level, the column's bonus for siglip, and noise of seed and sample."""
    after = -10 if step.plain.get("after") == "multimodal" else 0
    seed = step.parents["model"].seed if "model" in step.parents else step.seed
    noise = np.random.default_rng(zlib.crc32(f"{column}/{seed}/{arm}".encode()))
    shared = np.random.default_rng(zlib.crc32(column.encode())).normal(0, 20, SAMPLES)
    mean = LEVEL[arm] + after + (BONUS.get(column, 0) if arm == "siglip" else 0) + noise.normal(0, 0.5)
    samples = (mean + shared - shared.mean() + noise.normal(0, 4, SAMPLES)).round(3).tolist()
    extra = {"tasks": {"digits": mean - 5, "flags": mean + 5}}
    if column == "xm3600":
        extra = {"en": mean + 8, "avg35": mean - 2}
    metrics = {"value": float(np.mean(samples)), "n": SAMPLES, "extra": extra, "samples": samples}
    if column == "denoising":
        return {**metrics, "extra": {"R": mean - 5, "S": mean, "X": mean + 5}}, []
    if column == "probe":
        return metrics, []
    return metrics, [prediction(column, arm, index, score) for index, score in enumerate(samples)]


def prediction(column, arm, index, score):
    row = {"image": index, "prompt": f"Answer in EN: {column} {index}?", "score": score, "language": "en"}
    if column.startswith("refcoco"):
        y0, x0 = 10, 8 + index % 20
        shift = 3 if arm == "siglip" else 9
        runs = [[y, x0 + shift, 18] for y in range(y0 + 2, y0 + 18)]
        box = {"box": [y0 + 2, x0 + shift, y0 + 18, x0 + shift + 18], "mask": runs}
        truth = {"target_box": [y0, x0, 30, x0 + 22], "target_mask": [[y, x0, 22] for y in range(y0, 30)]}
        return {**row, "prediction": "<loc>", **truth, **(box if index % 7 else {})}
    if column == "xm3600":
        row["language"] = LANGUAGES[index % len(LANGUAGES)]
    return {
        **row,
        "prediction": f"{arm} says <script>alert({index})</script>",
        "references": ["a red square", "una plaza roja"],
    }


@pytest.fixture
def made_up(tmp_path):
    """Build a MadeUp run in a temporary folder, or in `root`."""
    return lambda *arguments, root=tmp_path, **changes: MadeUp(root, *arguments, **changes)


@pytest.fixture(scope="session")
def full(tmp_path_factory):
    """A run of every column with the control, in which one cell failed; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:  # the fixtures that register serve single tests
        SOURCE.names()
        patch.setattr(
            SOURCE, "_entries", {**SOURCE._entries, "doodles": RegistryEntry("doodles", Doodles, given=("image_size",))}
        )
        return MadeUp(
            tmp_path_factory.mktemp("full"),
            ("probe", "coco", "xm3600", "vqav2", "okvqa", "textvqa", *REFERRING),
            failed=lambda step: step.label == "transfer/vqa_knowledge siglip",
            grid={"pretrain": ["classif", "siglip", "random"]},
        )


@pytest.fixture(scope="session")
def report(full):
    return full.report()


@pytest.fixture
def level():
    """The mean score of each arm."""
    return LEVEL
