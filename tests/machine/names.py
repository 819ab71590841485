"""A name server on the loopback that answers every question in the same way.

Usage: names.py FILE

The file says how, and is read anew for each question: `nxdomain`, `servfail`, `silent`, or the
IPv4 address that every name has. The first line of the output says that it listens; each of the
others tells of a question: when it came, in milliseconds, from which port, and of which host.
"""

import pathlib
import socket
import struct
import sys
import time

CODES = {"servfail": 2, "nxdomain": 3}
A = b"\0\1"


def answer(query: bytes, how: str) -> bytes:
    end = query.index(b"\0", 12) + 5  # the name, its type, its class
    question, kind = query[12:end], query[end - 4 : end - 2]
    found = b""
    if how not in CODES and kind == A:
        found = b"\xc0\x0c" + A + b"\0\1" + struct.pack(">IH", 0, 4) + socket.inet_aton(how)
    counts = (1, 1 if found else 0, 0, 0)
    return query[:2] + struct.pack(">5H", 0x8180 | CODES.get(how, 0), *counts) + question + found


def host(query: bytes) -> str:
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels)


def main() -> None:
    how = pathlib.Path(sys.argv[1])
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    print("listening", flush=True)
    while True:
        query, sender = server.recvfrom(512)
        print(time.time_ns() // 1_000_000, sender[1], host(query), flush=True)
        if (answers := how.read_text().strip()) != "silent":
            server.sendto(answer(query, answers), sender)


main()
