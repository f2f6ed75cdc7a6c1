"""Refinement in steps: a recurrent unit looks up how well both views match around an estimate, and moves it.

`step_contract` says what the parts of a step are; a network in `dsmnet.models` wires them.
"""
