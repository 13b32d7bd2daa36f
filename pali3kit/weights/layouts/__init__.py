"""How others name and shape the weights of the parts that we have too."""
