"""Would more training help, see dsmnet/commands/curve.py."""

from dsmnet.commands.curve import main

if __name__ == "__main__":
    main()
