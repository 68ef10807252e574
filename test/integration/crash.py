"""
What was acknowledged is kept: a broker under load is killed at any moment, and started again.

Publishers walk orders, payments and stock levels at QoS 1 and 2 and note each acknowledgement;
after every kill -9 and restart the database is compared with the notes. Conditions:

    plain   nothing else goes on
    slow    a small journal that is emptied slowly: it is full most of the time
    locked  another process locks the database for seconds, again and again
    full    the file system fills up and is freed again (needs the right to mount)

    crash.py [--runs N] [--condition NAME] [--seed N]
"""

import argparse
import collections
import contextlib
import json
import os
import random
import re
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"

import harness
import messages
import rawmqtt

CONDITIONS = ("plain", "slow", "locked", "full")
ORDER = ("PLACED", "APPROVED", "SHIPPED", "DELIVERED")
PAYMENT = ("PENDING", "PROCESSING", "FAILED", "PROCESSING", "SUCCEEDED")
DISK_BYTES = 64 << 20, 8 << 20  # and for each run, whose events stay
WINDOW = 40  # stock levels on their way at once


class Notes:
    """What the publishers saw."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = []  # (topic, payload)
        self.refused = 0

    def add(self, code, message):
        with self.lock:
            if code < 0x80:
                self.acknowledged.append(message)
            else:
                self.refused += 1
        return code < 0x80


def publish(client, message, qos, notes):
    """Returns once it is kept; False where it was refused. PUBREC acknowledges, not PUBCOMP."""
    client.mid = client.mid % 65535 + 1
    mid = client.mid
    client.publish_nowait(*message, qos, mid)
    code = client.ack(mid, rawmqtt.PUBACK if qos == 1 else rawmqtt.PUBREC)
    kept = notes.add(code, message)
    if qos == 2 and kept:
        client._send(rawmqtt.PUBREL << 4 | 2, struct.pack("!H", mid))
        client.ack(mid, rawmqtt.PUBCOMP)
    return kept


def walk(client, steps, qos, notes):
    """One after the other; what is refused is tried again."""
    for step in steps:
        while not publish(client, step, qos, notes):
            time.sleep(0.01)


def walk_orders(client, notes):
    for number in range(1 << 30):
        order = messages.unique("ord")
        walk(client, [messages.order(order, status) for status in ORDER], 1 + number % 2, notes)


def walk_payments(client, notes):
    for _ in range(1 << 30):
        payment, order = messages.unique("pay"), messages.unique("ord")
        # The number tells the two PROCESSING apart.
        steps = [messages.payment(payment, order, status, amount="%d.00" % number)
                 for number, status in enumerate(PAYMENT)]
        walk(client, steps, 2, notes)


def walk_stock(client, notes):
    """Many on their way at once, acknowledged in order."""
    product = messages.unique("food")
    waiting = collections.deque()
    for number in range(1 << 30):
        message = messages.stock(product, number)
        mid = 1 + number % 65535
        client.publish_nowait(*message, 1, mid)
        waiting.append((mid, message))
        if len(waiting) == WINDOW:
            mid, message = waiting.popleft()
            notes.add(client.ack(mid), message)


PUBLISHERS = (("orders-service", walk_orders), ("orders-service", walk_orders),
              ("payments-service", walk_payments), ("inventory-service", walk_stock))


def run_publisher(broker, user, work, notes):
    with contextlib.suppress(OSError, rawmqtt.Closed):
        work(broker.client(user), notes)


# ---- conditions ----


def hold_lock(broker, stop, rng):
    while not stop.wait(rng.uniform(0, 0.2)):
        database = sqlite3.connect(broker.path("petstore.db"), timeout=10)
        with contextlib.suppress(sqlite3.OperationalError):
            database.execute("BEGIN IMMEDIATE")
            stop.wait(rng.uniform(0.1, 2.5))
        database.close()


def fill_disk(broker, stop, rng):
    ballast = broker.path("ballast")
    while not stop.wait(rng.uniform(0, 0.3)):
        with open(ballast, "wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while not stop.is_set():
                        file.write(b"\0" * size)
        stop.wait(rng.uniform(0.1, 1.5))
        os.unlink(ballast)


def set_options(**options):
    def edit(text):
        for name, value in options.items():
            text = re.sub(r"(?m)^plugin_opt_%s .*\n" % name, "", text)
            text = re.sub(r"(?m)^(plugin_opt_database .*\n)",
                          r"\1plugin_opt_%s %s\n" % (name, value), text)
        return text
    return edit


DISTURB = {"locked": hold_lock, "full": fill_disk}
OPTIONS = {"plain": {}, "slow": {"journal_size": 196608, "batch_rows": 5, "batch_ms": 400},
           "locked": {"journal_size": 262144}, "full": {"journal_size": 1 << 20}}


# ---- the comparison ----


def follows(status, before, walked):
    """Does a step to @status exist after @before, None at the beginning?"""
    return any(walked[i] == status and (walked[i - 1] if i else None) == before
               for i in range(len(walked)))


def check_entities(events, rows, table, walked):
    """Each row is where its events lead, and each event was allowed where it stands."""
    faults = []
    standing, count = {}, collections.Counter()
    for topic, payload in events:
        if not topic.startswith(table + "/"):
            continue
        entity, status = topic.split("/")[1], json.loads(payload)["status"]
        if not follows(status, standing.get(entity), walked):
            faults.append("%s: %s after %s" % (topic, status, standing.get(entity)))
        standing[entity] = status
        count[entity] += 1
    found = {entity: (status, revision) for entity, status, revision in rows}
    if found != {entity: (standing[entity], count[entity]) for entity in standing}:
        faults.append("%s: rows differ from the events" % table)
    return faults


def compare(broker, notes):
    """The list of what is wrong."""
    faults = []
    events = [(topic, payload.encode() if isinstance(payload, str) else payload)
              for topic, payload in broker.rows("SELECT topic, payload FROM events ORDER BY seq")]
    times = collections.Counter(events)
    faults += ["twice: %s %s" % event for event, number in times.items() if number > 1]
    faults += ["lost: %s %s" % message for message in notes.acknowledged
               if message not in times]
    if len(set(notes.acknowledged)) != len(notes.acknowledged):
        faults.append("the publishers acknowledged one message twice")
    last = broker.rows("SELECT max(seq) FROM events")[0][0] or 0
    if last != len(events):
        faults.append("%d events, the last is number %d" % (len(events), last))
    for table, walked in (("orders", ORDER), ("payments", PAYMENT)):
        rows = broker.rows("SELECT id, status, revision FROM %s" % table)
        faults += check_entities(events, rows, table, walked)
    check = broker.rows("PRAGMA integrity_check")
    if check != [("ok",)]:
        faults.append("integrity_check: %s" % check)
    return faults


# ---- runs ----


def load_until_killed(broker, notes, condition, rng):
    stop = threading.Event()
    threads = [threading.Thread(target=run_publisher, args=(broker, user, work, notes))
               for user, work in PUBLISHERS]
    if condition in DISTURB:
        threads.append(threading.Thread(target=DISTURB[condition], args=(broker, stop, rng)))
    for thread in threads:
        thread.start()
    time.sleep(rng.uniform(0.02, 4 if condition in DISTURB else 1.5))
    broker.assert_alive()
    broker.kill()
    stop.set()
    for thread in threads:
        thread.join()


def run(template, folder, condition="plain", runs=3, seed=None):
    """Raises AssertionError with the first faults. Returns the notes."""
    seed = seed if seed is not None else random.randrange(1 << 32)
    rng = random.Random(seed)
    notes = Notes()
    broker = harness.Broker(os.path.join(folder, "run"), template)
    broker.edits.append(set_options(**OPTIONS[condition]))
    broker.start()
    try:
        for number in range(runs):
            load_until_killed(broker, notes, condition, rng)
            broker._start()
            faults = compare(broker, notes)
            assert not faults, "%s, run %d, seed %d:\n%s" % (condition, number, seed,
                                                             "\n".join(faults[:20]))
    finally:
        broker.stop()
    faults = compare(broker, notes)
    assert not faults, "after the stop: " + "\n".join(faults[:20])
    return notes


@contextlib.contextmanager
def small_disk(folder, runs):
    """A file system that is soon full, mounted on @folder; False where that is not allowed."""
    size = DISK_BYTES[0] + DISK_BYTES[1] * runs
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs",
                           str(folder)], stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield made
    finally:
        if made:
            subprocess.run(["umount", str(folder)], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=10, help="kills a condition")
    parser.add_argument("--condition", choices=CONDITIONS, help="this one only")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        template = os.path.join(folder, "template")
        harness.prepare(template)
        for condition in [options.condition] if options.condition else CONDITIONS:
            disk = os.path.join(folder, condition)
            os.mkdir(disk)
            place = (small_disk(disk, options.runs) if condition == "full" else
                     contextlib.nullcontext(True))
            with place as is_there:
                if not is_there:
                    print("%-7s skipped: no right to mount" % condition)
                    continue
                notes = run(template, disk, condition, options.runs, options.seed)
            print("%-7s %d kills, %d acknowledged, %d refused: all kept, none twice" %
                  (condition, options.runs, len(notes.acknowledged), notes.refused), flush=True)


if __name__ == "__main__":
    main()
