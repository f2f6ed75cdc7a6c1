"""Serve a page in the browser, see dsmnet/commands/demo.py."""

from dsmnet.commands.demo import main

if __name__ == "__main__":
    main()
