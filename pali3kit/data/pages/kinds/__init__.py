"""Kinds of pages, each a `PageKind` object that describes it completely; nobody keeps a list of them."""
