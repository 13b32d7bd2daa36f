"""Text: the tokenizer, UL2's denoising, SplitCap and the prompts."""
