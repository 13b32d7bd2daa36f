"""The section `runtime` of experiments: where and how they run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from pali3kit.config.component import Component
from pali3kit.config.hardware import ACCELERATORS, Hardware
from pali3kit.config.paths import PACKAGE, PLACE

Strategy = Literal["ddp", "fsdp"]
ContrastiveLoss = Literal["gather", "ring"]
Precision = Literal["auto", "bf16", "fp32"]
Verify = Literal["usual", "full"]
Attention = Literal["auto", "eager", "sdpa", "chunked", "flex", "xformers"]


@dataclass(kw_only=True)
class StageRuntime:
    """The keys of `runtime` that one kind of stage has otherwise; those that are null are as for all.

    Keys:
        nodes, devices: the number of machines, and of processes on each, that run such a stage together.
        strategy: how they do so, `ddp` or `fsdp`.
        num_workers: processes of each device that load images.
        precision: `fp32`, `bf16`, or `auto`.
        gradient_checkpointing: whether activations are computed again in the backward pass.
        max_tokens_per_microbatch: the largest number of tokens that a device has in memory at once.
    """

    nodes: int | None = None
    devices: int | None = None
    strategy: Strategy | None = None
    num_workers: int | None = None
    precision: Precision | None = None
    gradient_checkpointing: bool | None = None
    max_tokens_per_microbatch: int | None = None


@dataclass(kw_only=True)
class Slurm:
    """The jobs of `submit`, one for each stage.

    Keys:
        hours: the time limit of a job. One that reaches it writes a checkpoint and is queued again.
        cpus_per_task: cores of each rank; 0 leaves them to the cluster.
        options: further options of sbatch by their long names: `{partition: gpu, account: lab}`; those without a value
            have an empty one.
        setup: lines of shell before the stage: `[module load cuda]`.
    """

    hours: float = 24.0
    cpus_per_task: int = 0
    options: dict[str, str] = field(default_factory=dict)
    setup: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Runtime:
    """Where and how the experiment runs.

    None of these keys enters a digest: numbers of threads and devices change results in their last digits only, bf16
    within the noise. The manifest of each artifact records how it was made.

    Keys:
        parallel_stages: the number of stages that run at the same time; 0 decides by the number of cores.
        threads: CPU threads of each process; 0 shares all cores out.
        nodes: the number of machines that run one stage together. Stages of more than one are started by a launcher
            (`step`).
        devices: the number of processes on each node that run one stage together.
        strategy: how they do so, `ddp` or `fsdp`, which shards the model.
        stages: other values of `nodes`, `devices`, `strategy`, `num_workers`, `precision`, `gradient_checkpointing` or
            `max_tokens_per_microbatch` for a kind of stage: `{vision: {nodes: 32, devices: 8, strategy: fsdp}}`.
        timeout_seconds: how long a rank waits for the others before it fails, as when a node is gone.
        contrastive_loss: how each of several devices compares its images with the texts of all: `gather` gathers the
            texts' embeddings on every device, `ring` passes them around in as many steps as there are devices, for
            batches whose embeddings do not fit.
        num_workers: processes of each device that load images.
        checkpoint_seconds: the time between checkpoints, in seconds; a stage that is killed loses about as much.
        grace_seconds: the time that a stage which is to stop has for its current step and its checkpoint, in seconds;
            then it is killed.
        max_bad_fraction: a stage fails if more than this fraction of the samples in files cannot be used.
        precision: of training, features, answers and losses: `fp32`, `bf16` (autocast), or `auto`, which is bf16 on
            GPUs that have it.
        attention: the backend of attention in the language model's encoder.
        gradient_checkpointing: whether the image encoder, the text tower and the language model compute their
            activations again in the backward pass, which saves memory and takes time.
        max_tokens_per_microbatch: the largest number of tokens that a device has in memory at once: those of the
            encoder of PaLI, or of a window of the language model's pretraining. Larger batches are split into
            microbatches, whose gradients are accumulated so that every target token has the same weight. 0 is no limit.
            Without gradients it bounds batches of images and answers; 0 is 65,536.
        memory: the memory of a device in GiB; stages that cannot fit are refused. 0 is that of `hardware`, and without
            one checks nothing.
        hardware: the accelerator for which `plan` tells time and memory, and which jobs of SLURM ask for one of each
            rank. Without one `plan` tells the time on this machine.
        utilization: the share of its FLOP/s that `plan` counts on.
        slurm: the jobs of `submit`.
        verify: how existing artifacts are verified: `full`, all files by their digests, or `usual`, files above 1 GiB
            by size and time alone.
        logger: a logger of learning curves, to watch trainings with while they run.
        callbacks: further callbacks of Lightning's for all trainings, by any names.
        profiler: a profiler of Lightning's of all trainings, for each stage in a folder of its own.
        runs: the folder of reports.
        store: the folder of artifacts.
        read_from: where artifacts that are not in `store` are looked for, in this order, before they are made:
            `package` (those that come with pali3kit), folders, which are only read, and URLs (`https://`, `s3://`, all
            that fsspec can open), from which they are copied into `store`. `[]` makes all anew.
    """

    parallel_stages: int = 0
    threads: int = 0
    nodes: int = 1
    devices: int = 1
    strategy: Strategy = "ddp"
    contrastive_loss: ContrastiveLoss = "gather"
    stages: dict[str, StageRuntime] = field(default_factory=dict)
    timeout_seconds: float = 1800.0
    num_workers: int = 0
    checkpoint_seconds: float = 20.0
    grace_seconds: float = 60.0
    max_bad_fraction: float = 0.05
    precision: Precision = "auto"
    attention: Attention = "auto"
    gradient_checkpointing: bool = False
    max_tokens_per_microbatch: int = 0
    memory: float = 0.0
    hardware: Hardware | None = None
    utilization: float = 0.4
    slurm: Slurm = field(default_factory=Slurm)
    verify: Verify = "usual"
    logger: Component | None = field(default=None, metadata={"registry": "logger"})
    callbacks: dict[str, Component] = field(default_factory=dict, metadata={"registry": "callback"})
    profiler: Component | None = field(default=None, metadata={"registry": "profiler"})
    runs: str = field(default="runs", metadata=PLACE)
    store: str = field(default="runs/store", metadata=PLACE)
    read_from: list[str] = field(default_factory=lambda: [PACKAGE], metadata=PLACE)

    def of(self, kind: str) -> Runtime:
        """The settings of one kind of stage: its own in `stages` over those of all."""
        own = vars(self.stages.get(kind, StageRuntime()))
        return replace(self, stages={}, **{key: value for key, value in own.items() if value is not None})

    def key(self, kind: str, name: str) -> str:
        """The dotted key that sets `name` for a kind of stage."""
        own = getattr(self.stages.get(kind, StageRuntime()), name) is not None
        return f"runtime.stages.{kind}.{name}" if own else f"runtime.{name}"

    @property
    def device_memory(self) -> float:
        """The memory of a device in GiB; 0 if it is not known."""
        return self.memory or (ACCELERATORS[self.hardware].memory if self.hardware else 0.0)

    @property
    def world_size(self) -> int:
        """Number of ranks of all nodes together."""
        return self.nodes * self.devices

    @property
    def shards(self) -> int:
        """Number of devices that share a copy of the model's state: those of a node, as nodes hold replicas."""
        if self.strategy == "ddp":
            return 1
        return self.devices if self.devices > 1 else self.nodes
