"""Evaluate, see dsmnet/commands/evaluate.py."""

from dsmnet.commands.evaluate import main

if __name__ == "__main__":
    main()
