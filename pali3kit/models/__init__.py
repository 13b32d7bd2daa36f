"""Models composed of encoders: dual encoders, the classifier and PaLI."""
