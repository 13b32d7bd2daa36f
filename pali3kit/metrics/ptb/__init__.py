"""Penn Treebank tokens of captions, equal to those of the Java tokenizer that the official caption metrics run."""

from pali3kit.metrics.ptb.tokenizer import ptb_tokenize

__all__ = ["ptb_tokenize"]
