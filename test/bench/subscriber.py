"""
What one would do without the plugin: a subscriber that validates each message with a JSON
Schema library and writes it to SQLite, with paho's client. It can't refuse anything: whoever
subscribes besides has seen the message, and the publisher has its acknowledgement.

    subscriber.py PORT USER PASSWORD DATABASE LIBRARY COUNT    LIBRARY: jsonschema, fastjsonschema

Subscribes, says "ready", stores COUNT messages, one transaction each, and says when it began
and ended, in seconds of the monotonic clock.
"""

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
import time

import brokers
from brokers import harness

LIBRARIES = ("jsonschema", "fastjsonschema")


def bundled(name):
    """A payload schema with what it refers to put in, as every library understands it."""
    folder = os.path.join(harness.TOP, "schemas")

    def load(file):
        with open(os.path.join(folder, file)) as opened:
            return json.load(opened)

    def resolve(node, file):
        if isinstance(node, list):
            return [resolve(each, file) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            target, _, pointer = node["$ref"].partition("#")
            found = load(target or file)
            for step in pointer.strip("/").split("/"):
                found = found[step]
            return resolve(found, target or file)
        return {key: value if key in ("examples", "description") else resolve(value, file)
                for key, value in node.items() if key != "$schema"}

    return resolve(load(name), name)


def validator(library):
    schema = bundled("order-status.schema.json")
    if library == "jsonschema":
        import jsonschema

        return jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.FormatChecker()).validate
    import fastjsonschema

    return fastjsonschema.compile(schema)


def serve(port, user, password, path, library, count):
    import paho_shim

    validate = validator(library)
    database = sqlite3.connect(path, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, status TEXT, owner TEXT, updated TEXT)")
    database.execute("CREATE TABLE events (topic TEXT, payload TEXT)")
    began, stored = None, 0

    def on_message(client, _userdata, message):
        nonlocal began, stored
        began = began or time.monotonic()
        order = json.loads(message.payload)
        validate(order)
        database.execute(
            "INSERT INTO orders VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
            "SET status = excluded.status, updated = excluded.updated",
            (order["orderId"], order["status"], order.get("userId"), order["updatedAt"]))
        database.execute("INSERT INTO events VALUES (?, ?)", (message.topic, message.payload))
        database.commit()
        stored += 1
        if stored == count:
            client.disconnect()

    client = paho_shim.new("validator")
    client.username_pw_set(user, password)
    client.on_connect = lambda client, *_: client.subscribe("orders/+/status", 1)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.loop_forever()
    print(json.dumps({"began": began, "ended": time.monotonic(), "stored": stored}))


def behind(broker, library, count):
    """The subscriber's messages a second, and how far behind the publishers it ends."""
    database = broker.path("subscriber-%s.db" % library)
    command = [sys.executable, os.path.abspath(__file__), str(broker.plain), "orders-service",
               broker.passwords["orders-service"], database, library, str(count)]
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    published = brokers.load(broker, messages=count)
    said = json.loads(process.communicate(timeout=300)[0])
    return {"what": library, "stored_per_s": count / (said["ended"] - said["began"]),
            "published_per_s": published["rate"], "behind_s": said["ended"] - published["ended"]}


def ours(broker, count):
    """The same of the plugin, whose writer thread takes the rows to SQLite."""
    before = rows(broker)
    published = brokers.load(broker, messages=count)
    assert rows(broker) == before + count, "not all are in the database"
    behind_s = published["others_ended"] - published["ended"]
    return {"what": "ours", "published_per_s": published["rate"], "behind_s": behind_s,
            "stored_per_s": count / (published["seconds"] + behind_s)}


def rows(broker):
    database = sqlite3.connect("file:%s?mode=ro" % broker.path("petstore.db"), uri=True)
    try:
        return database.execute("SELECT count(*) FROM events").fetchone()[0]
    finally:
        database.close()


def compare(place, is_quick, missing, say):
    count = 5000 if is_quick else 20000
    results = []
    for library in LIBRARIES:
        if importlib.util.find_spec(library) is None:
            missing.append("a subscriber with %s: python3-%s is not installed" %
                           (library, library))
    found = [each for each in LIBRARIES if importlib.util.find_spec(each)]
    stock = brokers.Broker(place, "stock", "stock-subscriber")
    try:
        for library in found:
            say("subscriber: " + library)
            results.append(behind(stock, library, count))
    finally:
        stock.stop()
    say("subscriber: the plugin beside it")
    plugin = brokers.Broker(place, "everything", "everything-subscriber")
    try:
        results.append(ours(plugin, count))
    finally:
        plugin.stop()
    return results


if __name__ == "__main__":
    serve(int(sys.argv[1]), *sys.argv[2:6], int(sys.argv[6]))
