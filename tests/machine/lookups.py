"""Whether no host is looked up too often, by the questions that a silent name server heard.

Usage: lookups.py HOST…

What names.py has told is standard input. The system's resolver has a port for each lookup: it asks
for both kinds of address, and five seconds later once more, which it waits for as long. So from
its first question to that long after its last one a lookup is under way. Each HOST must have been
looked up again, no sooner than APART_MS after the last time, and never more than MOST times at
once. It says how often each was.
"""

import collections
import sys

WAIT_MS = 5_000
APART_MS = 5_000
MOST = 3
# Its timers and ours may be apart by so much.
ALLOWANCE_MS = 200


def main() -> int:
    asked = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in sys.stdin:
        if len(words := line.split()) == 3:
            asked[words[2]][words[1]].append(int(words[0]))
    well, told = True, []
    for host in sys.argv[1:]:
        lookups = sorted((min(times), max(times) + WAIT_MS) for times in asked[host].values())
        early = sum(later[0] < earlier[0] + APART_MS - ALLOWANCE_MS for earlier, later in zip(lookups, lookups[1:]))
        most = max((sum(begin <= at < end - ALLOWANCE_MS for begin, end in lookups) for at, _ in lookups), default=0)
        told.append(f"{host} {len(lookups)} times, {early} of them too early, {most} at once")
        well &= len(lookups) > 1 and early == 0 and most <= MOST
    print("; ".join(told))
    return 0 if well else 1


sys.exit(main())
