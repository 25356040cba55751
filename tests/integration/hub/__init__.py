"""The hub as a process of its own, with real peers and real faults."""
