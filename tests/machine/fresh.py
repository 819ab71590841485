"""How old the prices in a spreadsheet became, and whether two writes were ever in flight at a time,
by the sandbox's journal.

Usage: fresh.py BOUND SINCE UNTIL    (all in milliseconds)

The journal is standard input. The prices of a write were asked for by the last fetch before it, and
grow older until the next write has been answered: from SINCE to UNTIL by no more than BOUND. It
says by how much at the most.
"""

import bisect
import json
import sys


def main() -> int:
    bound, since, until = map(int, sys.argv[1:])
    journal = json.load(sys.stdin)
    fetches = [entry["at_ms"] for entry in journal if "/Ticker" in entry["target"]]
    tried = [e for e in journal if "batchUpdate" in e["target"] and since <= e["at_ms"] < until]
    # One that is still in flight has no end yet.
    spans = [(e["at_ms"], e["ended_ms"] or until) for e in tried]
    overlaps = sum(later[0] < earlier[1] for earlier, later in zip(spans, spans[1:]))
    writes = [span for span, e in zip(spans, tried) if e["status"] == 200]

    def asked(write: int) -> int:
        """When the prices of a write were asked for."""
        return fetches[bisect.bisect(fetches, write) - 1]

    until_next = [*(end for _, end in writes[1:]), until]
    oldest = max((end - asked(begin) for (begin, _), end in zip(writes, until_next)), default=until - since)
    print(f"{len(writes)} writes, {overlaps} of them beside another, of prices that became {oldest} ms old at the most")
    return 0 if not overlaps and oldest <= bound else 1


sys.exit(main())
