"""Optimizers and learning-rate schedules by name, with weight decay on matrices only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, TypedDict, get_args

from timm.optim.adafactor_bv import AdafactorBigVision
from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from pali3kit.config.component import Optimizer as Options
from pali3kit.config.component import Schedule
from pali3kit.config.ranges import out_of_range
from pali3kit.errors import StageError, choose
from pali3kit.registry import OPTIMIZER
from pali3kit.training.muon import Muon

OUTER = ("head", "logits")  # output layers, which Muon leaves to AdamW, like embeddings


class ModuleOptions(TypedDict, total=False):
    """Keyword arguments of all LightningModules. Defaults are those of an experiment's `optimizer`.

    Attributes:
        freeze: patterns of names of the model's parameters that are not trained, such as `vision.*`.
        optimizer: `adamw`, `adafactor`, `muon` or a plug-in's; weight decay is for matrices only.
        optimizer_options: further keyword arguments of the optimizer.
        learning_rate: the peak.
        schedule: of the learning rate after the warm-up, to the end of the training: `cosine`, `rsqrt` or `constant`.
        warmup, cooldown: fractions of all steps (`build_schedule`).
    """

    freeze: Sequence[str]
    optimizer: str
    optimizer_options: dict[str, Any]
    learning_rate: float
    weight_decay: float
    beta2: float
    schedule: Schedule
    warmup: float
    cooldown: float


def module_options(optimizer: Options, freeze: Sequence[str] = ()) -> ModuleOptions:
    """The keyword arguments of a module for the optimizer of an experiment; `clip_norm` is the trainer's."""
    return {
        "freeze": freeze,
        "optimizer": optimizer.name,
        "optimizer_options": optimizer.options,
        "learning_rate": optimizer.learning_rate,
        "weight_decay": optimizer.weight_decay,
        "beta2": optimizer.beta2,
        "schedule": optimizer.schedule,
        "warmup": optimizer.warmup,
        "cooldown": optimizer.cooldown,
    }


def optimizer_of(options: ModuleOptions) -> Options:
    """The optimizer that a module's keyword arguments describe.

    Raises:
        TypeError: there is no such argument.
        RegistryError: there is no such optimizer.
        StageError: there is no such schedule, or a number is out of range.
    """
    known: dict[str, Any] = {**options}
    for name in known.keys() - ModuleOptions.__annotations__.keys():
        raise TypeError(f"a module takes no option '{name}'.{choose(name, ModuleOptions.__annotations__)}")
    known.pop("freeze", None)
    renamed = {"optimizer": "name", "optimizer_options": "options"}
    found = Options(**{renamed.get(name, name): value for name, value in known.items()})
    OPTIMIZER.describe(found.name)
    if found.schedule not in get_args(Schedule):
        raise StageError(f"unknown schedule '{found.schedule}'.{choose(found.schedule, get_args(Schedule))}")
    for _, problem in out_of_range(found):
        raise StageError(problem)
    return found


class _Chained(Optimizer):
    """Several optimizers as one, so that Lightning steps, schedules and checkpoints them together."""

    def __init__(self, optimizers: list[Optimizer]) -> None:
        self.optimizers = optimizers
        super().__init__([group for optimizer in optimizers for group in optimizer.param_groups], {})
        self.param_groups = [group for optimizer in optimizers for group in optimizer.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = closure() if closure is not None else None
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, object]:
        return {str(i): optimizer.state_dict() for i, optimizer in enumerate(self.optimizers)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for i, optimizer in enumerate(self.optimizers):
            optimizer.load_state_dict(state_dict[str(i)])
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]


@dataclass(frozen=True)
class Parameters:
    """The trainable parameters of a model by kind.

    Attributes:
        inner: weights of linear layers, except output layers.
        matrices: other matrices, and embedding tables.
        vectors: vectors and scalars, which get no weight decay.
    """

    inner: Sequence[nn.Parameter]
    matrices: Sequence[nn.Parameter]
    vectors: Sequence[nn.Parameter]

    def groups(self, weight_decay: float, inner: bool = True) -> list[dict[str, object]]:
        """Parameter groups for an optimizer, without `inner` if it is False; no empty groups."""
        matrices = [*self.matrices, *(self.inner if inner else ())]
        groups = ((matrices, weight_decay), (self.vectors, 0.0))
        return [{"params": list(some), "weight_decay": decay} for some, decay in groups if some]


