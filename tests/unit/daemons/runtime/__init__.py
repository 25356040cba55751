"""Tests of what daemons share, module by module; files are texts here, and time is an argument."""
