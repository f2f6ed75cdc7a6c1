"""Compare trainings over seeds, see dsmnet/commands/compare.py."""

from dsmnet.commands.compare import main

if __name__ == "__main__":
    main()
