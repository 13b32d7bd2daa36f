"""Sets that an image encoder alone is measured on: pictures with one class each, pictures with captions."""
