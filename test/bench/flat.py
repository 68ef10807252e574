"""
Flat out: what the whole machine pays. The load publishes as fast as the broker takes it, for a
time, on the same processors, nothing pinned: as on a machine that somebody uses. Each measurement
has a broker of its own that begins with an empty database, stock and ours in turn.

Of each round: the processor's time of the broker's process (all threads, user and system) from
the first message until none of its threads has more to do, by the messages that were accepted; the
sustained rate, accepted messages by the time until the database has all of them; how long
acknowledgements took; what was refused, and how many connections were closed. Afterwards the
rows of the database are counted: they must be those of the messages that were acknowledged, or the
benchmark fails.
"""

import shutil
import sqlite3

import brokers
import peer

SHIPPED = {"qos": 1, "work": "fresh", "clients": 16, "window": 20}
MAIN = "New orders"
# Name in the tables, and what the load is told beside SHIPPED. Without a pause where a broker
# would run out of work meanwhile.
CONDITIONS = [
    (MAIN, {}),
    ("Four-step orders", {"work": "steps"}),
    ("Stock events", {"work": "stock"}),
    ("New orders, QoS 2", {"qos": 2}),
    ("New orders, 100 connections", {"clients": 100}),
    ("New orders, TLS", {"transport": "tls"}),
    ("New orders, one connection", {"clients": 1, "pause": 0}),
    ("New orders, random ids", {"work": "random"}),
]
PEERED = (MAIN, "Four-step orders")
VARIANTS = ("stock", "everything")
WARM_UP = 1000
# Seconds of the first condition and of the others, and rounds of the others, on the newest
# Mosquitto and on those before it; seconds of the peer.
FULL = {"newest": {"main_s": 60, "other_s": 4, "rounds": 3},
        "older": {"main_s": 30, "other_s": 4, "rounds": 1}, "peer_s": 15}
QUICK = {"newest": {"main_s": 10, "other_s": 3, "rounds": 1}, "peer_s": 5}
BYTES_A_SECOND = 100 << 20  # of database and what lies beside it, more than was ever seen
COUNTS = {"events": "SELECT count(*) FROM events", "orders": "SELECT count(*) FROM orders",
          "delivered orders": "SELECT count(*) FROM orders WHERE status = 'DELIVERED'"}


class Incomplete(Exception):
    """The database has not what was acknowledged."""


def counted(broker):
    """The database's rows; None where there is none."""
    if broker.variant == "stock":
        return None
    database = sqlite3.connect("file:%s?mode=ro" % broker.path("petstore.db"), uri=True)
    try:
        return {what: database.execute(sql).fetchone()[0] for what, sql in COUNTS.items()}
    finally:
        database.close()


def compare(broker, before, after, result):
    """
    Are the rows that came those of the messages that were acknowledged? What was in flight on a
    connection that was closed may be among them or not.
    """
    accepted = {"events": result["answered"] - result["refused"], "orders": result["opened"],
                "delivered orders": result["finished"]}
    for what, least in accepted.items():
        rows = after[what] - before[what]
        if not least <= rows <= least + result["unanswered"]:
            raise Incomplete("%s, %s: the database has %d %s of %d acknowledged, %d unanswered" % (
                broker.place.name, broker.variant, rows, what, least, result["unanswered"]))


def drive(broker, seconds, options):
    """One measurement on a broker that has just begun."""
    options = dict(SHIPPED, **options)
    brokers.load(broker, messages=WARM_UP, may_refuse=True, **options)
    before = counted(broker)
    result = brokers.load(broker, warm_up=0, seconds=seconds, may_refuse=True, **options)
    accepted = result["answered"] - result["refused"]
    # The load divides by what it sent; what was refused shall not make the rest look cheap.
    for what in ("main_us", "others_us", "user_us", "system_us"):
        result[what] *= result["messages"] / max(1, accepted)
    result["process_us"] = result["user_us"] + result["system_us"]
    ended = max(result["ended"], result["others_ended"])
    result["sustained"] = accepted / (ended - result["started"])
    if before:
        compare(broker, before, counted(broker), result)
    return result


def measure_one(make, seconds, options):
    """@make makes the broker, which ends with it."""
    broker = make()
    try:
        return drive(broker, seconds, options)
    finally:
        broker.stop()
        broker.remove()


def fresh_broker(place, variant):
    broker = brokers.Broker(place, variant, variant + "-flat", is_pinned=False)
    broker.check()
    return broker


def checked_peer(place):
    running = peer.Peer(place)
    running.check()
    return running


def affordable(place, seconds, missing):
    """@seconds, or as many as the disk has room for."""
    free = shutil.disk_usage(place.outside(place.folder)).free
    most = max(1, free // BYTES_A_SECOND)
    if most < seconds:
        missing.append("%s: %d s instead of %d: the disk has %d MiB" %
                       (place.name, most, seconds, free >> 20))
    return min(seconds, most)


def condition(place, name, options, seconds, rounds):
    taken = {variant: [] for variant in VARIANTS}
    for number in range(rounds):
        for variant in VARIANTS[::-1 if number % 2 else 1]:
            taken[variant].append(measure_one(
                lambda variant=variant: fresh_broker(place, variant), seconds, options))
    return [{"place": place.name, "version": place.version, "condition": name, "variant": variant,
             "asked_s": seconds, "rounds": results} for variant, results in taken.items()]


def on_place(place, is_newest, is_quick, missing, say):
    plan, rows = (QUICK if is_quick else FULL)["newest" if is_newest else "older"], []
    for name, options in CONDITIONS:
        say("%s, Mosquitto %s, flat out: %s" % (place.name, place.version, name))
        seconds = affordable(place, plan["main_s" if name == MAIN else "other_s"], missing)
        rows += condition(place, name, options, seconds, 1 if name == MAIN else plan["rounds"])
    return rows


def beside(place, is_quick, missing, say):
    """The peer in the conditions that it is compared in. MQTT 3.1.1: aedes knows no other."""
    seconds, rows = (QUICK if is_quick else FULL)["peer_s"], []
    try:
        say("flat out: a broker on npm's packages")
        peer.install()
    except brokers.Unavailable as why:
        missing.append(str(why))
        return None
    for name in PEERED:
        options = dict(dict(CONDITIONS)[name], version=4)
        try:
            result = measure_one(lambda: checked_peer(place), seconds, options)
        except (RuntimeError, AssertionError) as why:  # not a fault of ours
            missing.append("a broker on npm's packages, %s: %s" % (name, str(why).strip()[-200:]))
            continue
        rows.append({"condition": name, "asked_s": seconds, "rounds": [result]})
    return {"packages": peer.versions(), "rows": rows}
