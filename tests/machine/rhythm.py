"""Whether what asks the sandbox has kept its rhythm, by the sandbox's journal.

Usage: rhythm.py PERIOD CALM SINCE UNTIL    (all in milliseconds)

The journal is standard input. From CALM on, for as long as from SINCE to UNTIL, all was well; so
between these two there must be as many fetches, at the same beats, with no longer pause, as many
writes that succeed or nearly so, and one token at the most. What is amiss is said in a line each.
"""

import json
import statistics
import sys


def main() -> int:
    period, calm, since, until = map(int, sys.argv[1:])
    journal = json.load(sys.stdin)

    def times(path: str, begin: int, end: int) -> list[int]:
        return [e["at_ms"] for e in journal if path in e["target"] and begin <= e["at_ms"] < end]

    before = times("/Ticker", calm, calm + until - since)
    fetches = times("/Ticker", since, until)
    if not before or not fetches:
        print(f"{len(before)} fetches before, {len(fetches)} after")
        return 1

    def beat(of: list[int]) -> float:
        """How far they are off the beat of the first one, in the middle."""
        half = period // 2
        return statistics.median((at - before[0] + half) % period - half for at in of)

    expected = (until - since) / period
    ends = [since, *fetches, until]
    pause = max(later - earlier for earlier, later in zip(ends, ends[1:]))
    off = abs(beat(fetches) - beat(before))
    writes = [e for e in journal if "batchUpdate" in e["target"] and since <= e["at_ms"] < until]
    written = sum(e["status"] == 200 for e in writes)
    tokens = len(times("/token", since, until))
    wrong = [
        (not 0.7 * expected <= len(fetches) <= 1.2 * expected, f"{len(fetches)} fetches, not {expected:.0f}"),
        (pause > 4 * period, f"a pause of {pause} ms"),
        (off > period / 5, f"{off:.0f} ms off the beat"),
        (written < expected / 2, f"{written} of {len(writes)} writes succeed"),
        (tokens > 1, f"{tokens} tokens"),
    ]
    for _, what in (found := [entry for entry in wrong if entry[0]]):
        print(what)
    return 1 if found else 0


sys.exit(main())
