"""Text: reading files, the tokenizer, UL2's denoising, SplitCap, prompts and the filter of alt-texts."""
