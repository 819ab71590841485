#!/usr/bin/env python3
"""Spreads the sheets of one configuration over several Deployments, each within its quota.

Usage: deploy/kubernetes/spread.py ratesheet.json FOLDER --image NAME:TAG --project ID
       [--project ID …] [--addresses N] [--key]

Google allows one robot account 60 writes a minute, and one project 300; ratesheet keeps to
google.writes_per_minute, 50 unless the configuration says otherwise. So each Deployment writes in
the name of a robot of its own, and five of them share a project: a sixth of its 300 is left for
what a start and a repeated write add. Kraken allows one address a request a second or so:
--addresses says how many the Deployments leave by (the nodes with an address of their own, or those
of a NAT), and each is given its share. With --key, each has a key of its own, in a Secret; without
it, they are workload identities. In heartbeat.url, {part} stands for the number of the part.

FOLDER becomes an overlay for `kubectl apply -k`, with a folder for each part. A spreadsheet is in
one part, with all its tabs, and stays in the part that FOLDER has it in as long as it fits there.
Others go to the first part with room, or a new one. What must be done before the overlay is
applied, so that nothing has two writers, is printed.

Ends with 1, and words, if it does not fit. Needs nothing but Python.
"""

import argparse
import json
import math
import os
import pathlib
import re
import shlex
import sys

