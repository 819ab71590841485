"""Whether every spreadsheet has been written at every tick, by the sandbox's journal.

Usage: steady.py PERIOD SPREADSHEETS SINCE UNTIL    (times in milliseconds)

The journal is standard input. From SINCE to UNTIL each spreadsheet must have been written as often
as it was due; one less is no matter, as a tick may lie just beyond either end. It says how often
each was written, from the least to the most.
"""

import collections
import json
import sys


def main() -> int:
    period, spreadsheets, since, until = map(int, sys.argv[1:])
    written = collections.Counter(
        entry["target"].split("/")[3]
        for entry in json.load(sys.stdin)
        if "batchUpdate" in entry["target"] and entry["status"] == 200 and since <= entry["at_ms"] < until
    )
    least, most = (min(written.values()), max(written.values())) if written else (0, 0)
    due = (until - since) // period
    print(f"{len(written)} of {spreadsheets} spreadsheets {least} to {most} times in {due} ticks")
    return 0 if len(written) == spreadsheets and least >= due - 1 else 1


sys.exit(main())
