"""AdaBN and self-training, see dsmnet/commands/adapt.py."""

from dsmnet.commands.adapt import main

if __name__ == "__main__":
    main()
