"""LightningModules, one for each kind of training: the batches that it takes and the loss that it minimises.

They work in any `Trainer` (docs/own-trainer.md). The learning rate's schedule spans the trainer's optimizer steps.
Gradients are clipped as the trainer is told (`gradient_clip_val`).

Images of a batch may be uint8, which are normalised on the device as the encoder's `image_spec` says, or floats, which
are taken as they are: `encoder.transform` makes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import lightning as L
import torch
import torch.distributed as dist
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.distributed.fsdp import register_fsdp_forward_method
from torch.optim import Optimizer

from pali3kit.errors import StageError, choose
from pali3kit.language.contract import LanguageModel
from pali3kit.losses.multilabel import multilabel_loss, softmax_loss
from pali3kit.losses.sigmoid import gathered_sigmoid_loss, ring_sigmoid_loss, sigmoid_loss
from pali3kit.losses.text import text_loss
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.classifier import Classifier
from pali3kit.models.pali import PaLIModel, shift_right
from pali3kit.models.two_towers import TwoTowers
from pali3kit.nn.positions import Grid
from pali3kit.training.freeze import freeze, keep_frozen_in_eval_mode
from pali3kit.training.optimizers import ModuleOptions, build_optimizer, build_schedule, optimizer_of
from pali3kit.training.shard import average_and_clip, shard
from pali3kit.vision.contract import VisionEncoder, freeze_unread

if TYPE_CHECKING:
    from typing_extensions import Unpack

Batch = dict[str, Tensor]
_Loss = TypeVar("_Loss", bound=Callable[..., Tensor])
CLASSIFICATION: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"sigmoid": multilabel_loss, "softmax": softmax_loss}
CONTRASTIVE: dict[str, Callable[..., Tensor]] = {"gather": gathered_sigmoid_loss, "ring": ring_sigmoid_loss}


class StageModule(L.LightningModule):
    """A model with its optimizer. Subclasses define `losses`, from a batch to named scalars; `loss` is minimised.

    All keyword arguments are hyperparameters: loggers record them, and checkpoints of a `Trainer` hold them as plain
    values, so that `load_from_checkpoint(path, model=model, weights_only=True)` needs the model alone.

    Args:
        model: what is trained.
        options: `ModuleOptions`.

    Raises:
        StageError: a pattern of `freeze` matches nothing, or all parameters; and, with RegistryError and TypeError, for
            what `optimizer_of` refuses.
    """

    def __init__(self, model: nn.Module, **options: Unpack[ModuleOptions]) -> None:
        super().__init__()
        self.save_hyperparameters(ignore="model")
        self.model, self.options = model, optimizer_of(options)
        if patterns := options.get("freeze"):
            freeze(self.model, patterns)
        keep_frozen_in_eval_mode(self.model)

    def train(self, mode: bool = True) -> StageModule:
        super().train(mode)
        keep_frozen_in_eval_mode(self.model)
        return self

    def configure_model(self) -> None:
        """Shard the model (FSDP2) where Lightning trains with a mesh of devices. `losses` runs all of it."""
        if self.device_mesh is not None:
            shard(self, self.device_mesh, torch.bfloat16 if self.trainer.precision == "bf16-mixed" else None)
            register_fsdp_forward_method(self, "losses")

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Finish the gradients of a sharded model: Lightning calls this before each step, with a norm or None."""
        if self.device_mesh is None:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_algorithm == "value":
            raise StageError("the gradients of a sharded model are clipped by norm: gradient_clip_algorithm='norm'")
        else:
            average_and_clip((p for group in optimizer.param_groups for p in group["params"]), gradient_clip_val)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Scalars by name; `loss` is minimised, the others are recorded."""
        raise NotImplementedError

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        numbers = self.losses(batch)
        detached = {name: value.detach() for name, value in numbers.items()}
        if self.trainer.log_every_n_steps:  # type: ignore[attr-defined]  # Lightning sets it without declaring it
            self._log(detached, batch_idx)
        return detached | {"loss": numbers["loss"]}

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log `validation/loss` and the other numbers of `losses`: means over all batches and ranks, by examples."""
        with torch.inference_mode(False), torch.no_grad():  # shards (FSDP2) are gathered into what training also reads
            numbers = {f"validation/{name}": value for name, value in self.losses(batch).items()}
        examples = max(len(value) for value in batch.values() if value.ndim)
        self.log_dict(numbers, on_epoch=True, sync_dist=True, batch_size=examples)

    def _log(self, numbers: dict[str, Tensor], batch_idx: int) -> None:
        """Log means over all ranks and accumulated batches of a step, and its learning rate."""
        count = self.trainer.accumulate_grad_batches
        if batch_idx % count == 0 or not hasattr(self, "_sums"):  # resumed within an accumulation
            self._sums = dict.fromkeys(numbers, torch.zeros((), device=self.device))
        self._sums = {name: self._sums[name] + value / count for name, value in numbers.items()}
        if (batch_idx + 1) % count == 0:
            self.log_dict({f"train/{name}": value for name, value in self._sums.items()}, sync_dist=True)
            self.log("learning_rate", self.trainer.optimizers[0].param_groups[0]["lr"])

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = build_optimizer(self.model, self.options)
        schedule = build_schedule(optimizer, self.options, self._steps_of_trainer())
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _steps_of_trainer(self) -> int:
        """The number of steps of the attached trainer; 1 without a trainer. Raises StageError if it is not finite."""
        if self._trainer is None:
            return 1
        steps = self.trainer.estimated_stepping_batches
        if not 0 < steps < math.inf:  # -1 for epochs of a loader without a length
            raise StageError("a schedule needs an end: give the Trainer max_steps")
        return int(steps)


