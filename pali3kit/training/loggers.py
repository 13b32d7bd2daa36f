"""Loggers of trainings: Lightning's, to watch learning curves while stages run.

Each artifact has a log of its own, whose name begins with that of its stage. A stage that is continued after a kill
goes on in it, or beside it where the logger cannot. All ranks have a logger, for callbacks that use `trainer.logger`;
Lightning's write nothing but in the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from pali3kit.config.component import Component
from pali3kit.registry import LOGGER
from pali3kit.training.context import Logged

_FOLDER = "runs/logs"


@contextmanager
def open_logger(component: Component | None, logged: Logged) -> Iterator[Logger | None]:
    """The logger of a stage while it trains; None without one. Raises RegistryError for an unknown name or option."""
    logger = None if component is None else LOGGER.build(component.name, logged, **component.options)
    try:
        yield logger
    finally:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()  # Lightning leaves it open: the next stage of this process would log to it


@LOGGER.register("csv", "a folder with metrics.csv for each stage", folders=("folder",))
def _csv(logged: Logged, folder: str = _FOLDER) -> CSVLogger:
    """Write `folder/STAGE/version_N/metrics.csv`; a continued stage begins another version."""
    return CSVLogger(folder, name=logged.title, flush_logs_every_n_steps=1)


@LOGGER.register("tensorboard", "event files for TensorBoard", folders=("folder",), needs=("tensorboard",))
def _tensorboard(logged: Logged, folder: str = _FOLDER) -> TensorBoardLogger:
    """Write event files to `folder/STAGE`, shown by `tensorboard --logdir FOLDER`."""
    return TensorBoardLogger(folder, name=logged.title, version="", default_hp_metric=False)


@LOGGER.register("wandb", "a run for each stage at Weights & Biases", folders=("folder",), needs=("wandb",))
def _wandb(logged: Logged, folder: str = _FOLDER, project: str = "pali3kit", offline: bool = True) -> WandbLogger:
    """Write to `folder/wandb`; nothing is sent unless `offline` is false. `wandb sync` sends it later."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    return WandbLogger(
        name=logged.title, id=logged.artifact, save_dir=folder, project=project, offline=offline, resume="allow"
    )


@LOGGER.register(
    "mlflow", "a run for each stage in MLflow", folders=("folder",), needs=("mlflow", "sqlalchemy", "alembic")
)
def _mlflow(
    logged: Logged, folder: str = _FOLDER, tracking_uri: str | None = None, experiment: str = "pali3kit"
) -> MLFlowLogger:
    """Log to the server `tracking_uri`, or to `folder/mlflow.db`, shown by `mlflow ui --backend-store-uri`.

    MLflow refuses its old store of files since 3.17 unless the environment allows it: hence a data base.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    where = tracking_uri or f"sqlite:///{Path(folder).absolute() / 'mlflow.db'}"
    with (Path(folder) / "mlflow.lock").open("w") as lock:
        flock(lock, LOCK_EX)  # the first connection creates the tables, and fails where another process is at it
        logger = MLFlowLogger(experiment_name=experiment, run_name=logged.title, tracking_uri=where)
        _ = logger.experiment
    return logger