def build_optimizer(model: nn.Module, options: Options) -> Optimizer:
    """The optimizer of `model`'s trainable parameters, by name. Raises RegistryError for an unknown one.

    A registered optimizer is a function of `Parameters`, of any of `learning_rate`, `weight_decay` and `beta2`, and of
    its own options as keyword arguments.
    """
    rates = {key: getattr(options, key) for key in ("learning_rate", "weight_decay", "beta2")}
    accepted = signature(OPTIMIZER.get(options.name)).parameters
    rates = {key: value for key, value in rates.items() if key in accepted}
    return OPTIMIZER.build(options.name, _split_parameters(model), **rates, **options.options)


def _split_parameters(model: nn.Module) -> Parameters:
    """The trainable parameters of a model by kind."""
    inner_weights = {
        id(module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.rsplit(".", 1)[-1] not in OUTER
    }
    trainable = [p for p in model.parameters() if p.requires_grad]
    inner = [p for p in trainable if id(p) in inner_weights]
    matrices = [p for p in trainable if id(p) not in inner_weights and p.ndim >= 2]
    return Parameters(inner, matrices, [p for p in trainable if p.ndim < 2])


@OPTIMIZER.register("adamw", "AdamW with decoupled weight decay", moments=8, elementwise=True)
def _adamw(parameters: Parameters, learning_rate: float, weight_decay: float, beta2: float) -> AdamW:
    """AdamW, with weight decay of matrices only."""
    return AdamW(parameters.groups(weight_decay), lr=learning_rate, betas=(0.9, beta2))


@OPTIMIZER.register(
    "adafactor", "big_vision's Adafactor: factored second moments, momentum in bf16", moments=2, elementwise=False
)
def _adafactor(parameters: Parameters, learning_rate: float, weight_decay: float) -> Optimizer:
    """big_vision's Adafactor as timm has it: factored second moments with decay up to 0.999, momentum in bf16."""
    return AdafactorBigVision(parameters.groups(weight_decay), lr=learning_rate)


@OPTIMIZER.register(
    "muon",
    "orthogonalised momentum for matrices, AdamW for the rest",
    moments=4,  # of the inner matrices; AdamW keeps 8
    elementwise=False,
)
def _muon(parameters: Parameters, learning_rate: float, weight_decay: float, beta2: float) -> Optimizer:
    """Muon for the inner matrices, AdamW for the rest."""
    rest = AdamW(parameters.groups(weight_decay, inner=False), lr=learning_rate, betas=(0.9, beta2))
    if not parameters.inner:
        return rest
    return _Chained([Muon(list(parameters.inner), lr=learning_rate, weight_decay=weight_decay), rest])


def simple_optimizers(optimizer: Optimizer) -> list[Optimizer]:
    """The optimizers that hold the state of one that may be chained."""
    return optimizer.optimizers if isinstance(optimizer, _Chained) else [optimizer]


def build_schedule(optimizer: Optimizer, options: Options, steps: int) -> LambdaLR:
    """Linear warm-up over the share `options.warmup` of the steps, then `cosine` to 0, `rsqrt`, or `constant`; over the
    last share `options.cooldown`, times a linear decay to 0, as in big_vision's `rsqrt`. Constant after `steps`.
    """
    warmup = max(1, round(options.warmup * steps))
    cooldown = round(options.cooldown * steps)

    def factor(step: int) -> float:
        step = min(step, steps)
        if step < warmup:
            return (step + 1) / warmup
        return decay(step) * (min(1.0, (steps - step) / cooldown) if cooldown else 1.0)

    def decay(step: int) -> float:
        if options.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
        if options.schedule == "rsqrt":
            return math.sqrt(warmup / (step + 1))
        return 1.0

    return LambdaLR(optimizer, factor)
