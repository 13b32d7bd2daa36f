"""What must be launched on several nodes is told, with the command, and only what needs it waits."""

from __future__ import annotations

from pathlib import Path

from launching import EXPERIMENTS

from pali3kit.config.load import load
from pali3kit.execution.nodes import split_by_nodes
from pali3kit.plan.graph import build
from pali3kit.runner import _launch_commands

SMOKE = EXPERIMENTS / "ablate_classif.yaml"


def test_only_descendants_of_a_step_of_several_nodes_wait() -> None:
    two = ["scale=smoke", "evaluate=[vqav2]", "runtime.stages.multimodal={nodes: 2, devices: 4}", "seeds=[0]"]
    experiment = load(SMOKE, [*two, "grid={}", "baseline={}"])
    steps = build(experiment).steps
    here, several, blocked = split_by_nodes(steps, experiment)
    assert [step.kind for step in several] == ["multimodal"]
    assert {step.kind for step in blocked} == {"transfer", "evaluate"}
    assert {"tokenizer", "vision", "language", "features"} <= {step.kind for step in here}
    assert split_by_nodes(here, experiment) == (here, [], [])


def test_several_nodes_for_all_are_for_those_kinds_that_can_use_them() -> None:
    experiment = load(SMOKE, ["scale=smoke", "evaluate=[probe]", "runtime.nodes=2", "grid={}", "baseline={}"])
    here, several, _ = split_by_nodes(build(experiment).steps, experiment)
    assert [step.kind for step in several] == ["vision"] and [step.kind for step in here] == ["tokenizer"]


def test_the_command_names_ranks_experiment_and_artifact() -> None:
    experiment = load(
        SMOKE,
        [
            "scale=smoke",
            "runtime.stages.vision={nodes: 32, devices: 8}",
            "stages.vision.batch_size=256",
            "stages.vision.examples=512",
        ],
    )
    step = next(step for step in build(experiment).steps if step.kind == "vision")
    told = _launch_commands(step, experiment, Path("runs/a b"))
    program = f"-m pali3kit.run step 'runs/a b' {step.name}"
    launcher = "torchrun --nnodes 32 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500"
    signals = "--shutdown-timeout 60 --signals-to-handle SIGTERM,SIGINT,SIGHUP,SIGUSR1"
    assert f"{launcher} {signals} {program}\n" in told
    assert told.endswith(f"srun --nodes 32 --ntasks-per-node 8 python {program}")
    assert told.startswith(f"{step.label} needs 32 nodes. Once its parents are made, launch it")
