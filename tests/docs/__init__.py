"""Tests that hold the written documents against the code they describe."""
