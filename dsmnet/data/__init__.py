"""Data sets: from files (or, for synthetic scenes, from a seed) to samples and batches."""
