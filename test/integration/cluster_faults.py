"""
What was acknowledged is kept, once, whatever part of a cluster fails: two brokers, a primary with two
standbys of which one has each commit, bridges, and clients that go on at the other broker.

Publishers walk orders (eventual), payments (strict) and stock levels, many on their way at once, and
send again what was not acknowledged. Meanwhile, at random:

    broker    kill -9 of a broker, which is started again a moment later
    primary   kill -9 of all of the primary's processes; a standby is promoted, and what was lost
              comes back as a standby
    cut       the connections of one broker, or of all, to the database are reset, new ones too
    drop      what the database answers is lost: what was asked for happens, unheard
    hole      nothing passes between a broker and the database
    bridge    the bridge is cut

Then all of it must be in the database, none twice, and both brokers and the database agree. How long
it took until a strict step was acknowledged again at each broker is measured from the fault's end
(of a primary: from its kill), and printed.

    cluster_faults.py [--runs N] [--fault NAME] [--seed N]
"""

import argparse
import collections
import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"

import cluster
import harness
import messages
import postgres
import publishers
import rawmqtt

FAULTS = ("broker", "primary", "cut", "drop", "hole", "bridge")
RUNS_OF_ONE = 10  # faults of one cluster, so that what is compared does not grow for ever
HOPELESS = 8.0  # seconds that a step is refused before its publisher leaves it
SETTLED = 120.0  # seconds that may go until all is as it should be
WHOSE = "SELECT origin, origin_seq, received_at, publisher, client_id, qos, taken_over, revision, " \
        "overruled FROM events WHERE topic = ? AND payload = ?"
STEPS = "SELECT payload, origin, origin_seq, received_at, client_id, revision, overruled FROM events " \
        "WHERE topic = ? ORDER BY seq"
WRITTEN_AGAIN = "SELECT topic, origin, origin_seq, received_at FROM events WHERE taken_over = 1"
CHANNELS = {"orderStatus": "eventual", "orderPayment": "strict", "paymentStatus": "strict"}


class Notes(publishers.Notes):
    """
    A step is left that is refused for long: the one before it was overruled, or waits in the
    journal of a broker that is gone.
    """

    def __init__(self):
        super().__init__()
        self.first_refused = {}
        self.hopeless = set()  # topics

    def add(self, code, message):
        is_kept = super().add(code, message)
        if code == rawmqtt.NOT_AUTHORIZED:
            begin = self.first_refused.setdefault(message, time.monotonic())
            if time.monotonic() > begin + HOPELESS:
                self.hopeless.add(message[0])
        return is_kept


def stock():
    while True:
        yield messages.stock(messages.unique("food"))


def crowd_of(notes):
    """3.1.1 hears of no refusal, so that it says only what none can be meant for."""
    kinds = [("orders-service", publishers.orders, 5, 1), ("orders-service", publishers.orders, 5, 2),
             ("payments-service", publishers.payments, 5, 2),
             ("payments-service", publishers.payments, 4, 2),
             ("inventory-service", stock, 4, 1), ("inventory-service", stock, 5, 2)]
    crowd = [publishers.Publisher(user, source(), notes, version, qos,
                                  retain=source is publishers.orders)
             for user, source, version, qos in kinds]
    for each in crowd:
        each.given_up = notes.hopeless
    return crowd


# ---- faults: each returns when the recovery began, and what it was ------------------------


def fail_broker(both, rng):
    broker = rng.choice(both.brokers)
    broker.kill()
    time.sleep(rng.uniform(0, 1.5))
    begin = time.monotonic()
    broker._start()
    return begin


def fail_primary(both, rng):
    begin = time.monotonic()
    both.servers.fail_over()
    return begin


def fail_wire(mode):
    def fail(both, rng):
        hit = rng.choice([both.brokers, [rng.choice(both.brokers)]])
        for broker in hit:
            broker.set_wires(mode)
        time.sleep(rng.uniform(0.05, 3))
        for broker in hit:
            broker.set_wires("pass")
        return time.monotonic()
    return fail


def fail_bridge(both, rng):
    wires = [wire for broker in both.brokers for wire in broker.bridges.values()]
    for wire in wires:
        wire.set("cut")
    time.sleep(rng.uniform(0.05, 2))
    for wire in wires:
        wire.set("pass")
    return time.monotonic()


FAIL = {"broker": fail_broker, "primary": fail_primary, "cut": fail_wire("cut"),
        "drop": fail_wire("drop"), "hole": fail_wire("hole"), "bridge": fail_bridge}


def acknowledged_again(broker, begin):
    """Seconds from @begin until a strict step is acknowledged at @broker."""
    while time.monotonic() < begin + SETTLED:
        with contextlib.suppress(OSError, rawmqtt.Closed, AssertionError):
            client = broker.client("payments-service")
            while time.monotonic() < begin + SETTLED:
                message = messages.payment(messages.unique("probe"))
                if client.publish(*message, qos=2) in cluster.ACCEPTED:
                    took = time.monotonic() - begin
                    client.disconnect()
                    return took
                time.sleep(0.01)
        time.sleep(0.01)
    raise AssertionError("no strict step is acknowledged at %s after %d s" % (broker.name, SETTLED))


# ---- the comparison ----------------------------------------------------------------------


def check_entity(walked, status, steps):
    """The row is as far as the steps that stand, and each of these but for the first has one before."""
    numbers = sorted(walked.index(step) for step in steps)
    if status is None or not numbers or walked.index(status) != numbers[-1]:
        return "is %s with the steps %s" % (status, steps)
    return None


