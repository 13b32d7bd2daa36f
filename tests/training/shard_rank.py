"""Ranks that train shards: run by test_shard.py as `shard_rank.py FOLDER NODES DEVICES JOB`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import lightning as L
import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.debug import CommDebugMode
from torch.utils.data import DataLoader

from pali3kit.language.contract import LanguageModel
from pali3kit.language.prefix_lm import PrefixLM
from pali3kit.language.ul2 import UL2
from pali3kit.models.classifier import Classifier
from pali3kit.models.pali import PaLIModel
from pali3kit.models.text_tower import TextTower
from pali3kit.models.two_towers import TwoTowers
from pali3kit.projector.linear import LinearProjector
from pali3kit.registry import VISION
from pali3kit.training.context import Execution
from pali3kit.training.modules import Batch, ClassifierModule, DenoisingModule, PaLIModule, SigLIPModule, StageModule
from pali3kit.training.optimizers import ModuleOptions
from pali3kit.training.shard import average_and_clip
from pali3kit.training.trainer import _strategy
from pali3kit.vision.contract import VisionEncoder
from pali3kit.vision.vit import ViT

sys.path.insert(0, str(Path(__file__).parents[1]))

from ranks import run

VOCABULARY, STEPS, PARTS = 96, 3, 4
OPTIMIZER: ModuleOptions = {"optimizer": "adamw", "learning_rate": 1e-3}
Make = Callable[[], StageModule]


def vit() -> ViT:
    return ViT(32, width=32, depth=3, heads=2, mlp=64, patch=4)


def ul2(tied: bool = False) -> UL2:
    shape = {"width": 48, "encoder_depth": 2, "decoder_depth": 2, "heads": 2, "head_width": 24, "mlp": 80}
    return UL2(VOCABULARY, **shape, tied=tied)


def prefix_lm(tied: bool = False) -> PrefixLM:
    return PrefixLM(VOCABULARY, width=48, depth=2, heads=2, head_width=24, mlp=80, tied=tied)


def pali(language: LanguageModel, vision: VisionEncoder | None = None) -> PaLIModule:
    if vision is None:
        vision = vit()
    return PaLIModule(PaLIModel(vision, LinearProjector(vision.width, language.width), language), **OPTIMIZER)


def frozen_encoder() -> PaLIModule:
    return PaLIModule(pali(ul2()).model, freeze=["vision.*"])


def recomputing() -> PaLIModule:
    """With a tied embedding; blocks compute their activations again in the backward pass."""
    module = pali(prefix_lm(tied=True))
    module.model.language.gradient_checkpointing = True
    module.model.vision.set_gradient_checkpointing(True)
    return module


def siglip() -> SigLIPModule:
    text = TextTower(VOCABULARY, 6, out=32, width=32, depth=2, heads=2, mlp=64, bottleneck=8)
    return SigLIPModule(TwoTowers(vit(), text))


def batch_of(seed: int, rows: int) -> Batch:
    """What any of the modules reads, `rows` examples."""
    torch.manual_seed(seed)

    def ids(length: int) -> Tensor:
        return torch.randint(2, VOCABULARY, (rows, length))

    texts = {"ids": ids(6), "prompts": ids(5), "targets": ids(4), "inputs": ids(7)}
    masks = {
        "prompt_mask": texts["prompts"] > 0,
        "target_mask": texts["targets"] > 0,
        "input_mask": texts["inputs"] > 0,
    }
    labels = torch.eye(5)[torch.randint(5, (rows,))]
    return {"images": torch.randn(rows, 3, 32, 32), "labels": labels, **texts, **masks}


def hf(name: str) -> LanguageModel:
    import transformers

    from pali3kit.language.adapters.causal import HfPrefixLM
    from pali3kit.language.adapters.seq2seq import HfSeq2Seq

    t5 = {"d_model": 48, "d_kv": 24, "d_ff": 80, "num_layers": 2, "num_heads": 2, "dropout_rate": 0.0}
    bart = {"d_model": 48, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 80, "decoder_ffn_dim": 80}
    bart |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "dropout": 0.0, "max_position_embeddings": 128}
    llama = {"hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 2}
    gpt2 = {"n_embd": 48, "n_layer": 2, "n_head": 2, "n_positions": 128, "bos_token_id": 0, "eos_token_id": 1}
    gpt2 |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    config = {
        "t5": lambda: transformers.T5Config(vocab_size=VOCABULARY, decoder_start_token_id=0, **t5),
        "mt5": lambda: transformers.MT5Config(vocab_size=VOCABULARY, decoder_start_token_id=0, **t5),
        "bart": lambda: transformers.BartConfig(vocab_size=VOCABULARY, **bart),
        "llama": lambda: transformers.LlamaConfig(vocab_size=VOCABULARY, **llama),
        "gpt2": lambda: transformers.GPT2Config(vocab_size=VOCABULARY, **gpt2),
    }[name]()
    if name in ("llama", "gpt2"):
        return HfPrefixLM(transformers.AutoModelForCausalLM.from_config(config), VOCABULARY)
    return HfSeq2Seq(transformers.AutoModelForSeq2SeqLM.from_config(config), VOCABULARY)


def save_hf_encoders(folder: Path) -> None:
    """In one process: transformers writes a configuration in rank 0 alone."""
    import transformers

    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
    siglip = transformers.SiglipVisionConfig(intermediate_size=64, **shape)
    transformers.SiglipVisionModel(siglip).save_pretrained(folder / "siglip")
    transformers.Dinov2Model(transformers.Dinov2Config(mlp_ratio=2, **shape)).save_pretrained(folder / "dinov2")


MODELS: dict[str, Callable[[], StageModule]] = {
    "classifier": lambda: ClassifierModule(Classifier(vit(), 5)),
    "siglip": siglip,
    "ul2": lambda: DenoisingModule(ul2()),
    "ul2 tied": lambda: DenoisingModule(ul2(tied=True)),
    "pali": lambda: pali(ul2()),
    "pali, frozen encoder": frozen_encoder,
    "pali, recomputing": recomputing,
}


def adapters(folder: Path) -> dict[str, Make]:
    """Models of other libraries; the encoders of transformers lie in `folder`."""
    names = [
        "timm/test_vit",
        "timm/test_convnext",
        "open_clip/ViT-S-32-alt",
        f"hf/{folder}/siglip",
        f"hf/{folder}/dinov2",
    ]

    def classifier(name: str) -> StageModule:
        return ClassifierModule(Classifier(VISION.build(name, image_size=32), 5))

    models: dict[str, Make] = {name.rpartition("/")[2]: partial(classifier, name) for name in names}
    return models | {name: lambda name=name: pali(hf(name)) for name in ("t5", "mt5", "bart", "llama", "gpt2")}


def gradients(module: StageModule, batch: Batch, bf16: bool) -> dict[str, Tensor]:
    """The whole gradients of the batch's loss, which is fp32."""
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16, cache_enabled=False):
        loss = module.losses(batch)["loss"]
    assert loss.dtype == torch.float32
    loss.backward()
    if dist.is_initialized():
        average_and_clip(module.parameters(), None)
    return {name: whole(p.grad) for name, p in module.named_parameters() if p.grad is not None}


def whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def sharded(make: Make, dtype: torch.dtype | None) -> StageModule:
    """The module as Lightning's strategy prepares it."""
    torch.manual_seed(0)
    module = make()
    mesh = init_device_mesh("cpu", (1, dist.get_world_size()), mesh_dim_names=("data_parallel", "tensor_parallel"))
    precision = "bf16-mixed" if dtype == torch.bfloat16 else "32-true"
    module.trainer = L.Trainer(accelerator="cpu", devices=1, precision=precision, logger=False, barebones=True)
    module._device_mesh = mesh
    module.configure_model()
    return module


def validate(module: StageModule, batch: Batch, bf16: bool) -> None:
    """As Lightning validates on GPUs before the first step: in inference mode, whose tensors training cannot read."""
    module.log_dict = lambda *_, **__: None  # type: ignore[method-assign]  # there is no loop
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        module.validation_step({name: part.clone() for name, part in batch.items()}, 0)


def all_gradients(models: dict[str, Make], rank: int = 0, world: int = 1) -> dict[str, dict[str, Tensor]]:
    """By model and precision: of one process, or of a rank whose part of the batch is `rank` of `world`."""
    found = {}
    for name, make in models.items():
        for dtype in (None, torch.bfloat16):
            torch.manual_seed(0)
            module = make() if world == 1 else sharded(make, dtype)
            batch = {key: part.chunk(world)[rank] for key, part in batch_of(1, 8).items()}
            if world > 1:
                validate(module, batch, bf16=dtype is not None)
            found[f"{name}, {dtype}"] = gradients(module, batch, bf16=dtype is not None)
    return found


