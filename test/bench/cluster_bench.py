"""
What a shared ledger costs, on one machine: PostgreSQL with fsync and two synchronous standbys of which
one has each commit, one to three brokers, bridges between them, and a load at each.

    B=build python3 test/bench/cluster_bench.py [--seconds N] [--away N] [--only steps|events|beside|away]

steps    steps of orders a second, all brokers together, strict and eventual: flat out (16 clients, 20
         on their way each), and how long one takes where one client a broker says one after the other
events   events a second that come to be in the database from one broker, flat out
beside   another client's acknowledgements while a load of steps goes on, strict and eventual
away     the database is away: what is acknowledged meanwhile and what is refused, how fast, and how
         long after its return until a strict step is acknowledged and all is carried

All is printed as it is measured, and once more as JSON at the end.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
os.environ["PATH"] += ":/usr/sbin"

import cluster
import harness
import messages
import postgres
import rawmqtt

LOAD = os.path.join(harness.BUILD, "load")
WARM_UP = 200
WORDS = ("strict", "eventual")
BESIDE_RATE = 200  # messages a second of the client whose wait is measured
AWAY_RATE = 500    # events a second while the database is away
CHUNK = 2          # seconds of a measurement beside


class Lab:
    """A template, and servers that all clusters use, a database each."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        self.template = os.path.join(folder, "template")
        harness.prepare(self.template)

    @contextlib.contextmanager
    def cluster(self, count, word):
        self.count += 1
        database = cluster.Database(standbys=2, is_synced=True)
        made = cluster.Cluster(os.path.join(self.folder, "cluster%d" % self.count), self.template,
                               count=count, database=database, settings=(),
                               channels={"orderStatus": word})
        try:
            yield made.start()
        finally:
            made.close()
            database.close()


def start_load(broker, work, **options):
    user = "inventory-service" if work == "stock" else "orders-service"
    command = [LOAD, "--user", user, "--password", broker.password(user), "--client-id",
               user + "/" + messages.unique("load"), "--port", str(broker.plain), "--work", work]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end_load(process):
    out, err = process.communicate(timeout=600)
    if not out:
        raise RuntimeError(err)
    return json.loads(out)


def loads(made, work, **options):
    """At each broker at once; (answered and not refused a second, p50 ms, p99 ms, refused)."""
    results = [end_load(each) for each in [start_load(broker, work, **options)
                                           for broker in made.brokers]]
    rate = sum((each["answered"] - each["refused"]) / each["seconds"] for each in results)
    return {"a_second": round(rate), "p50_ms": max(each["ack_us"]["p50"] for each in results) / 1e3,
            "p99_ms": max(each["ack_us"]["p99"] for each in results) / 1e3,
            "refused": sum(each["refused"] for each in results),
            "closed": sum(each["closed"] for each in results)}


def carried(made, wait=600):
    """Seconds until the journals are empty."""
    begin = time.monotonic()
    made.wait_carried(wait)
    return time.monotonic() - begin


def steps(lab, options, say):
    for count in (1, 2, 3):
        for word in WORDS:
            with lab.cluster(count, word) as made:
                flat = loads(made, "steps", seconds=options.seconds, messages=50000000,
                             clients=16, window=20, warm_up=WARM_UP)
                behind = carried(made)
                one = loads(made, "steps", seconds=options.seconds, messages=50000000, clients=1,
                            window=1, warm_up=WARM_UP)
                carried(made)
            say("steps", brokers=count, mode=word, flat_a_second=flat["a_second"],
                flat_p50_ms=flat["p50_ms"], flat_p99_ms=flat["p99_ms"], refused=flat["refused"],
                closed=flat["closed"], carried_after_s=round(behind, 2),
                one_p50_ms=one["p50_ms"], one_p99_ms=one["p99_ms"],
                one_a_second=one["a_second"])


