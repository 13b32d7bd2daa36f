"""How other programs name and shape the weights of models that we have too: one file per program."""
