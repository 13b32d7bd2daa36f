"""A whole chain of tiny artifacts, made once: every stage's test looks at its own."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pali3kit.catalogue import STAGE
from pali3kit.config.load import load
from pali3kit.execution.workload import sizes
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.training.context import StageContext, StageCost

ROOT = Path(__file__).parents[3]
OVERRIDES = [
    "scale=smoke", "data.train=40", "data.test=12", "evaluation.limit=8", "stages.vision.examples=32",
    "stages.mask_tokenizer.examples=64", "stages.language.examples=32", "stages.multimodal.examples=32",
    "stages.transfer.examples=32", "tokenizer.sentences=1500", "tokenizer.vocabulary=1200",
    "grid.pretrain=[random,classif,siglip]", "evaluation.after=[multimodal,transfer]",
]  # fmt: skip


def altered(step: Step, training: dict[str, Any] | None = None, **changes: Any) -> Step:
    """A step of another configuration: some of its fields, and some of its `training`'s."""
    config: Any = step.config
    if training is not None:
        changes["training"] = replace(config.training, **training)
    return replace(step, config=replace(config, **changes))


def run(step: Step, context: StageContext) -> None:
    """Run a step in this process."""
    import_module(STAGE.find(step.kind).target).run(step.config, context)


class Chain:
    """Runs stages on demand, in this process; `chain("vision", pretrain="siglip")` is the artifact's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.steps = build(load(ROOT / "experiments" / "ablate_classif.yaml", OVERRIDES)).steps

    def step(self, kind: str, **wanted: object) -> Step:
        return next(n for n in self.steps if n.kind == kind and all(n.plain.get(k) == v for k, v in wanted.items()))

    def __call__(self, kind: str, **wanted: object) -> Path:
        return self.make(self.step(kind, **wanted))

    def make(self, step: Step) -> Path:
        folder = self.root / step.name
        if not folder.exists():
            parents = {role: self.make(parent) for role, parent in step.parents.items()}
            folder.mkdir()
            context = StageContext(folder, parents, step.seed, lambda done, total, **numbers: None, threads=1)
            run(step, context)
        return folder

    def calibrate(self, kind: str, **wanted: object) -> StageCost:
        return self.cost(self.step(kind, **wanted))

    def cost(self, step: Step) -> StageCost:
        cost: StageCost = import_module(STAGE.find(step.kind).target).calibrate(step.config, sizes(step))
        return cost


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return Chain(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Both arms, SigLIP's with its own texts too."""
    chain = Chain(tmp_path_factory.mktemp("encoders"))
    sets = [
        "evaluation.probes={count: {name: world_probe, task: count}, food: {name: world_probe, task: food}}",
        "grid.evaluation.text_tower=[own,lit]",
        "grid.pretrain=[classif,siglip]",
        "evaluate=[probe,knn,linear,finetune,zero_shot,retrieval]",
    ]
    kept = [one for one in OVERRIDES if not one.startswith(("grid", "evaluation.after"))]
    chain.steps = build(load(ROOT / "experiments" / "table6.yaml", [*kept, *sets])).steps
    return chain
