"""Faults made on purpose: killed, frozen, cut, throttled, flooded; what a call must end in then.

The scenarios are plain functions of a `Size`, so that the suite and `python -m tests.soak` run the
same code. `proxy`, `processes`, `outcome` and `raw_peer` are what scenarios are made of.
"""
