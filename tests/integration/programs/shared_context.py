"""Takes the context of its process, ends it, takes it again; prints "ok" when all of it held."""

from __future__ import annotations

import zerorpc


def main() -> None:
    """Ends a context that other tests of a process would miss: hence a process of its own."""
    shared = zerorpc.Context.get_instance()
    assert zerorpc.Context.get_instance() is shared
    shared.term()
    fresh = zerorpc.Context.get_instance()
    assert fresh is not shared
    assert not fresh.closed
    print("ok")


if __name__ == "__main__":
    main()
