"""The built-in parts: which names exist, where they live and which options they take."""
