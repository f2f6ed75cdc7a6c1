"""Training: the only part that knows Lightning, beside the data module."""
