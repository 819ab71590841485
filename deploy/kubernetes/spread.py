#!/usr/bin/env python3
"""Spreads the sheets of one configuration over several Deployments, each within its quota.

Usage: deploy/kubernetes/spread.py ratesheet.json FOLDER --project ID [--project ID …]
       [--addresses N]

Google allows one robot account 60 writes a minute, and one project 300; ratesheet keeps to
google.writes_per_minute, 50 unless the configuration says otherwise. So each Deployment writes in
the name of a robot of its own, and five of them share a project: a sixth of its 300 is left for
what a start and a repeated write add. Kraken allows
one address a request a second or so: --addresses says how many the Deployments leave by (the nodes
with an address of their own, or those of a NAT), and each is given its share.

FOLDER becomes an overlay for `kubectl apply -k`, with a folder for each part. A spreadsheet is
never in two parts: that would be two writers. Sheets are dealt out in the order of the file, each
spreadsheet to the first part with room for it: what is added at the end moves nothing else.

Ends with 1, and words, if it does not fit. Needs nothing but Python.
"""

import argparse
import json
import math
import os
import pathlib
import re
import sys

PROJECT_WRITES = 250  # a minute, by all robots of a project: Google allows 300
WRITES = 50  # a minute, by one robot: the default of google.writes_per_minute
PAIRS_PER_REQUEST = 100
UNITS = {"": 1, "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}

PART = """\
# Made by deploy/kubernetes/spread.py. The robot {robot}
# must be an Editor of:
{spreadsheets}
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
nameSuffix: "-{number}"
resources:
  - {base}
labels:
  - pairs:
      app.kubernetes.io/instance: ratesheet-{number}
    includeSelectors: true
    includeTemplates: true
configMapGenerator:
  - name: ratesheet
    files: [ratesheet.json]
patches:
  - target: {{ kind: ServiceAccount, name: ratesheet }}
    patch: |-
      - op: replace
        path: /metadata/annotations/iam.gke.io~1gcp-service-account
        value: {robot}
"""

WHOLE = """\
# Made by deploy/kubernetes/spread.py: {count} Deployments.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ratesheet
resources:
  - {namespace}
{parts}
images:
  - name: ratesheet
    newName: ratesheet # your registry's name of it
    newTag: {version}
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


def spread(sheets, room):
    """The parts: lists of spreadsheets, each a pair of its id and its sheets."""
    spreadsheets = {}
    for sheet in sheets:
        spreadsheets.setdefault(spreadsheet_of(sheet), []).append(sheet)
    parts = []
    for name, its in spreadsheets.items():
        writes = writes_of(its)
        if writes > room:
            raise DoesNotFit(
                f"spreadsheet {name} alone asks for {writes:.0f} writes a minute, and {room} are "
                f"made; make its timeout {math.ceil(60_000 / room)} ms or more"
            )
        fits = (part for part in parts if part["writes"] + writes <= room + 1e-6)
        part = next(fits, None)
        if part is None:
            part = {"writes": 0, "spreadsheets": []}
            parts.append(part)
        part["writes"] += writes
        part["spreadsheets"].append((name, its))
    return parts


def plan(config, projects, addresses):
    """What each part is to be, or why not."""
    sheets, shared = sheets_of(config)
    room = shared.get("google", {}).get("writes_per_minute", WRITES)
    parts = spread(sheets, room)
    per_project = PROJECT_WRITES // room
    wanted = math.ceil(len(parts) / per_project)
    if wanted > len(projects):
        raise DoesNotFit(
            f"{len(parts)} Deployments of {room} writes a minute take {wanted} projects, "
            f"{per_project} to each: they keep to {PROJECT_WRITES} of the 300 that Google allows a "
            f"project; {len(projects)} named"
        )
    allowed = shared.get("kraken", {}).get("requests_per_second", 1)
    share = allowed * min(1, addresses / len(parts))
    for part in parts:
        part["sheets"] = [sheet for _, its in part["spreadsheets"] for sheet in its]
    asked = max(requests_of(part["sheets"]) for part in parts)
    if asked > share * (1 + 1e-6):
        raise DoesNotFit(
            f"{len(parts)} Deployments that ask Kraken {asked:.2f} times a second take "
            f"{math.ceil(len(parts) * asked / allowed)} addresses to leave by, as Kraken allows an "
            f"address {allowed} a second; {addresses} named"
        )
    for index, part in enumerate(parts):
        part["number"] = f"{index + 1:02}"
        project = projects[index // per_project]
        part["robot"] = f"ratesheet-{part['number']}@{project}.iam.gserviceaccount.com"
        kraken = {**shared.get("kraken", {}), "requests_per_second": round(share, 6)}
        part["config"] = {"sheets": part["sheets"], **shared, "kraken": kraken}
    return parts


def write(parts, folder, version):
    """The overlay. What was there of an earlier one and is no more is told, not removed."""
    here = pathlib.Path(__file__).resolve().parent

    def relative(target, start):
        return os.path.relpath(target, start.resolve())

    for part in parts:
        place = folder / f"part-{part['number']}"
        place.mkdir(parents=True, exist_ok=True)
        names = "\n".join(f"#   {name}" for name, _ in part["spreadsheets"])
        base = relative(here / "base", place)
        text = PART.format(number=part["number"], robot=part["robot"], spreadsheets=names, base=base)
        (place / "kustomization.yaml").write_text(text)
        config = json.dumps(part["config"], indent=2, ensure_ascii=False)
        (place / "ratesheet.json").write_text(config + "\n")
    listed = "\n".join(f"  - part-{part['number']}" for part in parts)
    namespace = relative(here / "namespace", folder)
    whole = WHOLE.format(count=len(parts), namespace=namespace, parts=listed, version=version)
    (folder / "kustomization.yaml").write_text(whole)
    written = {f"part-{part['number']}" for part in parts}
    return sorted(old.name for old in folder.glob("part-*") if old.name not in written)


def main():
    manual = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=manual)
    parser.add_argument("config", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--project", action="append", required=True)
    parser.add_argument("--addresses", type=int, default=1)
    parser.add_argument("--image-tag", default="0.1.0")
    arguments = parser.parse_args()
    try:
        config = json.loads(arguments.config.read_text())
        parts = plan(config, arguments.project, max(1, arguments.addresses))
    except (DoesNotFit, OSError, ValueError, KeyError) as problem:
        sys.exit(f"spread: {arguments.config}: {problem}")
    left = write(parts, arguments.folder, arguments.image_tag)
    for part in parts:
        count = len(part["spreadsheets"])
        print(f"part-{part['number']}  {part['writes']:5.1f} writes/min  {count:3} spreadsheets"
              f"  {part['robot']}")
    for name in left:
        print(f"spread: {arguments.folder / name} is no part of it any more: delete it")


if __name__ == "__main__":
    main()
