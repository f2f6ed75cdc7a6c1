"""Pseudo-labels, see dsmnet/commands/label.py."""

from dsmnet.commands.label import main

if __name__ == "__main__":
    main()
