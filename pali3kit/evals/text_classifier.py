"""A scorer of texts by a classifier of transformers in a local folder, such as a classifier of toxicity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from pali3kit.errors import ConfigError, DataError, WeightsError, choose, first_line
from pali3kit.nn.hf import load_hf_model, read_hf_config
from pali3kit.registry import TEXT_SCORER

BATCH = 64


@TEXT_SCORER.register(
    "text_classifier", "a class's probability by a sequence classifier in a local folder", folders=("path",),
    needs=("transformers",), extra="hf",
)  # fmt: skip
class TextClassifier:
    """The probability of a class, by a model of transformers' `AutoModelForSequenceClassification`.

    Nothing is downloaded. Weights are read from safetensors alone, and no code of the folder is run. A model of several
    independent classes (`problem_type: multi_label_classification`, as those trained on Jigsaw's comments have it, or a
    single logit) has a sigmoid for each, another a softmax over all.

    Args:
        path: the folder, with `config.json`, `model.safetensors` and the tokenizer's files.
        label: the class, by its name in `id2label`, in any case.
        max_tokens: longer texts are cut.

    Raises:
        ConfigError: transformers is missing.
        WeightsError: the folder has no such model.
        DataError: the model has no such class.
    """

    def __init__(self, path: str, label: str = "toxic", max_tokens: int = 128) -> None:
        if not any(Path(path).glob("*.safetensors")):
            raise WeightsError(f"{path}: there is no file of weights in safetensors in this folder.")
        config = read_hf_config(path)
        names = {str(name).casefold(): int(number) for number, name in (config.id2label or {}).items()}
        if label.casefold() not in names:
            raise DataError(f"{path}: the classifier has no class '{label}'.{choose(label, names)}")
        self.number, self.max_tokens = names[label.casefold()], max_tokens
        self.independent = config.problem_type == "multi_label_classification" or len(names) == 1
        self.model = load_hf_model(path, "AutoModelForSequenceClassification")[0].float().eval()
        try:
            from transformers import AutoTokenizer

            self.tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        except ImportError as error:
            raise ConfigError([f"text_classifier needs transformers: pip install 'pali3kit[hf]' ({error})"]) from error
        except Exception as error:  # a damaged file raises any of many errors
            raise WeightsError(f"{path}: its tokenizer cannot be read: {first_line(error)}") from error

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> list[float]:
        scores: list[float] = []
        for start in range(0, len(texts), BATCH):
            options = {"padding": True, "truncation": True, "max_length": self.max_tokens, "return_tensors": "pt"}
            logits = self.model(**self.tokenizer(list(texts[start : start + BATCH]), **options)).logits.double()
            found = logits.sigmoid() if self.independent else logits.softmax(-1)
            scores += found[:, self.number].tolist()
        return scores
