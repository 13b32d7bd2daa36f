"""Data: sources of records, tasks that turn records into examples, mixtures and batches."""
