"""Make an upload, see dsmnet/commands/submit.py."""

from dsmnet.commands.submit import main

if __name__ == "__main__":
    main()