def compare(both, notes):
    """The list of what is wrong."""
    events = both.rows("SELECT topic, payload, overruled FROM events")
    times = collections.Counter((topic, payload.encode()) for topic, payload, _ in events)
    # What was overruled and was sent again is one that stands beside one that does not.
    stand = collections.Counter((topic, payload.encode())
                                for topic, payload, overruled in events if not overruled)
    # An event without a state that is sent again is another one, at one broker, too.
    faults = ["twice: %s: %s" % (topic, both.rows(WHOSE, topic, payload.decode()))
              for (topic, payload), number in stand.items()
              if number > 1 and not topic.startswith("inventory/")]
    faults += ["written again by a peer: %s" % (row,) for row in both.rows(WRITTEN_AGAIN)]
    with notes.lock:
        acknowledged = list(notes.acknowledged)
    faults += ["lost: %s %s" % message for message in acknowledged if message not in times]
    steps = collections.defaultdict(list)
    for topic, payload, overruled in events:
        if overruled and topic.startswith("payments/"):
            faults.append("strict, and overruled: %s %s" % (topic, payload))
        if not overruled:
            steps[topic].append(payload)
    for table, walked in (("orders", publishers.ORDER), ("payments", publishers.PAYMENT)):
        for name, status in both.rows("SELECT id, status FROM %s" % table):
            said = [json.loads(each)["status"] for each in steps["%s/%s/status" % (table, name)]]
            fault = check_entity(walked, status, said)
            if fault:
                faults.append("%s %s %s" % (table, name, fault))
    return faults


def told_of(both, order):
    """Of an order: what each broker retains, and its steps."""
    topic = "orders/%s/status" % order
    return ([cluster.statuses(cluster.standing(broker, topic)) for broker in both.brokers],
            both.rows(STEPS, topic))


def settle(both, notes, crowd):
    """Once all was acknowledged or left; the faults that there are."""
    if not publishers.finish(crowd, cluster.Front(both)):
        return ["not acknowledged: %s" % [each.waiting for each in crowd if each.waiting]]
    with contextlib.suppress(AssertionError):
        both.wait_carried(SETTLED)
        harness.until(lambda: not compare(both, notes), "all to be kept", SETTLED)
    faults = compare(both, notes)
    if not faults:
        with contextlib.suppress(AssertionError):
            cluster.wait_agreed(both, "orders", "orders/+/status", SETTLED)
            return []
        found = cluster.disagreements(both, "orders", "orders/+/status")
        faults = ["differs: %s, read by itself %s: %s" % (each, *told_of(both, each[0]))
                  for each in found[:20]]
    return faults


# ---- runs ---------------------------------------------------------------------------------


def one_fault(both, notes, crowd, name, rng):
    """Under load; how long each broker took."""
    load = publishers.Crowd(crowd, cluster.Front(both))
    try:
        time.sleep(rng.uniform(0.2, 1.5))
        begin = FAIL[name](both, rng)
        took = [acknowledged_again(broker, begin) for broker in both.brokers]
    finally:
        load.stop()
    for broker in both.brokers:
        broker.assert_alive()
    both.servers.heal()
    return max(took)


def draw(runs, fault, seed):
    """The names of so many faults, and what they take at random."""
    rng = random.Random(seed)
    return [fault or rng.choice(FAULTS) for _ in range(runs)], rng


def run(template, folder, names, rng, seed=None, times=None):
    """
    The faults @names one after the other. Raises AssertionError with what is wrong after the first
    that was not survived; returns the notes. @times: {fault: [seconds]}.
    """
    notes = Notes()
    crowd = crowd_of(notes)
    times = collections.defaultdict(list) if times is None else times
    database = cluster.Database(standbys=2)
    both = cluster.Cluster(folder, template, database=database, channels=CHANNELS, settings=())
    try:
        both.start()
        for number, name in enumerate(names):
            try:
                times[name].append(one_fault(both, notes, crowd, name, rng))
                faults = settle(both, notes, crowd)
            except AssertionError as problem:
                faults = [str(problem)]
            assert not faults, "%s, run %d, seed %s: %d faults\n%s" % (
                name, number, seed, len(faults), "\n".join(faults[:20]))
    finally:
        both.close()
        database.close()
    return notes


def run_all(template, folder, options):
    times, acknowledged, refused, left = collections.defaultdict(list), 0, 0, 0
    for number in range(0, options.runs, RUNS_OF_ONE):
        place = os.path.join(folder, "cluster%d" % number)
        seed = random.randrange(1 << 32) if options.seed is None else options.seed + number
        names, rng = draw(min(RUNS_OF_ONE, options.runs - number), options.fault, seed)
        notes = run(template, place, names, rng, seed, times)
        acknowledged += len(notes.acknowledged)
        refused += notes.refused
        left += len(notes.hopeless)
        shutil.rmtree(place)
    for name, took in sorted(times.items()):
        took.sort()
        print("%-8s %3d times; a strict step was acknowledged again after %.2f s, at most %.2f s" %
              (name, len(took), took[len(took) // 2], took[-1]), flush=True)
    print("cluster  %d faults, %d acknowledged, %d refused, %d steps left: all kept, none twice" %
          (options.runs, acknowledged, refused, left), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    reason = postgres.lacking()
    if reason:
        print("cluster  skipped: " + reason)
        return
    with tempfile.TemporaryDirectory() as folder:
        template = os.path.join(folder, "template")
        harness.prepare(template)
        run_all(template, folder, options)


if __name__ == "__main__":
    main()
