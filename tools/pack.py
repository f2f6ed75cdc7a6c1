"""Pack a data set into shards, see dsmnet/commands/pack.py."""

from dsmnet.commands.pack import main

if __name__ == "__main__":
    main()
