"""Runs every scenario at full length and prints what each measured: `python -m tests.soak`.

`--factor 0.1` makes everything a tenth as long, names run only those scenarios. Exit status 1 when
one of them fails.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.integration.faults.size import Facts, Size
from tests.soak.scenarios import SCENARIOS


def shown(facts: Facts) -> str:
    """Facts on one line, numbers with no more digits than matter."""
    return "  ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in facts.items()
    )


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("names", nargs="*", help="scenarios to run, all if none is named")
    parser.add_argument("--factor", type=float, default=1.0, help="1.0 is the full length")
    return parser.parse_args()


def main() -> int:
    """Run, print as it goes, count."""
    given = options()
    known = [scenario.__name__ for scenario in SCENARIOS]
    unknown = sorted(set(given.names) - set(known))
    if unknown:
        print(f"no scenario {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    passed = failed = 0
    for scenario in SCENARIOS:
        if given.names and scenario.__name__ not in given.names:
            continue
        began = time.monotonic()
        print(f"{scenario.__name__} ...", flush=True)
        try:
            facts = scenario(Size(given.factor))
        except Exception:  # one scenario's failure must not hide the others
            failed += 1
            traceback.print_exc(file=sys.stdout)
            verdict = "FAILED"
        else:
            passed += 1
            verdict = "ok  " + shown(facts)
        print(f"{scenario.__name__}: {time.monotonic() - began:.1f} s {verdict}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
