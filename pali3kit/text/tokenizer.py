"""SentencePiece tokenizers, trained here or published, with PaLI-3's special tokens.

A tokenizer of `train_tokenizer` has byte fallback and no normalisation (no NFKC, no case folding, white space kept), so
any string is decoded byte for byte. Its ids are pad 0, eos 1 and unk 2, as in T5, then the other pieces, then the
special tokens. Files of T5, mT5 and Gemma keep the ids and the normalisation that their weights expect.
`pali3kit.config.vocabulary` has the ids of each family.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path

import numpy as np
import sentencepiece

from pali3kit import durable
from pali3kit.config.vocabulary import CODES, EOS, GEMMA, MODES, OWN, PAD, SENTINELS, SPACE, Vocabulary
from pali3kit.errors import DataError, nearest

__all__ = ["EOS", "MODES", "PAD", "Tokenizer", "train_tokenizer"]

_RESERVED = 256 + 3  # the bytes, pad, eos and unk
_LONGEST = 13_000  # characters of a line; SentencePiece silently skips lines with more bytes than its limit


def train_tokenizer(sentences: Iterable[str], path: Path, vocabulary: int, threads: int = 1) -> None:
    """Train a unigram model of at most `vocabulary` pieces and write it to `path` atomically.

    Equal sentences give an equal file. A small corpus gives fewer pieces; if it has too many different characters, rare
    ones are encoded as bytes. Each whole number below 100, and each below 1000 that is a word of the corpus, is one
    piece, so that coordinates take few tokens. Lines are cut after 13,000 characters.

    Raises:
        DataError: the corpus is empty, or `vocabulary` is too small for the bytes and the numbers.
    """
    lines = [" " + sentence.replace(SPACE, " ")[:_LONGEST] for sentence in sentences if sentence.strip()]
    found = {word for line in lines for word in line.split() if re.fullmatch(r"[1-9][0-9]{2}", word, re.ASCII)}
    numbers = [*map(str, range(100)), *sorted(found)]
    free = vocabulary - _RESERVED - len(numbers)
    if not lines:
        raise DataError("a tokenizer cannot be trained on an empty corpus")
    if free < 16:
        raise DataError(
            f"a vocabulary of {vocabulary} is too small for 256 bytes and {len(numbers)} numbers;"
            f" the least is {vocabulary - free + 16}"
        )
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_without_rare(lines, limit=free // 2)),
        model_writer=model,
        model_type="unigram",
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        byte_fallback=True,
        character_coverage=0.9995,  # T5's; SentencePiece refuses less than 0.98
        user_defined_symbols=[SPACE + number for number in numbers],
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=False,
        max_sentence_length=5 * _LONGEST,
        pad_id=PAD,
        eos_id=EOS,
        unk_id=OWN.unk,
        bos_id=OWN.bos,
        num_threads=threads,
        minloglevel=2,
    )
    durable.write_atomically(path, model.getvalue())


def _without_rare(lines: Sequence[str], limit: int) -> list[str]:
    """The lines with a space in place of each character that is not among the `limit` most frequent."""
    ranked = [character for character, _ in Counter("".join(lines)).most_common()]
    blank = {ord(character): " " for character in ranked[limit:]}
    return [line.translate(blank) for line in lines] if blank else list(lines)


class Tokenizer:
    """Text to ids and back.

    Special tokens are recognised by their strings anywhere in a text. Each is a word of its own: a space on either side
    belongs to it, and `decode` writes one.

    Args:
        path: a SentencePiece model.
        codes: the number of mask tokens.
        sentinels: the number of sentinel tokens.
        rows: of a published embedding, where it has more than is usual in its family.

    Raises:
        DataError: the file is no SentencePiece model of a known family, or one of our tokens collides with a piece.
    """

    pad_id, eos_id = PAD, EOS

    def __init__(self, path: Path, codes: int = CODES, sentinels: int = SENTINELS, rows: int | None = None) -> None:
        self.path, self.codes, self.sentinels = path, codes, sentinels
        self.vocabulary = Vocabulary(path, codes, sentinels, rows)
        self._pieces, self._ids = self.vocabulary.pieces, self.vocabulary.specials
        self._names = {token: name for name, token in self._ids.items()}
        self._first = self._pieces.get_piece_size()
        self._pattern = re.compile(f" ?({'|'.join(map(re.escape, self._ids))}) ?")
        self._marks = {name[0] for name in self._ids}
        self._space = [self._pieces.piece_to_id(f"<0x{byte:02X}>") for byte in SPACE.encode()]

    def __len__(self) -> int:
        """The number of ids, with special tokens: the rows of the language model's embedding."""
        return self.vocabulary.size

    @property
    def added(self) -> dict[str, int]:
        """The special tokens that the file's model lacks, and their ids: new rows of its embedding."""
        return self.vocabulary.added

    def sentinel(self, index: int) -> int:
        """The id of `<extra_id_index>`."""
        return self._special(f"<extra_id_{index}>", f"there are {self.sentinels} sentinels, counted from 0")

    def mode(self, name: str) -> int:
        """The id of a mode token, `[NLU]`, `[S2S]` or `[NLG]`; brackets are optional."""
        token = name if name.startswith("[") else f"[{name}]"
        hint = f"the modes are {', '.join(MODES)}.{nearest(token, MODES)}"
        return self._special(token, hint) if token in MODES else self._special("", f"no mode {name!r}: {hint}")

    def mask_token(self, code: int) -> int:
        """The id of `<mask_token code>`."""
        return self._special(f"<mask_token {code}>", f"there are {self.codes} mask tokens, counted from 0")

    def _special(self, token: str, hint: str) -> int:
        if token not in self._ids:
            raise DataError(f"{token}: {hint}" if token else hint)
        return self._ids[token]

    def encode(self, text: str, *, eos: bool = False, max_length: int | None = None) -> list[int]:
        """The ids of `text`, with EOS if `eos`, truncated to `max_length` (EOS is kept).

        Raises:
            DataError: the text has a lone surrogate, which cannot be encoded.
        """
        ids: list[int] = []
        try:
            for part in self._parts(text):
                ids += self._pieces.encode(part) if isinstance(part, str) else part
        except RuntimeError as error:
            raise DataError(f"not a valid Unicode text: {text[:80]!r}") from error
        room = len(ids) if max_length is None else max_length - eos
        return ids[: max(room, 0)] + [EOS] * eos

    def encode_batch(self, texts: Sequence[str], threads: int = 1) -> list[list[int]]:
        """The ids of each text with EOS, equal to `encode(text, eos=True)`, by that many threads of SentencePiece.

        Raises:
            DataError: a text has a lone surrogate.
        """
        split = [list(self._parts(text)) for text in texts]
        plain = [part for parts in split for part in parts if isinstance(part, str)]
        try:
            encoded = iter(self._pieces.encode(plain, num_threads=threads))
        except (RuntimeError, TypeError):
            return [self.encode(text, eos=True) for text in texts]  # tells which text it is
        ids = [[next(encoded) if isinstance(part, str) else part for part in parts] for parts in split]
        return [[*chain.from_iterable(each), EOS] for each in ids]

    def _parts(self, text: str) -> Iterator[str | list[int]]:
        """A text in order: the ids of special tokens, and the plain texts between them.

        Our models encode the sign for a space as bytes, unlike a space.
        """
        special = any(mark in text for mark in self._marks)  # to search for all names takes ten times as long
        for i, part in enumerate(self._pattern.split(text) if special else [text]):
            if i % 2:
                yield [self._ids[part]]
            elif part:
                led = self._lead(first=i == 0) + part
                first, *rest = led.split(SPACE) if self.vocabulary.family is OWN else [led]
                yield first
                for plain in rest:
                    yield self._space
                    yield plain

    def _lead(self, first: bool) -> str:
        """The space before a part, so that its first word has the same pieces as within a text.

        T5's models add it themselves; Gemma's have no such space at the start of a text.
        """
        family = self.vocabulary.family
        return " " if family is OWN or (family is GEMMA and not first) else ""

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids` up to the first EOS, without padding; bytes that are not UTF-8 become U+FFFD.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        parts: list[str] = []
        for special, run in groupby(self._until_eos(ids), self._names.__contains__):
            if special:
                parts += [self._names[token] for token in run]
            else:
                text: str = self._pieces.decode(list(run))
                parts.append(text.removeprefix(self._lead(first=not parts)))
        return " ".join(parts)

    def _until_eos(self, ids: Iterable[int]) -> Iterable[int]:
        for token in map(int, ids):
            if token == EOS:
                return
            if not 0 <= token < len(self):
                raise DataError(f"id {token} is outside the vocabulary of {len(self)}")
            if token != PAD and (token < self._first or token in self._names):  # skips unused rows of the embedding
                yield token

    def pad(
        self, rows: Sequence[Sequence[int] | np.ndarray], length: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Stack `rows` to int64 ids `[B,L]`, padded on the right, and a bool mask `[B,L]` that is False for padding.

        `length` defaults to that of the longest row.

        Raises:
            DataError: a row is longer than `length`.
        """
        longest = max(map(len, rows), default=0)
        width = longest if length is None else length
        if longest > width:
            raise DataError(f"a text of {longest} tokens does not fit into {width}; encode it with max_length={width}")
        ids = np.full((len(rows), width), PAD, dtype=np.int64)
        for row, tokens in zip(ids, rows, strict=True):
            row[: len(tokens)] = tokens
        mask = np.arange(width) < np.array([len(row) for row in rows], dtype=np.int64)[:, None]
        return ids, mask
