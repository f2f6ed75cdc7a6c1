"""Export, see dsmnet/commands/export.py."""

from dsmnet.commands.export import main

if __name__ == "__main__":
    main()
