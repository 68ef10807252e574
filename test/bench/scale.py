"""
How cost and memory grow: channels, users, orders and connections, each by itself (idle ones in
crowd.py, and a database of a million orders in grown.py).
"""

import json
import os

import brokers
import crowd
import grown
import parts
from brokers import harness

SMALL = 10  # of what does not grow


def contract(place, channels):
    """The shipped orders, on as many topics: line-n/{orderId}/status. Nothing is kept."""
    with open(place.outside(os.path.join(place.sources, "schemas", harness.CONTRACT))) as file:
        shipped = json.load(file)
    made = {key: shipped[key] for key in ("asyncapi", "x-perspective", "info", "defaultContentType", "x-mode")}
    made.update(channels={}, operations={}, components={
        "parameters": {"orderId": shipped["components"]["parameters"]["orderId"]},
        "messages": {"orderStatus": shipped["components"]["messages"]["orderStatus"]},
        "securitySchemes": {name: shipped["components"]["securitySchemes"][name]
                            for name in ("readOrders", "writeOrders")}})
    for number in range(channels):
        name = "line%d" % number
        made["channels"][name] = {
            "address": "line-%d/{orderId}/status" % number,
            "messages": {"orderStatus": {"$ref": "#/components/messages/orderStatus"}},
            "parameters": {"orderId": {"$ref": "#/components/parameters/orderId"}},
            "x-record": False}
        for action, scheme in (("send", "writeOrders"), ("receive", "readOrders")):
            made["operations"][action + name] = {
                "action": action, "channel": {"$ref": "#/channels/" + name},
                "security": [{"$ref": "#/components/securitySchemes/" + scheme}]}
    return made


def access(users):
    return {"roles": {"orders": {"scopes": ["read:orders", "write:orders"]}},
            "users": {"user-%d" % number: {"roles": ["orders"]} for number in range(users)}}


def decide(place, channels, users):
    """What bench_scale says, with the instructions of a publish."""
    folder = place.outside(place.folder)
    paths = [os.path.join(place.sources, "schemas", ".bench.asyncapi.json"),
             place.folder + "/scale.access.json"]
    with open(place.outside(paths[0]), "w") as file:
        json.dump(contract(place, channels), file)
    with open(os.path.join(folder, "scale.access.json"), "w") as file:
        json.dump(access(users), file)
    command = [place.program("bench_scale"), *paths, str(channels), str(users)]
    try:
        row = json.loads(parts.run(place, command))
        row["instructions"] = parts.inside(place, "gate_decide", command + [str(parts.ONCE)],
                                           parts.ONCE + 1)
    finally:
        os.unlink(place.outside(paths[0]))
    return row


def ledger(place, orders):
    numbers = parts.ledger(place, orders)
    return {"commit_ns": numbers["commit_process_median"][0], "look_ns": numbers["look_hit"][0],
            "look_any_ns": numbers["look_mostly_miss"][0],
            "resident_kib": numbers["resident_growth"][0]}


def connections(place, counts, rounds):
    """The broker's cost of a publish and its memory, by how many are connected."""
    rows, running = [], []
    try:
        for variant in ("stock", "everything"):
            running.append(brokers.Broker(place, variant, variant + "-scale"))
            # Journal and state are in memory then, and what grows is of the connections.
            for _ in range(4):
                brokers.load(running[-1])
        for count in counts:
            row = {"size": count}
            for broker in running:
                taken = [brokers.load(broker, clients=count, warm_up=count)
                         for _ in range(rounds)]
                row[broker.variant] = {
                    "main_us": sorted(each["main_us"] for each in taken)[rounds // 2],
                    "resident_kib": taken[-1]["resident_kib"]}
            rows.append(row)
    finally:
        for broker in running:
            broker.stop()
    return rows


def measure(place, is_quick, missing, say):
    sizes = (10, 1000) if is_quick else (10, 100, 1000, 10000)
    ret = {"channels": [], "users": [], "orders": []}
    for size in sizes:
        say("scale: %d channels, %d users" % (size, size))
        ret["channels"].append(dict(decide(place, size, SMALL), size=size))
        ret["users"].append(dict(decide(place, SMALL, size), size=size))
    for size in (1000, 50000) if is_quick else (1000, 10000, 100000, 1000000):
        say("scale: %d orders" % size)
        ret["orders"].append(dict(ledger(place, size), size=size))
    counts = [10, 1000] if is_quick else [10, 100, 1000, 10000]
    most = brokers.allow_files(max(counts) + 100)
    if most < max(counts) + 100:
        missing.append("%d connections: %d files may be open (ulimit -n)" % (max(counts), most))
        counts = [count for count in counts if count + 100 <= most]
    say("scale: %s connections" % ", ".join(map(str, counts)))
    ret["connections"] = connections(place, counts, 1 if is_quick else 3)
    ret["crowd"] = crowd.compare(place, is_quick, missing, say)
    ret["grown"] = grown.measure(place, is_quick, missing, say)
    return ret