def _normalised(images: Tensor, vision: VisionEncoder | None, image_mask: Tensor | None = None) -> Tensor:
    """The images `[...,3,H,W]` of a batch as the encoder reads them: uint8 normalised, 0 where the mask `[...]` is
    False; floats as they are.
    """
    if vision is None or images.dtype != torch.uint8:
        return images
    pixels = vision.image_spec.normalise_batch(images)
    return pixels if image_mask is None else pixels.masked_fill_(~image_mask[..., None, None, None], 0.0)


def _choose(option: str, name: str, losses: Mapping[str, _Loss]) -> _Loss:
    """The loss of that name. Raises StageError, with the nearest one, for an unknown one."""
    if name not in losses:
        raise StageError(f"{option} cannot be '{name}'.{choose(name, losses)}")
    return losses[name]


def _ranks() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


class ClassifierModule(StageModule):
    """Stage 0a, the classification arm. Batch: `images [B,3,H,W]`, `labels [B,C]` of 0 and 1."""

    model: Classifier

    def __init__(self, model: Classifier, loss: str = "sigmoid", **options: Unpack[ModuleOptions]) -> None:
        super().__init__(model, **options)
        self.loss = _choose("loss", loss, CLASSIFICATION)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        logits = self.model(_normalised(batch["images"], self.model.vision))
        top = batch["labels"].gather(1, logits.argmax(1, keepdim=True)).mean()
        return {"loss": self.loss(logits, batch["labels"]), "top1": top}


class SigLIPModule(StageModule):
    """Stage 0a, the contrastive arm. Batch: `images [B,3,H,W]`, `ids [B,L]`, one caption for each image.

    The loss compares every image with the texts of all ranks, which `over_ranks` gathers ("gather") or passes around
    ("ring"); `retrieval` is the accuracy within a rank. Batches whose gradients the trainer accumulates are not
    compared with each other.
    """

    model: TwoTowers

    def __init__(self, model: TwoTowers, over_ranks: str = "gather", **options: Unpack[ModuleOptions]) -> None:
        super().__init__(model, **options)
        self.loss_over_ranks = _choose("over_ranks", over_ranks, CONTRASTIVE)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        image, text = self.model(_normalised(batch["images"], self.model.vision), batch["ids"])
        contrast = self.loss_over_ranks if _ranks() > 1 else sigmoid_loss
        loss = contrast(image, text, self.model.log_scale, self.model.bias)
        with torch.no_grad():
            cosine = nn.functional.normalize(image.float()) @ nn.functional.normalize(text.float()).T
            right = (cosine.argmax(1) == torch.arange(len(cosine), device=cosine.device)).float().mean()
        return {"loss": loss, "retrieval": right}


