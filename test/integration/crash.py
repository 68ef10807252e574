"""
What was acknowledged is kept: a broker under load is killed at any moment, and started again.

Publishers walk orders, payments and stock levels at QoS 1 and 2, over MQTT 3.1.1 and 5, one message
after the other or many on their way at once, and note each acknowledgement. After every kill -9
and restart the database is compared with the notes; then what was not acknowledged is sent again,
and once all is acknowledged database, retained messages and notes are compared once more.
Conditions, which can be combined, such as locked+reload:

    plain     nothing else goes on
    slow      a small journal that is emptied slowly: it is full most of the time
    locked    another process locks the database for seconds, again and again
    full      the file system fills up and is freed again (needs the right to mount)
    replay    killed while it replays a full journal at the start, again and again
    reload    SIGHUP again and again, with the plan changed or not; killed behind one
    shutdown  killed some time after SIGTERM

    crash.py [--runs N] [--condition NAME[+NAME...]] [--seed N]
"""

import argparse
import collections
import contextlib
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"

import engines
import harness
import messages
import publishers
import rawmqtt

CONDITIONS = ("plain", "slow", "locked", "full", "replay", "reload", "shutdown")
ORDER = ("PLACED", "APPROVED", "SHIPPED", "DELIVERED")
PAYMENT = ("PENDING", "PROCESSING", "FAILED", "PROCESSING", "SUCCEEDED")
DISK_BYTES = 64 << 20, 8 << 20  # and for each run, whose events stay
WINDOW = 40  # stock levels on their way at once
COLUMNS_MORE = 6
RUNS_OF_ONE = 20  # kills of one database
START_SECONDS = 0.3  # that a start may take


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
    """Until there is no broker. Where it is closed, for want of a word, it comes as a new client."""
    with contextlib.suppress(OSError):
        while True:
            try:
                work(broker.client(user), notes)
            except rawmqtt.Closed:
                time.sleep(0.02)


# ---- conditions ----


def hold_lock(broker, stop, rng):
    while not stop.wait(rng.uniform(0, 0.2)):
        with contextlib.suppress(engines.Busy), broker.database.locked():
            stop.wait(rng.uniform(0.1, 2.5))


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


def reload(broker, stop, rng):
    """The plan of every other reload has a column more or less."""
    with open(broker.contract) as file:
        contract = json.load(file)
    number = 0
    while not stop.wait(rng.uniform(0.01, 0.2)):
        if rng.random() < 0.5:
            number = (number + 1) % COLUMNS_MORE
            contract["x-entities"]["order"]["columns"].update(
                ("more_%d" % each, {"type": "text"}) for each in range(number))
            with contextlib.suppress(OSError):  # the disk may be full
                with open(broker.contract + ".new", "w") as file:
                    json.dump(contract, file)
                os.rename(broker.contract + ".new", broker.contract)
        with contextlib.suppress(AttributeError, ProcessLookupError):  # it was killed
            broker.process.send_signal(signal.SIGHUP)


DISTURB = {"locked": hold_lock, "full": fill_disk, "reload": reload}
OPTIONS = {"slow": {"journal_size": 196608, "journal_max": 196608, "batch_rows": 5, "batch_ms": 400},
           "locked": {"journal_size": 262144, "journal_max": 524288},
           "full": {"journal_size": 1 << 20, "journal_max": 2 << 20}}
# Where the store takes nothing for a while.
REFUSING = {"slow", "locked", "full"}


# ---- ends ----


def end_at_once(broker, rng):
    broker.kill()


def end_behind_reload(broker, rng):
    broker.process.send_signal(signal.SIGHUP)
    time.sleep(rng.uniform(0, 0.05))
    broker.kill()


def end_in_shutdown(broker, rng):
    """It may be gone by itself when it is killed."""
    broker.process.send_signal(signal.SIGTERM)
    time.sleep(rng.uniform(0, 0.15))
    assert broker.kill() in (0, -9)


