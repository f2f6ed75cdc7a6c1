"""What lies between data sets and training: sampling, mixing, batching."""
