"""The hub: balances calls over workers, and tells every caller what became of its call."""

from __future__ import annotations
