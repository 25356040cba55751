"""Garbage for everything that reads what peers send.

`harness` holds one function per target, which fails when a promise is broken; `seeds` the inputs to
begin with; `mutation` changes them without help; `guided` changes them guided by coverage.
"""
