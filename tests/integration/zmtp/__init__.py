"""The codec against libzmq: the same bytes for the same conversations, in both directions."""
