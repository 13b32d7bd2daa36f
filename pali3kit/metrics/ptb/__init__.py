"""Penn Treebank tokens of captions, equal to those of the Java tokenizer that caption metrics are defined with."""

from pali3kit.metrics.ptb.tokenizer import ptb_tokenize

__all__ = ["ptb_tokenize"]