class DenoisingModule(StageModule):
    """Stage 0b. Batch: `inputs [B,N]`, `input_mask [B,N]`, `targets [B,T]`, `target_mask [B,T]`; of a part of a batch
    also `step_tokens` and `parts` (`training.microbatches`).
    """

    model: LanguageModel

    def __init__(self, model: LanguageModel, z_loss: float = 0.0, **options: Unpack[ModuleOptions]) -> None:
        super().__init__(model, **options)
        self.z_loss = z_loss

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        memory = self.model.encode(self.model.embed(batch["inputs"]), batch["input_mask"])
        previous = shift_right(batch["targets"], self.model.start_id)
        states = self.model.decode_states(previous, memory, batch["input_mask"])
        return _packed_loss(self.model, states, batch, z_loss=self.z_loss)


class MaskTokenizerModule(StageModule):
    """Stage 0c. Batch: `masks [B,1,64,64]` in [0, 1]."""

    model: MaskVQVAE

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        output = self.model(batch["masks"])
        inside, truth = output.reconstruction > 0, batch["masks"] > 0.5
        union = (inside | truth).sum((1, 2, 3)).clamp(min=1)
        return {"loss": output.loss, "iou": ((inside & truth).sum((1, 2, 3)) / union).mean()}


class PaLIModule(StageModule):
    """Stages 1 and 2 and the transfers.

    Batch: `prompts [B,P]`, `prompt_mask [B,P]`, `targets [B,T]`, `target_mask [B,T]`, `images [B,F,3,H,W]` of F images
    an example (without F, one), or `tokens [B,F,N,Dv]` that an encoder made of them, on the `grid`. `image_mask [B,F]`,
    True for images that are there, where some examples have fewer; of a part of a batch `step_tokens` and `parts`
    (`training.microbatches`).

    An encoder that is trained keeps its head as it is, which PaLI does not read (`freeze_unread`).
    """

    model: PaLIModel

    def __init__(
        self,
        model: PaLIModel,
        grid: Grid | None = None,
        label_smoothing: float = 0.0,
        **options: Unpack[ModuleOptions],
    ) -> None:
        super().__init__(model, **options)
        self.grid, self.label_smoothing = grid, label_smoothing
        if model.vision is not None and any(weight.requires_grad for weight in model.vision.parameters()):
            freeze_unread(model.vision)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        image_mask, grid = batch.get("image_mask"), self.grid
        if "tokens" in batch:
            tokens = batch["tokens"]
        else:
            images = _normalised(batch["images"], self.model.vision, image_mask)
            tokens, grid = self.model.encode_images(images, image_mask)
        if grid is None:
            raise StageError("batches have tokens of images: give PaLIModule their grid=(rows, columns)")
        texts = batch["prompts"], batch["prompt_mask"], batch["targets"]
        states = self.model.states(tokens, grid, *texts, image_mask)
        return _packed_loss(self.model.language, states, batch, self.label_smoothing)


def _packed_loss(
    language: LanguageModel, states: Tensor, batch: Batch, label_smoothing: float = 0.0, z_loss: float = 0.0
) -> dict[str, Tensor]:
    """Mean loss and accuracy over the target tokens, times the batch's share of them (`_share`).

    Logits are computed for the positions of these tokens alone. Most positions of a batch with short answers are
    padding: two in three with the embedded world's mixture.
    """
    mask = batch["target_mask"]
    logits, targets = language.to_logits(states[mask])[None], batch["targets"][mask][None]
    loss, _ = text_loss(logits, targets, torch.ones_like(targets, dtype=torch.bool), label_smoothing, z_loss)
    share = _share(batch)
    return {"loss": loss * share, "accuracy": (logits.argmax(-1) == targets).float().mean() * share}


def _share(batch: Batch) -> Tensor | float:
    """The target tokens of a microbatch, relative to the mean over all microbatches of all ranks; 1 of a whole batch.

    Gradients are averaged over microbatches and ranks, so with this factor they are those of the mean loss over all
    target tokens of the step. A rank knows its own number of them: an all-reduce adds them up, without a host sync.
    """
    if "step_tokens" not in batch and _ranks() == 1:
        return 1.0
    own = batch["target_mask"].sum()
    total = batch.get("step_tokens", own).clone()
    if _ranks() > 1:
        dist.all_reduce(total)
    return own * batch.get("parts", 1) * _ranks() / total
