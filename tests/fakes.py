"""An experiment on stages that take milliseconds; also a script, so that spawned workers find the stages.

    python fakes.py ROOT [seed ...]     runs the experiment with artifacts and report under ROOT
    python fakes.py ROOT plan           prints its plan
    python fakes.py ROOT plan nodes     prints its plan with two nodes for stage 1
    python fakes.py ROOT nodes          runs it so
    python fakes.py ROOT from=PLACE     looks for artifacts in PLACE too

Files in ROOT/control steer it: `pause-<kind>` holds a stage of that kind in its middle, `fail-<label>` makes a stage
fail, `die-<label>` kills its process, `lose-<label>` ends it once as where another process took over its lease,
`no-flock` is a file system without it. Every start of a stage is noted in ROOT/control/started.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from pali3kit.catalogue import STAGE
from pali3kit.config.component import Component
from pali3kit.config.runtime import Runtime, StageRuntime
from pali3kit.config.schema import Data, Evaluation, Experiment, Model, TokenizerConfig
from pali3kit.config.stages import (
    LanguagePretraining,
    MaskTokenizerTraining,
    Multimodal,
    Stages,
    Transfer,
    VisionPretraining,
)
from pali3kit.data.source import SourceBase
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import StageError
from pali3kit.execution.locks import LEASE_LOST
from pali3kit.plan.plain import StageConfig
from pali3kit.registry import SOURCE
from pali3kit.types import Json

KINDS = (
    "tokenizer",
    "vision",
    "mask_tokenizer",
    "corpus",
    "language",
    "features",
    "multimodal",
    "transfer",
    "embed",
    "probe",
    "evaluate",
)
STEPS = 4


class FakeSource(SourceBase):
    digest = "images"
    languages = ("en",)


@dataclass(frozen=True)
class Loose(StageConfig):
    """A configuration of any keys, for steps that are made by hand."""

    values: dict[str, Json] = field(default_factory=dict)

    def plain(self):
        return dict(self.values)


def run(config, context):
    """Hash parents, config and seed in four steps, with a checkpoint after each, as a training would."""
    control = context.folder.parents[2] / "control"
    kind = context.folder.name.rpartition("-")[0]
    config = config.plain()
    arm = (config.get("column") or config.get("pretrain") or config.get("task") or "").strip()
    with (control / "started").open("a") as file:
        file.write(f"{context.folder.name}\n")
    if (control / f"fail-{kind}-{arm}").exists():
        print("about to fail")
        raise StageError("told to fail")
    if (control / f"die-{kind}-{arm}").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if (lost := control / f"lose-{kind}-{arm}").exists():
        lost.unlink()
        os._exit(LEASE_LOST)
    checkpoint = context.folder / "checkpoint"
    step, state = json.loads(checkpoint.read_text()) if checkpoint.exists() else (0, _inputs(config, context))
    while step < STEPS:
        step, state = step + 1, hashlib.sha256(f"{state} {step}".encode()).hexdigest()
        partial = context.folder / "partial"
        partial.write_text(json.dumps([step, state]))
        partial.replace(checkpoint)
        context.report(step, STEPS, loss=1.0 / step)
        if step == STEPS // 2 and (control / f"pause-{kind}").exists():
            (control / f"reached-{kind}").touch()
            while (control / f"pause-{kind}").exists():
                time.sleep(0.01)
    checkpoint.unlink()
    (context.folder / "weights.safetensors").write_text(state)
    if kind in ("evaluate", "probe"):
        samples = [float(digit) for digit in hashlib.sha256(state.encode()).digest()]
        value = sum(samples) / len(samples)
        extra = {"en": value, "avg35": value}
        (context.folder / "metrics.json").write_text(
            json.dumps({"value": value, "n": len(samples), "extra": extra, "samples": samples})
        )


def calibrate(config, sizes):
    return 0.5 if config.plain().get("task") != "vqa" else 0.25


def _inputs(config, context):
    parents = {role: (folder / "weights.safetensors").read_text() for role, folder in context.parents.items()}
    return json.dumps([config, context.seed, parents], sort_keys=True)


def install():
    SOURCE.names()  # the built-in ones first
    SOURCE._entries["fake"] = RegistryEntry("fake", FakeSource)
    for name in KINDS:
        kind, origin = STAGE.found[name]
        STAGE.found[name] = replace(kind, module=__name__), origin


def experiment(root: Path, **changes) -> Experiment:
    budget = {"examples": 100, "batch_size": 10}
    sections = {
        "name": "fake",
        "scale": "none",
        "model": Model(
            image_size=64,
            vision=Component(name="vit", options={"width": 8, "depth": 1, "heads": 1, "mlp": 8, "patch": 8}),
            projector=Component(name="linear"),
            language=Component(
                name="ul2",
                options={"width": 8, "encoder_depth": 1, "decoder_depth": 1, "heads": 1, "head_width": 8, "mlp": 8},
            ),
            mask_tokenizer=Component(name="vqvae", options={"codes": 16}),
        ),
        "tokenizer": TokenizerConfig(vocabulary=50),
        "data": Data(source=Component(name="fake"), train=20, test=10),
        "stages": Stages(
            vision=VisionPretraining(
                **budget, text=Component(name="siglip_text", options={"width": 8, "depth": 1, "heads": 1, "mlp": 8})
            ),
            language=LanguagePretraining(**budget),
            mask_tokenizer=MaskTokenizerTraining(**budget),
            multimodal=Multimodal(**budget, mixture={"splitcap": 1.0}),
            transfer=Transfer(**budget, benchmarks={"vqav2": 200}),
        ),
        "grid": {"pretrain": ["classif", "siglip"]},
        "baseline": {"pretrain": "classif"},
        "evaluate": ["probe", "vqav2", "refcoco", "refcocog"],
        "evaluation": Evaluation(probes={"flag": Component(name="world_probe", options={"task": "flag"})}),
        "runtime": Runtime(parallel_stages=2, threads=1, runs=str(root / "runs"), store=str(root / "store")),
    }
    return Experiment(**{**sections, **changes})


def refuse_flock(descriptor: int, operation: int) -> None:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


if __name__ in ("__main__", "__mp_main__"):  # a program of its own, and its workers; the tests use a fixture
    install()
    if (Path(sys.argv[1]) / "control" / "no-flock").exists():
        fcntl.flock = refuse_flock

if __name__ == "__main__":
    from pali3kit.execution import estimates
    from pali3kit.execution.forecast import plan
    from pali3kit.runner import run as run_experiment

    root, words = Path(sys.argv[1]), sys.argv[2:]
    (root / "control").mkdir(parents=True, exist_ok=True)
    fake = experiment(root, seeds=[int(word) for word in words if word.isdigit()] or [0])
    if "nodes" in words:
        fake.runtime.stages["multimodal"] = StageRuntime(nodes=2, devices=5)
    fake.runtime.read_from = [word.removeprefix("from=") for word in words if word.startswith("from=")]
    if "plan" in words:
        estimates.load_average = lambda: 0.0  # a plan tells what else runs on the machine
        plan(fake)
        raise SystemExit(0)
    code = run_experiment(fake)
    if "torch" in sys.modules:
        raise SystemExit("the parent imported torch")
    raise SystemExit(code)
