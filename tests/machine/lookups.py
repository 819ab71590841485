"""Whether no host is looked up twice at a time, by the questions that a silent name server heard.

Usage: lookups.py HOST…

What names.py has told is standard input. The system's resolver has a port for each lookup: it asks
for both kinds of address, and five seconds later once more, which it waits for as long. So from
its first question to that long after its last one a lookup is under way. Each HOST must have been
looked up again after the first was over, and none before. It says how often each was.
"""

import collections
import sys

WAIT_MS = 5_000
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
        twice = sum(later[0] < earlier[1] - ALLOWANCE_MS for earlier, later in zip(lookups, lookups[1:]))
        told.append(f"{host} {len(lookups)} times, {twice} of them too early")
        well &= len(lookups) > 1 and twice == 0
    print("; ".join(told))
    return 0 if well else 1


sys.exit(main())
