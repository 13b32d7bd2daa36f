"""One module per kind of stage: `run(config, context)` reads the parents' artifacts and writes its own."""