PROJECT_WRITES = 250  # a minute, by all robots of a project: Google allows 300
WRITES = 50  # a minute, by one robot: the default of google.writes_per_minute
PAIRS_PER_REQUEST = 100
UNITS = {"": 1, "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
KINDS = "deployment,service,serviceaccount,networkpolicy,configmap"  # those of base, and the map

PART = """\
# Made by deploy/kubernetes/spread.py. The robot {robot}
# must be an Editor of:
{spreadsheets}
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
nameSuffix: "-{number}"
resources:
  - {base}/base
labels:
  - pairs:
      app.kubernetes.io/instance: ratesheet-{number}
    includeSelectors: true
    includeTemplates: true
configMapGenerator:
  - name: ratesheet
    files: [ratesheet.json]
{credentials}"""

IDENTITY = """\
patches:
  - target: {{ kind: ServiceAccount, name: ratesheet }}
    patch: |-
      - op: replace
        path: /metadata/annotations/iam.gke.io~1gcp-service-account
        value: {robot}
"""

KEY = """\
components:
  - {base}/components/key
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {{ name: ratesheet }}
      spec:
        template:
          spec:
            volumes:
              - name: key
                secret: {{ secretName: ratesheet-key-{number} }}
"""

WHOLE = """\
# Made by deploy/kubernetes/spread.py: {count} Deployments.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ratesheet
resources:
{parts}
images:
  - name: ratesheet
    newName: {name}
    {version}
"""


class DoesNotFit(Exception):
    """Why, and what would."""


def milliseconds(span):
    """A time as ratesheet reads it: whole milliseconds, or a text with a unit."""
    found = re.fullmatch(r"(\d+)(ms|s|m|h|)", str(span))
    if not found or int(found[1]) == 0:
        raise DoesNotFit(f"{span!r} is no time; run `ratesheet check` first")
    return int(found[1]) * UNITS[found[2]]


def sheets_of(config):
    """The sheets, one by one, and what all of them share."""
    shared = {key: value for key, value in config.items() if key != "credentials"}
    sheets = shared.pop("sheets", None)
    if sheets is None:
        names = ("sheet", "timeout", "interval", "data", "updated", "problem")
        sheets = [{name: shared.pop(name) for name in names if name in shared}]
    return sheets, shared


def spreadsheet_of(sheet):
    """The id in an address, or before the colon."""
    found = re.search(r"/d/([\w-]+)", sheet["sheet"])
    return found[1] if found else sheet["sheet"].split(":", 1)[0]


def cadences_of(sheets):
    return {milliseconds(sheet.get("timeout", sheet.get("interval"))) for sheet in sheets}


def writes_of(sheets):
    """The most writes a minute of one spreadsheet: one for each tick, whichever tab is due."""
    return sum(60_000 / every for every in cadences_of(sheets))


def requests_of(sheets):
    """The most requests a second that sheets make of Kraken."""
    total = 0
    for every in cadences_of(sheets):
        due = [sheet for sheet in sheets if cadences_of([sheet]) == {every}]
        pairs = {key.lower().rsplit(":", 1)[0] for sheet in due for key in sheet["data"]}
        total += math.ceil(len(pairs) / PAIRS_PER_REQUEST) * 1_000 / every
    return total


def earlier(folder):
    """The part that each spreadsheet is in, by an overlay that is there already."""
    whole = folder / "kustomization.yaml"
    listed = re.findall(r"^  - part-(\d+)$", whole.read_text(), re.MULTILINE) if whole.exists() else []
    found = {}
    for number in map(int, listed):
        config = json.loads((folder / f"part-{number:02}" / "ratesheet.json").read_text())
        found.update((spreadsheet_of(sheet), number) for sheet in sheets_of(config)[0])
    return found


def spread(sheets, room, before):
    """The parts, by number: what each writes a minute, and its spreadsheets."""
    spreadsheets = {}
    for sheet in sheets:
        spreadsheets.setdefault(spreadsheet_of(sheet), []).append(sheet)
    parts = {}

    def fits(number, writes):
        return number not in parts or parts[number]["writes"] + writes <= room + 1e-6

    # Those that are somewhere come first: who is new takes no room from them.
    for name in sorted(spreadsheets, key=lambda name: name not in before):
        its = spreadsheets[name]
        writes = writes_of(its)
        if writes > room:
            raise DoesNotFit(
                f"spreadsheet {name} alone asks for {writes:.0f} writes a minute, and {room} are "
                f"made; make its timeout {math.ceil(60_000 / room)} ms or more"
            )
        number = before.get(name)
        if number is None or not fits(number, writes):
            taken = {*parts, *before.values()}
            free = next(n for n in range(1, len(taken) + 2) if n not in taken)
            number = next((n for n in sorted(parts) if fits(n, writes)), free)
        part = parts.setdefault(number, {"writes": 0, "spreadsheets": []})
        part["writes"] += writes
        part["spreadsheets"].append(name)
    return dict(sorted(parts.items()))


def share_of(parts, allowed, addresses):
    """The requests a second that each part may make of Kraken, so that none of the addresses, over
    which the parts are spread evenly, makes more than it is allowed."""
    asked = max(requests_of(part["sheets"]) for part in parts.values())
    at_one = math.floor(allowed / asked + 1e-6) if asked else len(parts)
    if at_one == 0:
        raise DoesNotFit(
            f"a Deployment asks Kraken {asked:.2f} times a second, and an address is allowed "
            f"{allowed}: make its timeouts longer"
        )
    if math.ceil(len(parts) / addresses) > at_one:
        raise DoesNotFit(
            f"{len(parts)} Deployments that ask Kraken {asked:.2f} times a second take "
            f"{math.ceil(len(parts) / at_one)} addresses to leave by, as Kraken allows an "
            f"address {allowed} a second; {addresses} named"
        )
    return math.floor(1e6 * allowed / math.ceil(len(parts) / addresses)) / 1e6


def plan(config, projects, addresses, before):
    """What each part is to be, or why not."""
    sheets, shared = sheets_of(config)
    if not sheets:
        raise DoesNotFit("there is no sheet in it")
    room = shared.get("google", {}).get("writes_per_minute", WRITES)
    if not 1 <= room <= PROJECT_WRITES:
        raise DoesNotFit(
            f"google.writes_per_minute is {room}: Google allows a robot 60, and the robots of a "
            f"project keep to {PROJECT_WRITES} together"
        )
    parts = spread(sheets, room, before)
    per_project = PROJECT_WRITES // room
    wanted = math.ceil(max(parts) / per_project)
    if wanted > len(projects):
        raise DoesNotFit(
            f"{max(parts)} Deployments of {room} writes a minute take {wanted} projects, "
            f"{per_project} to each: they keep to {PROJECT_WRITES} of the 300 that Google allows a "
            f"project; {len(projects)} named"
        )
    heartbeat = shared.pop("heartbeat", None)
    if heartbeat and len(parts) > 1 and "{part}" not in heartbeat["url"]:
        raise DoesNotFit(
            f"one heartbeat.url for {len(parts)} Deployments is not silent before all of them are "
            "dead: have an address for each, with {part} where its number is to stand"
        )
    for part in parts.values():
        part["sheets"] = [one for one in sheets if spreadsheet_of(one) in part["spreadsheets"]]
    kraken = shared.get("kraken", {})
    share = share_of(parts, kraken.get("requests_per_second", 1), addresses)
    for number, part in parts.items():
        project = projects[(number - 1) // per_project]
        part["robot"] = f"ratesheet-{number:02}@{project}.iam.gserviceaccount.com"
        part["config"] = {
            "sheets": part["sheets"], **shared, "kraken": {**kraken, "requests_per_second": share}
        }
        if heartbeat:
            part["config"]["heartbeat"] = {"url": heartbeat["url"].replace("{part}", f"{number:02}")}
    return parts


def write(parts, folder, image, key):
    """The overlay."""
    here = pathlib.Path(__file__).resolve().parent
    for number, part in parts.items():
        place = folder / f"part-{number:02}"
        place.mkdir(parents=True, exist_ok=True)
        facts = {
            "number": f"{number:02}",
            "robot": part["robot"],
            "base": os.path.relpath(here, place.resolve()),
            "spreadsheets": "\n".join(f"#   {name}" for name in sorted(part["spreadsheets"])),
        }
        text = PART.format(credentials=(KEY if key else IDENTITY).format(**facts), **facts)
        (place / "kustomization.yaml").write_text(text)
        config = json.dumps(part["config"], indent=2, ensure_ascii=False)
        (place / "ratesheet.json").write_text(config + "\n")
    listed = "\n".join(f"  - part-{number:02}" for number in parts)
    name, version = image
    whole = WHOLE.format(count=len(parts), parts=listed, name=name, version=version)
    (folder / "kustomization.yaml").write_text(whole)


def tell(parts, folder, before):
    """What was made, and what is to be done before it is applied."""
    for number, part in parts.items():
        count = len(part["spreadsheets"])
        print(f"part-{number:02}  {part['writes']:5.1f} writes/min  {count:3} spreadsheets"
              f"  {part['robot']}")
    for number, part in parts.items():
        for name in part["spreadsheets"]:
            if before.get(name, number) != number:
                print(f"\n{name} does not fit into part-{before[name]:02} any more: share it with\n"
                      f"  {part['robot']}")
    gone = sorted(set(folder.glob("part-*")) - {folder / f"part-{number:02}" for number in parts})
    if gone:
        print("\nNo part of it any more. An apply does not end them, so before it:")
    for place in gone:
        instance = place.name.replace("part-", "ratesheet-")
        print(f"  kubectl -n ratesheet delete {KINDS} -l app.kubernetes.io/instance={instance}"
              f" && rm -r {shlex.quote(str(place))}")


def image_of(text):
    """The name of an image, and its version as kustomize has it."""
    found = re.fullmatch(r"([^@]+[.:/][^@]*)@(sha256:[0-9a-f]{64})", text)
    if found:
        return found[1], f"digest: {found[2]}"
    found = re.fullmatch(r"([^/@]+/[^@]+):([\w.-]+)", text)
    if found:
        return found[1], f'newTag: "{found[2]}"'
    raise argparse.ArgumentTypeError(f"{text} is not of the form registry.example/ratesheet:0.1.0")


def main():
    manual = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=manual)
    parser.add_argument("config", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--image", type=image_of, required=True)
    parser.add_argument("--project", action="append", required=True)
    parser.add_argument("--addresses", type=int, default=1)
    parser.add_argument("--key", action="store_true")
    arguments = parser.parse_args()
    try:
        config = json.loads(arguments.config.read_text())
        before = earlier(arguments.folder)
        parts = plan(config, arguments.project, max(1, arguments.addresses), before)
    except (DoesNotFit, OSError, json.JSONDecodeError) as problem:
        sys.exit(f"spread: {arguments.config}: {problem}")
    except (AttributeError, KeyError, TypeError, ValueError):
        sys.exit(f"spread: {arguments.config}: is no configuration: `ratesheet check` says why")
    write(parts, arguments.folder, arguments.image, arguments.key)
    tell(parts, arguments.folder, before)


if __name__ == "__main__":
    main()
