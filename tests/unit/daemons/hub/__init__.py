"""The hub's decisions, by example."""
