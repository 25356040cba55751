"""The command line, `zerorpc-client` and `zerorpc`: serve a module, call it, see what it offers.

In reading order: `parser` and `arguments` make options of words, `program` turns every outcome
into an exit status, `serving` is one half of it, `session` with `calling`, `inspection` and `bench`
the other. Nothing of the library imports this package.
"""

from __future__ import annotations

from .program import main

__all__ = ["main"]
