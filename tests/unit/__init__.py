"""Tests without sockets, sleeps or mocks; the files mirror the package."""
