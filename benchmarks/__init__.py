"""What library and hub cost and how fast they are, beside the peers a team would pick instead.

`python -m benchmarks` runs one file per target (P1 to P8, and the bounds in milliseconds), and
takes the steps of a call one by one (`stages`). Peers run side by side in one run, because machines
drift and only ratios last.
"""
