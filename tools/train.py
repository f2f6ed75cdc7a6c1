"""Train, then evaluate zero-shot, see dsmnet/commands/train.py."""

from dsmnet.commands.train import main

if __name__ == "__main__":
    main()
