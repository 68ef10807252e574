"""
A database that has grown: a million orders with two events each. How soon the broker is up with
it, beside an empty one; and what it costs to remove a million old events while orders come.
"""

import contextlib
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import threading
import time

import brokers
import messages

FULL = {"orders": 1000000, "starts": 5, "rounds": 3, "seconds": 5}
QUICK = {"orders": 100000, "starts": 3, "rounds": 1, "seconds": 3}
EVENTS = 2  # of an order
KEPT = 10  # so many times less events than orders stay: more go than the rounds have time for
RATE = 5000  # orders a second, while old events go
ROOM = 3000  # bytes of disk for each order, of all copies
UP = re.compile(r"mosquitto version \S+ running")
WAIT_S = 60
# An id and a topic as the load's, by the row's number.
ID = "printf('%%08x-0000-7000-8000-%%012x', (%s) %% 16, (%s) / 16)"


# ---- filling ----


def columns(database, table):
    """All that are not generated, and the primary key's first."""
    rows = [row for row in database.execute("PRAGMA table_xinfo(%s)" % table) if row[6] == 0]
    return [row[1] for row in rows], next(row[1] for row in rows if row[5] == 1)


def multiply(database, table, count, changed):
    """@count rows like the first one, but for the columns of @changed: SQL, i is the number."""
    names, _ = columns(database, table)
    database.execute(
        "INSERT INTO %s (%s) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT %d) "
        "SELECT %s FROM n, (SELECT * FROM %s LIMIT 1) AS t" % (
            table, ", ".join(names), count,
            ", ".join(changed.get(name, "t." + name) for name in names), table))


def fill(path, orders):
    """As if so many orders had been accepted; the broker that made the database has stopped."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -500000")
    database.execute("BEGIN")
    last = database.execute("SELECT applied_seq FROM store").fetchone()[0]
    _, key = columns(database, "orders")
    multiply(database, "orders", orders, {key: ID % ("i", "i")})
    number = "i % " + str(orders)
    multiply(database, "events", EVENTS * orders, {
        "seq": "%d + i" % (last + 1),
        "topic": "'orders/' || %s || '/status'" % (ID % (number, number))})
    database.execute("UPDATE store SET applied_seq = ?", (last + EVENTS * orders,))
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


# ---- brokers on it ----


class Kept(brokers.Broker):
    """With the database of @source, which has stopped, and @lines more of configuration."""

    def __init__(self, place, name, source=None, lines=()):
        self.source = source
        self.lines = list(lines)
        super().__init__(place, "everything", name, is_pinned=False)

    def _plugin(self):
        return super()._plugin() + self.lines

    def _configuration(self):
        for name in os.listdir(self.source.path("")) if self.source else []:
            if name.startswith("petstore.db"):
                shutil.copy(self.source.path(name), self.path(name))
        return super()._configuration()

    def start(self):
        """Milliseconds until it says that it runs, and until it accepted an order."""
        begun = time.perf_counter()
        with open(self.path("log"), "w") as log:
            self.process = subprocess.Popen(
                self.place.enter + ["mosquitto", "-c", self.folder + "/bench.conf"],
                stdout=log, stderr=log)
        with open(self.path("log"), errors="replace") as log:
            text = log.read()
            while not UP.search(text):
                assert time.perf_counter() - begun < WAIT_S and self.process.poll() is None, text
                time.sleep(0.0005)
                text += log.read()
        up = time.perf_counter()
        client = self.client("orders-service")
        code = client.publish(*messages.order(messages.unique("first")), qos=1)
        first = time.perf_counter()
        assert code < 0x80, "the first order is answered with 0x%02x" % code
        client.drop()
        return {"up_ms": (up - begun) * 1000, "first_ms": (first - begun) * 1000}

    def ends(self):
        """The numbers of the oldest and the newest event."""
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.path("petstore.db"),
                                                uri=True)) as database:
            return database.execute("SELECT (SELECT min(seq) FROM events), "
                                    "(SELECT max(seq) FROM events)").fetchone()


def middle(rows, name):
    return statistics.median(row[name] for row in rows)


def starts(empty, full, rounds):
    """In turn, so that both have the same machine."""
    taken = {"empty": [], "full": []}
    for _ in range(rounds):
        for name, broker in (("empty", empty), ("full", full)):
            taken[name].append(broker.start())
            broker.stop()
    return {name: {what: middle(rows, what) for what in rows[0]} for name, rows in taken.items()}


# ---- old events go ----


class Watch(threading.Thread):
    """How large a file becomes."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.most = 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.05):
            with contextlib.suppress(OSError):
                self.most = max(self.most, os.path.getsize(self.path))

    def end(self):
        self.ended.set()
        self.join()
        return self.most


def drive(broker, seconds):
    """Orders at a fixed rate: their acknowledgements, and what went from the database meanwhile."""
    watch = Watch(broker.path("petstore.db-wal"))
    before, begun = broker.ends()[0], time.monotonic()
    watch.start()
    try:
        # Without the broker's number it does not wait until the writer has no more to do.
        ack = brokers.load(broker, work="fresh", rate=RATE, messages=RATE * seconds, clients=16,
                           pid=0)["ack_us"]
    finally:
        wal = watch.end()
    gone = (broker.ends()[0] - before) / (time.monotonic() - begun)
    return {"p50_us": ack["p50"], "p99_us": ack["p99"], "wal_bytes": wal, "gone_per_s": gone}


def trimming(place, full, keep, rounds, seconds):
    """Two brokers in turn, of which one removes what is too much."""
    lines = {"kept": [], "trimmed": ["plugin_opt_events_keep_rows %d" % keep]}
    running, taken = {}, {name: [] for name in lines}
    try:
        for name in lines:
            running[name] = Kept(place, name + "-events", full, lines[name])
        for _ in range(rounds):
            for name, broker in running.items():
                taken[name].append(drive(broker, seconds))
    finally:
        for broker in running.values():
            broker.stop()
            broker.remove()
    ret = {name: {what: middle(rows, what) for what in rows[0]} for name, rows in taken.items()}
    ret["p99_ratio"] = statistics.median(
        trimmed["p99_us"] / kept["p99_us"]
        for trimmed, kept in zip(taken["trimmed"], taken["kept"]))
    ret["rate"] = RATE
    return ret


def measure(place, is_quick, missing, say):
    """None where the disk lacks room."""
    asked = QUICK if is_quick else FULL
    orders = asked["orders"]
    if shutil.disk_usage(place.outside(place.folder)).free < ROOM * orders:
        missing.append("a database of %d orders: no room on the disk" % orders)
        return None
    say("scale: a database of %d orders" % orders)
    empty = Kept(place, "empty")
    empty.check()
    empty.stop()
    full = Kept(place, "full", empty)
    full.stop()
    try:
        fill(full.path("petstore.db"), orders)
        ret = {"orders": orders, "events": EVENTS * orders,
               "bytes": os.path.getsize(full.path("petstore.db"))}
        ret["starts"] = starts(empty, full, asked["starts"])
        say("scale: old events go while orders come")
        keep = orders // KEPT
        ret["trimming"] = dict(trimming(place, full, keep, asked["rounds"], asked["seconds"]),
                               keep=keep)
    finally:
        full.remove()
        empty.remove()
    return ret
