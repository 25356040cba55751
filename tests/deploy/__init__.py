"""What lies in deploy/ is right by its format, and works where its program is there."""
