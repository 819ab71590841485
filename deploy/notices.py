#!/usr/bin/env python3
"""Prints the licences of all crates that are linked into the program, as their authors ask of
whoever passes it on: each text once, under the crates that have it.

Usage: deploy/notices.py > THIRD-PARTY
Needs cargo, and the crates' sources, which it fetches. Of a crate without a text the name of its licence is told.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

NAMES = re.compile(r"^(licen[cs]e|copying|notice|unlicense)", re.IGNORECASE)


def metadata():
    """What cargo knows of the crates, for the machine's own platform."""
    told = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    host = re.search(r"^host: (.*)$", told, re.MULTILINE)[1]
    asked = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", host]
    return json.loads(subprocess.run(asked, check=True, stdout=subprocess.PIPE).stdout)


def linked(known):
    """The crates that are linked: reached without a build or test dependency, nor a macro."""
    packages = {package["id"]: package for package in known["packages"]}
    nodes = {node["id"]: node for node in known["resolve"]["nodes"]}
    macros = {name for name, package in packages.items()
              if any("proc-macro" in target["kind"] for target in package["targets"])}
    found, waiting = set(), [known["resolve"]["root"]]
    while waiting:
        here = waiting.pop()
        if here in found or here in macros:
            continue
        found.add(here)
        for dependency in nodes[here]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    found.discard(known["resolve"]["root"])
    return sorted((packages[name] for name in found), key=lambda one: (one["name"], one["version"]))


def texts_of(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [file for file in sorted(folder.iterdir()) if NAMES.match(file.name) and file.is_file()]
    return [file.read_text(errors="replace").strip() for file in files]


def main():
    crates, bare = collections.defaultdict(list), []
    for package in linked(metadata()):
        name = f"{package['name']} {package['version']} ({package['license']})"
        texts = texts_of(package)
        if not texts:
            bare.append(name)
        for text in texts:
            crates[text].append(name)
    print("ratesheet is linked with the crates below, each under its own licence.")
    for text, names in crates.items():
        print("\n" + "=" * 80 + "\n" + "\n".join(names) + "\n" + "-" * 80 + "\n" + text)
    if bare:
        print("\n" + "=" * 80 + "\nThese name their licence, and bring no text of it:\n" + "\n".join(bare))
    print(f"{len(bare)} crates without a text", file=sys.stderr)


main()
