"""What every tool does with its command line: paths, help, Hydra's errors, where its outputs go."""
