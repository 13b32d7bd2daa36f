"""A whole chain of tiny artifacts, made once: every stage's test looks at its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.execution.workload import sized
from pali3kit.plan.graph import build
from pali3kit.plan.step import Node
from pali3kit.registry import STAGE
from pali3kit.training.context import Cost, StageContext

ROOT = Path(__file__).parents[3]
OVERRIDES = [
    "scale=smoke", "data.train=40", "data.test=12", "evaluation.limit=8", "stages.vision.examples=32",
    "stages.masks.examples=64", "stages.language.examples=32", "stages.multimodal.examples=32",
    "stages.transfer.examples=32", "tokenizer.sentences=1500", "tokenizer.vocabulary=1200",
    "grid.pretrain=[random,classif,siglip]", "evaluation.after=[multimodal,transfer]",
]  # fmt: skip


class Chain:
    """Runs stages on demand, in this process; `chain("vision", pretrain="siglip")` is the artifact's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.nodes = build(load(ROOT / "experiments" / "ablate_classif.yaml", OVERRIDES)).nodes

    def node(self, kind: str, **wanted: object) -> Node:
        return next(n for n in self.nodes if n.kind == kind and all(n.config.get(k) == v for k, v in wanted.items()))

    def __call__(self, kind: str, **wanted: object) -> Path:
        return self.make(self.node(kind, **wanted))

    def make(self, node: Node) -> Path:
        folder = self.root / node.name
        if not folder.exists():
            parents = {role: self.make(parent) for role, parent in node.parents.items()}
            folder.mkdir()
            context = StageContext(folder, parents, node.seed, lambda done, total, **numbers: None, threads=1)
            STAGE.get(node.kind)(dict(node.config), context)
        return folder

    def calibrate(self, kind: str, **wanted: object) -> Cost:
        node = self.node(kind, **wanted)
        module = __import__(STAGE.get(kind).__module__, fromlist=["calibrate"])
        cost: Cost = module.calibrate(sized(node), threads=1)
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
        "grid.evaluation.texts=[own,lit]",
        "grid.pretrain=[classif,siglip]",
        "evaluate=[probe,knn,linear,finetune,zero_shot,retrieval]",
    ]
    kept = [one for one in OVERRIDES if not one.startswith(("grid", "evaluation.after"))]
    chain.nodes = build(load(ROOT / "experiments" / "table6.yaml", [*kept, *sets])).nodes
    return chain
