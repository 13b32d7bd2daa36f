"""What the language models of transformers have in common under our contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, nn

from pali3kit.config.languages import POSITIONS
from pali3kit.errors import ConfigError
from pali3kit.language.contract import LanguageModel

if TYPE_CHECKING:
    from transformers import PretrainedConfig


class Output(Protocol):
    """`last_hidden_state` `[B,N,D]` is an encoder's, `logits` `[R,T,V]` and the cache are a decoder's."""

    last_hidden_state: Tensor
    logits: Tensor
    past_key_values: Any


class HfModel(Protocol):
    """What is asked of the language models of transformers."""

    config: PretrainedConfig

    def __call__(self, **inputs: object) -> Output: ...

    def get_encoder(self) -> HfModel: ...

    def get_input_embeddings(self) -> nn.Embedding: ...

    def resize_token_embeddings(self, rows: int, *, mean_resizing: bool) -> nn.Embedding: ...

    def gradient_checkpointing_enable(self, options: dict[str, bool]) -> None: ...

    def gradient_checkpointing_disable(self) -> None: ...

    def float(self) -> HfModel: ...


class HfLanguage(LanguageModel):
    """A model of transformers whose states are logits already (`to_logits` changes nothing).

    How it makes them, with scales, biases or soft caps, is its own affair. Where a model multiplies embeddings, visual
    tokens are multiplied too.

    Args:
        model: the model of transformers.
        vocabulary: the rows of its embedding that are used, V; surplus ones stay.
        start: the id that targets begin with.
    """

    def __init__(self, model: HfModel, vocabulary: int, start: int) -> None:
        super().__init__()
        self.model, self.vocabulary = model, vocabulary
        self.width = model.get_input_embeddings().embedding_dim
        self.start_id, self.eos_id = start, token(model.config, "eos_token_id")
        self.options = {}
        self._checkpointing = False

    @property
    def checkpointing(self) -> bool:
        """Whether layers keep no activations for the backward pass."""
        return self._checkpointing

    @checkpointing.setter
    def checkpointing(self, wanted: bool) -> None:
        if wanted and not self._checkpointing:
            self.model.gradient_checkpointing_enable({"use_reentrant": False})
        elif self._checkpointing and not wanted:
            self.model.gradient_checkpointing_disable()
        self._checkpointing = wanted

    def demand_positions(self, prefix: int, target: int) -> None:
        kind = self.model.config.model_type
        positions = getattr(self.model.config, POSITIONS.get(kind, ""), None)
        if positions is not None and self._positions(prefix, target) > positions:
            text = f"a '{kind}' with {positions} positions cannot read {prefix} tokens of images and prompt"
            raise ConfigError(
                [f"{text} and write {target}: take smaller or fewer images, or a projector of fewer tokens."]
            )

    def _positions(self, prefix: int, target: int) -> int:
        """How many positions a prefix and a target take: encoder and decoder have their own."""
        return max(prefix, target)

    def embed(self, ids: Tensor) -> Tensor:
        embeds: Tensor = self.model.get_input_embeddings()(ids)
        return embeds

    def to_logits(self, x: Tensor) -> Tensor:
        """The logits, which they are."""
        return x


def token(config: PretrainedConfig, *names: str) -> int:
    """The id that a config gives under the first of `names` that it knows: itself, for its decoder, or for its text.

    Raises ConfigError where it gives none.
    """
    places = [config, getattr(config, "decoder", None), config.get_text_config()]
    for name in names:
        for place in places:
            found = getattr(place, name, None)
            if found is not None:
                return int(found[0] if isinstance(found, list) else found)
    raise ConfigError([f"'{config.model_type}' says no {' or '.join(names)}: it cannot begin and end answers."])
