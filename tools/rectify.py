"""Rectify pairs, see dsmnet/commands/rectify.py."""

from dsmnet.commands.rectify import main

if __name__ == "__main__":
    main()
