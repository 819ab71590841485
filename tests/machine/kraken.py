"""A Kraken with as many pairs as the real one has: 1,500, in a list of more than a megabyte.

Usage: kraken.py

They are called P0EUR, P1EUR, …; their prices rise with each request. The first line of the output
is the URL. Answers are packed for whoever takes that.
"""

import gzip
import itertools
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NUMBER = {f"P{number}EUR": number for number in range(1500)}
fetch = itertools.count(1)


def asset_pair(name: str) -> dict:
    fees = [[volume, round(0.4 - step * 0.02, 2)] for step, volume in enumerate((0, 10_000, 50_000, 100_000,
        250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000))]
    return {
        "altname": name, "wsname": f"{name[:-3]}/EUR", "aclass_base": "currency", "base": name[:-3],
        "aclass_quote": "currency", "quote": "ZEUR", "lot": "unit", "cost_decimals": 5, "pair_decimals": 4,
        "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [2, 3], "leverage_sell": [2, 3], "fees": fees,
        "fees_maker": fees, "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40,
        "ordermin": "5", "costmin": "0.45", "tick_size": "0.0001", "status": "online",
    }  # fmt: skip


def ticker(number: int, price: float) -> dict:
    bid, ask, last = (f"{price + number + step:.5f}" for step in (0.0001, 0.0003, 0.0002))
    return {
        "a": [ask, "1", "1.000"], "b": [bid, "1", "1.000"], "c": [last, "0.01000000"],
        "v": ["1045.53341208", "2090.10482107"], "p": [bid, ask], "t": [4501, 9012],
        "l": [bid, bid], "h": [ask, ask], "o": last,
    }  # fmt: skip


LIST = {name: asset_pair(name) for name in NUMBER}


class Kraken(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/0/public/AssetPairs":
            result = LIST
        else:
            names = query.removeprefix("pair=").split(",") if query else NUMBER
            price = 100 + next(fetch) / 10
            result = {name: ticker(NUMBER[name], price) for name in names}
        body = json.dumps({"error": [], "result": result}, separators=(",", ":")).encode()
        self.send_response(200)
        if "gzip" in self.headers.get("accept-encoding", ""):
            body = gzip.compress(body, 1)
            self.send_header("content-encoding", "gzip")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Kraken)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
