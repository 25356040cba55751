"""What the suite runs scaled down, at full length: `python -m tests.soak`."""
