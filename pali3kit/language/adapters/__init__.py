"""Other people's language models under our contract."""
