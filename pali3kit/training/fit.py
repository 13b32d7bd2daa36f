"""The training loop of all stages: Lightning with batches as a pure function of the step, exactly resumable."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import closing

import lightning as L
from lightning.pytorch.callbacks import Callback

from pali3kit.config.stages import Training
from pali3kit.registry import CALLBACK
from pali3kit.training.checkpoints import TrainingCheckpoints
from pali3kit.training.context import StageContext
from pali3kit.training.loader import MakeBatch, loading
from pali3kit.training.loggers import open_logger
from pali3kit.training.modules import StageModule
from pali3kit.training.profilers import build_profiler
from pali3kit.training.recorder import Recorder
from pali3kit.training.trainer import build_trainer


def fit(
    module: StageModule,
    make: MakeBatch,
    training: Training,
    context: StageContext,
    recorders: Sequence[Callback] = (),
    microbatches: int = 1,
) -> None:
    """Train `module` on `make(step)` until the budget is spent, and write `curve.csv` to the stage's folder.

    Training continues from a checkpoint in the folder, whichever strategy and number of ranks has written it: weights,
    optimizer state and curve are restored and batches are functions of the step, so that a killed run ends with the
    same numbers. A damaged checkpoint is reported and not used. The last ones are kept, since the trained weights are
    not saved yet.

    Args:
        module: what to train, with the optimizer of `training`.
        make: from a step to its batch, or to a list of its `microbatches`, whose mean gradient is applied once.
        training: the budget.
        context: of the stage.
        recorders: further callbacks.
        microbatches: number of microbatches per step.

    Raises:
        StageError: the loss is not finite, or the checkpoint is of another model.
        DataError: a batch cannot be made.
        SystemExit: a signal asked to stop; the checkpoint is that of the current step.
    """
    steps = count_steps(training)
    L.seed_everything(context.seed, verbose=False)
    profiler = build_profiler(context.execution.profiler if context.writes else None, context.logged)
    with (
        warnings.catch_warnings(),
        closing(TrainingCheckpoints(context)) as checkpoints,
        open_logger(context.execution.logger, context.logged) as curves,
    ):
        warnings.simplefilter("ignore")  # Lightning's advice on workers and intervals does not apply
        start = checkpoints.find()
        recorder = Recorder(context, steps, checkpoints, microbatches)
        further = [CALLBACK.build(each.name, **each.options) for each in context.execution.callbacks.values()]
        # Must be the last callback: it checkpoints the state that the other callbacks update in this step.
        callbacks = [*further, *recorders, recorder]
        clip = training.optimizer.clip_norm
        trainer = build_trainer(callbacks, steps, clip, context.execution, microbatches, curves, profiler)
        with loading(make, start, steps, context.execution.num_workers) as loader:
            trainer.fit(module, loader)
    if context.writes:
        recorder.write_curve(context.folder / "curve.csv")
    if profiler is not None:
        context.say(f"profile in {profiler.dirpath}")


def count_steps(training: Training) -> int:
    """Number of whole batches in the budget, at least one."""
    return max(1, training.examples // training.batch_size)