def end_in_replay(broker, rng):
    """Killed with a journal that the database has not seen, then again while it is replayed."""
    with broker.database.locked():
        time.sleep(rng.uniform(0.1, 0.5))
        broker.kill()
    for _ in range(rng.randrange(1, 4)):
        broker.spawn()
        time.sleep(rng.uniform(0, START_SECONDS))
        assert broker.process.poll() is None, broker.log()[-4000:]
        broker.kill()


ENDS = {"reload": end_behind_reload, "shutdown": end_in_shutdown, "replay": end_in_replay}


# ---- the comparison ----


def follows(status, before, walked):
    """Does a step to @status exist after @before, None at the beginning?"""
    return any(walked[i] == status and (walked[i - 1] if i else None) == before
               for i in range(len(walked)))


def is_behind(status, before, walked):
    """The same where steps in between may be lost."""
    return before is None or walked.index(status) > walked.index(before)


def check_entities(events, rows, table, walked, allowed=follows):
    """Each row is where its events lead, and each event was @allowed where it stands."""
    faults = []
    standing, count = {}, collections.Counter()
    for topic, payload in events:
        if not topic.startswith(table + "/"):
            continue
        entity, status = topic.split("/")[1], json.loads(payload)["status"]
        if not allowed(status, standing.get(entity), walked):
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
    notes.events = times
    faults += ["twice: %s %s" % event for event, number in times.items() if number > 1]
    faults += ["lost: %s %s" % message for message in notes.acknowledged
               if message not in times]
    if len(set(notes.acknowledged)) != len(notes.acknowledged):
        faults.append("the publishers acknowledged one message twice")
    count, last = broker.database.numbers()
    # A status that is said again may be a write of its own, and is no event.
    if not count <= last <= count + notes.resends:
        faults.append("%d events, the last is number %d" % (count, last))
    for table, walked in (("orders", ORDER), ("payments", PAYMENT)):
        rows = broker.rows("SELECT id, status, revision FROM %s" % table)
        faults += check_entities(events, rows, table, walked)
    if not broker.database.is_sound():
        faults.append("the engine finds faults in its own file")
    return faults


def check_resent(broker, notes, crowd):
    """Once all is acknowledged."""
    if not publishers.finish(crowd, broker):
        return ["not acknowledged: %s" % [each.waiting for each in crowd if each.waiting]]
    if notes.denied:
        return ["sent again, refused though kept: %s %s" % message for message in notes.denied]
    with contextlib.suppress(AssertionError):
        harness.until(lambda: not compare(broker, notes), "the database to have all")
    return compare(broker, notes) or check_retained(broker)


def retained(broker):
    """What a new subscriber is told: [(topic, payload)]."""
    subscriber = broker.client("backoffice")
    subscriber.subscribe("orders/+/status", qos=1)
    # Answered in order, so that this comes behind all of them.
    subscriber.subscribe("inventory/#", qos=1)
    messages_of = broker.barrier(subscriber)
    subscriber.disconnect()
    return sorted((topic, payload) for topic, payload, *_ in messages_of
                  if topic.startswith("orders/"))


def check_retained(broker):
    """The retained message of each order is the last one that was accepted and to be retained."""
    expected = [(topic, payload.encode() if isinstance(payload, str) else payload)
                for topic, payload in broker.rows(
                    "SELECT topic, payload FROM events WHERE seq IN (SELECT max(seq) FROM events "
                    "WHERE retained = 1 AND topic LIKE 'orders/%/status' GROUP BY topic)")]
    with contextlib.suppress(AssertionError):
        harness.until(lambda: retained(broker) == sorted(expected), "the retained messages", 120)
        return []
    found = set(retained(broker))
    return ["retained: %d of %d, of which %d are others" %
            (len(found), len(expected), len(found - set(expected)))]


# ---- runs ----


def crowd_of(notes):
    """Publishers that send again what was not acknowledged."""
    kinds = [("orders-service", publishers.orders, 5, 1), ("orders-service", publishers.orders, 5, 2),
             ("payments-service", publishers.payments, 5, 2),
             ("orders-service", publishers.orders, 4, 1), ("orders-service", publishers.orders, 4, 2),
             ("payments-service", publishers.payments, 4, 2)]
    return [publishers.Publisher(user, source(), notes, version, qos, retain=qos == 1)
            for user, source, version, qos in kinds]


