"""The programs: `dsmnet NAME` and `python tools/NAME.py` run `main` of the module NAME."""

import os

# How often a thread that waits for another one looks before it sleeps. By default it never sleeps, which on
# cores that other programs use too makes a prediction five times as long; this is as fast on idle ones. Read
# when torch is imported. docs/performance.md has the times.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
