"""The command line of every tool: paths, help, Hydra's errors, folders of the outputs."""
