"""A complete small daemon: jobs begin and finish by command, and draining waits for them."""
