"""Check data sets, see dsmnet/commands/check_data.py."""

from dsmnet.commands.check_data import main

if __name__ == "__main__":
    main()
