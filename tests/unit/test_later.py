"""A module that is loaded at its first use."""

from __future__ import annotations

import sys

import pytest

from zerorpc.later import later


def test_it_is_the_module_that_is_used() -> None:
    fractions = later("fractions")
    assert fractions.Fraction(1, 2) + fractions.Fraction(1, 2) == 1
    assert fractions.Fraction is sys.modules["fractions"].Fraction
    with pytest.raises(AttributeError, match="no attribute 'Fracture'"):
        _ = fractions.Fracture
