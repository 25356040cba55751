"""Garbage for everything that reads what peers send.

`harness` holds one function per target, which fails when a promise is broken, and `sessions` those
for ZMTP; `seeds` the inputs to begin with; `mutation` changes them without help; `guided` changes
them guided by coverage.
"""

from __future__ import annotations
