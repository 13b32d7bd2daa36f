"""One module per stage: `run(config, context)` reads its parents' artifacts and writes its own."""
