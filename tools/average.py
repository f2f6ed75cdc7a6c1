"""Average weights, see dsmnet/commands/average.py."""

from dsmnet.commands.average import main

if __name__ == "__main__":
    main()
