"""The contestants: one module each, started by `benchmarks/peer.py` under any interpreter.

A peer module has `serve(endpoint)`, which never returns, and `measure(endpoint, load)`, which
returns the result of one run as plain numbers. It imports nothing of the project but its
siblings, since most interpreters here do not have the project installed.
"""