def events(lab, options, say):
    with lab.cluster(1, "eventual") as made:
        begin = time.monotonic()
        flat = loads(made, "stock", seconds=options.seconds, messages=50000000, clients=16,
                     window=20)
        behind = carried(made)
        took = time.monotonic() - begin
        count = made.rows("SELECT count(*) FROM events")[0][0]
        say("events", acknowledged_a_second=flat["a_second"], carried_a_second=round(count / took),
            carried_after_s=round(behind, 2), events=count)


def wait_of(broker, seconds):
    """p50 and p99, in ms, of one stock level after the other at BESIDE_RATE."""
    result = end_load(start_load(broker, "stock", clients=1, window=1, rate=BESIDE_RATE,
                                 messages=50000000, seconds=seconds))
    return result["ack_us"]["p50"] / 1e3, result["ack_us"]["p99"] / 1e3


def beside(lab, options, say):
    for word in WORDS:
        with lab.cluster(1, word) as made:
            broker = made.brokers[0]
            for name, rate in (("nothing", None), ("100 a second", 100), ("flat out", 0)):
                process = None
                if rate is not None:
                    process = start_load(broker, "steps", clients=8, window=4, rate=rate,
                                         messages=50000000, seconds=options.seconds + CHUNK)
                    time.sleep(CHUNK / 2)
                p50, p99 = wait_of(broker, options.seconds)
                taken = end_load(process) if process else None
                say("beside", mode=word, load=name, other_p50_ms=p50, other_p99_ms=p99,
                    steps_a_second=round(taken["rate"]) if taken else 0)


def try_strict(broker, took, stop):
    """One payment after the other; how long each refusal or end took, in ms."""
    client = None
    while not stop.is_set():
        begin = time.monotonic()
        try:
            client = client or broker.client("payments-service")
            code = client.publish(*messages.payment(messages.unique("pay")), qos=2)
        except (OSError, rawmqtt.Closed, AssertionError):
            client, code = None, None
        took.append((begin, code, (time.monotonic() - begin) * 1e3))
        stop.wait(0.02)


def away(lab, options, say):
    with lab.cluster(1, "eventual") as made:
        broker = made.brokers[0]
        took, stop = [], threading.Event()
        thread = threading.Thread(target=try_strict, args=(broker, took, stop))
        thread.start()
        load = start_load(broker, "stock", clients=4, window=10, rate=AWAY_RATE, messages=50000000,
                          seconds=options.away + 3)
        time.sleep(3)
        begin = time.monotonic()
        broker.set_wires("hole")
        result = end_load(load)
        broker.set_wires("pass")
        back = time.monotonic()
        behind = carried(made)
        harness.until(lambda: any(at > back and code in cluster.ACCEPTED for at, code, _ in took),
                      "a strict step", 60)
        stop.set()
        thread.join()
        kept = made.rows("SELECT count(*) FROM events WHERE topic LIKE 'inventory/%'")[0][0]
        refused = sorted(ms for at, code, ms in took
                         if begin + 1 < at < back and code not in cluster.ACCEPTED)
        first = next(at + ms / 1e3 - back for at, code, ms in took
                     if at + ms / 1e3 > back and code in cluster.ACCEPTED)
        say("away", seconds=options.away, events_acknowledged=result["answered"] - result["refused"],
            events_refused=result["refused"], events_kept=kept,
            event_p99_ms=result["ack_us"]["p99"] / 1e3,
            strict_refused=len(refused), strict_refusal_p50_ms=refused[len(refused) // 2],
            strict_refusal_max_ms=refused[-1], strict_again_s=round(first, 2),
            all_carried_s=round(behind, 2))


PARTS = {"steps": steps, "events": events, "beside": beside, "away": away}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--away", type=int, default=60)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    reason = postgres.lacking()
    if reason:
        print("bench-cluster: skipped: " + reason)
        return
    results = []

    def say(part, **figures):
        results.append(dict(figures, part=part))
        print("%-7s %s" % (part, "  ".join("%s %s" % (name, round(value, 2) if isinstance(value, float)
                                                      else value)
                                           for name, value in figures.items())), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(folder)
        for name, part in PARTS.items():
            if options.only in (None, name):
                part(lab, options, say)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