def copied_bytes(module: StageModule, batch: Batch) -> float:
    """Bytes of copies of matrices, made by autocast, that autograd keeps for the backward pass, per parameter."""
    shapes = {p.shape for p in module.parameters() if p.ndim >= 2}
    count, kept = sum(p.numel() for p in module.parameters()), list[Tensor]()

    def keep(tensor: Tensor) -> Tensor:
        if tensor.ndim >= 2 and {tensor.shape, tensor.mT.shape} & shapes:
            kept.append(tensor)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor), torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        loss = module.losses(batch)["loss"]
    own = {p.untyped_storage().data_ptr() for p in module.parameters() if not isinstance(p, DTensor)}
    storages = {s.data_ptr(): s.nbytes() for tensor in kept if (s := tensor.untyped_storage()).nbytes()}
    loss.backward()
    return sum(size for place, size in storages.items() if place not in own) / count


class Count(L.Callback):
    """Counts the collectives of each step."""

    def __init__(self) -> None:
        self.steps = list[dict[str, int]]()

    def on_train_batch_start(self, trainer: L.Trainer, module: L.LightningModule, batch: object, index: int) -> None:
        if index % PARTS == 0:
            self.mode = CommDebugMode()
            self.mode.__enter__()

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, outputs: object, batch: object, index: int
    ) -> None:
        if (index + 1) % PARTS == 0:
            self.mode.__exit__(None, None, None)
            self.steps.append({str(name): count for name, count in self.mode.get_comm_counts().items()})


def trained(execution: Execution, make: Make) -> tuple[dict[str, Tensor], list[dict[str, int]]]:
    """The weights after STEPS steps of PARTS microbatches, and the collectives of each step."""
    torch.manual_seed(0)
    module, count, world = make(), Count(), execution.world_size
    parts = [batch_of(number, 4) for number in range(STEPS * PARTS)]
    mine = [{name: part.chunk(world)[execution.rank] for name, part in batch.items()} for batch in parts]
    trainer = L.Trainer(
        accelerator="cpu", devices=execution.devices, num_nodes=execution.nodes,
        strategy=_strategy(execution), plugins=[LightningEnvironment()], precision="32-true",
        use_distributed_sampler=False, max_steps=STEPS, gradient_clip_val=0.5, accumulate_grad_batches=PARTS,
        log_every_n_steps=0,
        callbacks=[count], logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader(mine, batch_size=None))
    return {name: whole(p.detach()) for name, p in module.named_parameters()}, count.steps


def main(rank: int, folder: Path, nodes: int, devices: int, job: str) -> None:
    place = {"RANK": rank, "LOCAL_RANK": rank % devices, "NODE_RANK": rank // devices, "WORLD_SIZE": nodes * devices}
    os.environ.update({name: str(value) for name, value in place.items()})
    found = JOBS[job](Execution(nodes=nodes, devices=devices, rank=rank), folder)
    if rank == 0:
        torch.save(found, folder / "found.pt")


def units(execution: Execution, folder: Path) -> dict[str, object]:
    """Gradients of all models, bytes of copies in units without and with a dtype, and training by both strategies."""
    rank, world = execution.rank, execution.world_size
    batch = {key: part.chunk(world)[rank] for key, part in batch_of(0, 10).items()}
    copies = {
        name: [copied_bytes(sharded(MODELS[name], dtype), batch) for dtype in (None, torch.bfloat16)]
        for name in ("siglip", "pali", "ul2 tied")
    }
    return {
        "gradients": all_gradients(MODELS, rank, world),
        "copies": copies,
        **{strategy: trained(replace(execution, strategy=strategy), MODELS["pali"]) for strategy in ("ddp", "fsdp")},
    }


JOBS: dict[str, Callable[[Execution, Path], object]] = {
    "units": units,
    "adapters": lambda execution, folder: all_gradients(adapters(folder), execution.rank, execution.world_size),
    "train": lambda execution, folder: trained(replace(execution, strategy="fsdp"), MODELS["pali"]),
}


if __name__ == "__main__":
    folder, nodes, devices, job = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    run(nodes * devices, folder, partial(main, folder=folder, nodes=nodes, devices=devices, job=job))
