"""The programs: `dsmnet NAME` and `python tools/NAME.py` run `main` of the module NAME."""
