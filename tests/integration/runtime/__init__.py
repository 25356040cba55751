"""A whole daemon on what daemons share, run as its users run it: a process, signals, HTTP."""
