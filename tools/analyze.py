"""What normalisation does, see dsmnet/commands/analyze.py."""

from dsmnet.commands.analyze import main

if __name__ == "__main__":
    main()
