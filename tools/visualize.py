"""Draw a disparity file, see dsmnet/commands/visualize.py."""

from dsmnet.commands.visualize import main

if __name__ == "__main__":
    main()
