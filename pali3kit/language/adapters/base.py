"""What the adapters of transformers' language models share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, nn

from pali3kit.config.languages import POSITIONS
from pali3kit.errors import ConfigError
from pali3kit.language.contract import LanguageModel

if TYPE_CHECKING:
    from transformers import PretrainedConfig


class _Output(Protocol):
    """`last_hidden_state` `[B,N,D]` of an encoder; `logits` `[R,T,V]` and the cache of a decoder."""

    last_hidden_state: Tensor
    logits: Tensor
    past_key_values: Any


class HfModel(Protocol):
    """What we use of transformers' language models."""

    config: PretrainedConfig

    def __call__(self, **inputs: object) -> _Output: ...

    def get_encoder(self) -> HfModel: ...

    def get_input_embeddings(self) -> nn.Embedding: ...

    def get_output_embeddings(self) -> nn.Module: ...

    def resize_token_embeddings(self, rows: int, *, mean_resizing: bool) -> nn.Embedding: ...

    def gradient_checkpointing_enable(self, options: dict[str, bool]) -> None: ...

    def gradient_checkpointing_disable(self) -> None: ...

    def float(self) -> HfModel: ...


class HfLanguage(LanguageModel):
    """A model of transformers. `decode_states` returns logits, with the model's own scales, biases and soft caps, and
    `to_logits` returns its input. If the model scales embeddings, it scales visual tokens too.

    Args:
        model: the model of transformers.
        vocabulary: used rows of its embedding, V; there may be more.
        start: the id before the first target token.
    """

    def __init__(self, model: HfModel, vocabulary: int, start: int) -> None:
        super().__init__()
        self.model, self.vocabulary = model, vocabulary
        self.width = model.get_input_embeddings().embedding_dim
        self.start_id, self.eos_id = start, token_id(model.config, "eos_token_id")
        self.options = {}
        self._checkpointing = False

    @property
    def embedding(self) -> nn.Embedding:
        """The token embedding."""
        return self.model.get_input_embeddings()

    @property
    def logits(self) -> nn.Module:
        """The output layer, which may share the embedding's matrix."""
        return self.model.get_output_embeddings()

    @property
    def gradient_checkpointing(self) -> bool:
        """Whether layers recompute their activations in the backward pass."""
        return self._checkpointing

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, wanted: bool) -> None:
        if wanted and not self._checkpointing:
            self.model.gradient_checkpointing_enable({"use_reentrant": False})
        elif self._checkpointing and not wanted:
            self.model.gradient_checkpointing_disable()
        self._checkpointing = wanted

    def require_positions(self, prefix: int, target: int) -> None:
        kind = self.model.config.model_type
        positions = getattr(self.model.config, POSITIONS.get(kind, ""), None)
        if positions is not None and self._needed_positions(prefix, target) > positions:
            text = f"a '{kind}' with {positions} positions cannot read {prefix} tokens of images and prompt"
            raise ConfigError(
                [f"{text} and write {target}: take smaller or fewer images, or a projector of fewer tokens."]
            )

    def _needed_positions(self, prefix: int, target: int) -> int:
        """How many positions a prefix and a target take: encoder and decoder have their own."""
        return max(prefix, target)

    def embed(self, ids: Tensor) -> Tensor:
        embeds: Tensor = self.embedding(ids)
        return embeds

    def to_logits(self, x: Tensor) -> Tensor:
        """Return the logits unchanged."""
        return x


def token_id(config: PretrainedConfig, *names: str) -> int:
    """The first of the options `names` that a config, its decoder's config or its text config sets.

    Raises ConfigError if none is set.
    """
    places = [config, getattr(config, "decoder", None), config.get_text_config()]
    for name in names:
        for place in places:
            value = getattr(place, name, None)
            if value is not None:
                return int(value[0] if isinstance(value, list) else value)
    raise ConfigError([f"'{config.model_type}' sets no {' or '.join(names)}, which start and end answers."])