def load_until_killed(broker, notes, parts, crowd, rng):
    stop = threading.Event()
    threads = [threading.Thread(target=run_publisher, args=(broker, user, work, notes))
               for user, work in PUBLISHERS]
    threads += [threading.Thread(target=DISTURB[part], args=(broker, stop, rng))
                for part in parts if part in DISTURB]
    for thread in threads:
        thread.start()
    resending = publishers.Crowd(crowd, broker)
    try:
        time.sleep(rng.uniform(0.02, 4 if REFUSING & parts else 1.5))
        broker.assert_alive()
        if rng.random() < 0.5:
            resending.deaf.set()
            time.sleep(rng.uniform(0, 0.02))
        end = rng.choice([ENDS[part] for part in sorted(parts) if part in ENDS] or [end_at_once])
        if end is end_in_replay:
            stop.set()  # a SIGHUP would end a broker that is not up yet
        end(broker, rng)
    finally:
        stop.set()
        broker.kill()
        for thread in threads:
            thread.join()
        resending.stop()


def without_disk(folder):
    """
    For a broker whose syncs are done at once: kill -9 takes nothing from the kernel, and on a slow disk
    payments would be refused (docs/faults.md).
    """
    control = os.path.join(folder, "syncs")
    with open(control, "wb") as file:
        file.write(struct.pack("=i", -1) + bytes(4092))
    return {"preload": os.path.join(harness.BUILD, "slowsync.so"), "SLOWSYNC_CONTROL": control}


def run(template, folder, condition="plain", runs=3, seed=None):
    """Raises AssertionError with the first faults. Returns the notes."""
    seed = seed if seed is not None else random.randrange(1 << 32)
    rng = random.Random(seed)
    parts = set(condition.split("+"))
    notes = publishers.Notes()
    crowd = crowd_of(notes)
    broker = harness.Broker(os.path.join(folder, "run"), template)
    broker.environment = without_disk(folder)
    for part in parts & set(OPTIONS):
        broker.edits.append(set_options(**OPTIONS[part]))
    broker.edits.append(lambda text: text + "\nmax_queued_messages 100000\n")
    broker.start()
    try:
        for number in range(runs):
            load_until_killed(broker, notes, parts, crowd, rng)
            broker._start()
            faults = compare(broker, notes)
            notes.kept = frozenset(notes.events)
            faults = faults or check_resent(broker, notes, crowd)
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


def a_condition(text):
    if not set(text.split("+")) <= set(CONDITIONS):
        raise argparse.ArgumentTypeError("expected one of %s, or more with + between them" %
                                         ", ".join(CONDITIONS))
    return text


def run_on_its_disk(template, folder, condition, runs, seed):
    """The notes; None where a small disk can't be mounted."""
    os.mkdir(folder)
    is_small = "full" in condition.split("+")
    with small_disk(folder, runs) if is_small else contextlib.nullcontext(True) as is_there:
        return run(template, folder, condition, runs, seed) if is_there else None


def run_all(template, folder, condition, options):
    """With another database now and then, so that what is compared does not grow for ever."""
    acknowledged = refused = 0
    for number in range(0, options.runs, RUNS_OF_ONE):
        place = os.path.join(folder, "%s-%d" % (condition, number))
        notes = run_on_its_disk(template, place, condition,
                                min(RUNS_OF_ONE, options.runs - number), options.seed)
        if not notes:
            print("%-8s skipped: no right to mount" % condition)
            return
        acknowledged += len(notes.acknowledged)
        refused += notes.refused
        shutil.rmtree(place)
    print("%-8s %d kills, %d acknowledged, %d refused: all kept, none twice" %
          (condition, options.runs, acknowledged, refused), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=10, help="kills a condition")
    parser.add_argument("--condition", type=a_condition, help="this one only, or NAME+NAME")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        template = os.path.join(folder, "template")
        harness.prepare(template)
        for condition in [options.condition] if options.condition else CONDITIONS:
            run_all(template, folder, condition, options)


if __name__ == "__main__":
    main()
