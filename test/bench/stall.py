"""
Does the broker wait for the database? A publisher's p99 while another one's writes go to
SQLite, beside its p99 while the same number of messages writes nothing (a status that stands
already), in turn on one broker.

    B=build python3 test/bench/stall.py [ROUNDS]
"""

import multiprocessing
import os
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
os.environ["PATH"] += ":/usr/sbin"

import harness
import messages
import rawmqtt

RATE = 1500     # messages a second of the load
SECONDS = 0.8   # of a turn: short, so that what else the machine does falls into few of them
WARM_UP = 0.3
TURNS = 3       # of each kind in a round


def connect(port, name, password):
    return rawmqtt.RawClient(rawmqtt.open_stream("tcp", port), 5, name, "backoffice", password)


def drain(stream):
    try:
        while stream.socket.recv(65536):
            pass
    except OSError:
        pass


def load(port, password, number, writes):
    """Publishes at RATE until the turn is over; acknowledgements are read and dropped."""
    client = connect(port, "load-%d" % number, password)
    standing = messages.order("load-standing")
    client.publish(*standing, qos=1)
    threading.Thread(target=drain, args=(client.stream,), daemon=True).start()
    start = time.monotonic()
    sent = 0
    while time.monotonic() - start < SECONDS + WARM_UP:
        while sent < (time.monotonic() - start) * RATE:
            sent += 1
            topic, payload = messages.order("load-%d-%d" % (number, sent)) if writes else standing
            client.publish_nowait(topic, payload, 1, 1 + sent % 65000)
        time.sleep(0.001)


def turn(port, password, number, writes):
    """Microseconds from a publish to its acknowledgement, sorted."""
    worker = multiprocessing.Process(target=load, args=(port, password, number, writes))
    worker.start()
    client = connect(port, "probe-%d" % number, password)
    topic, payload = messages.order("probe-standing")
    client.publish(topic, payload, qos=1)
    time.sleep(WARM_UP)
    taken = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        start = time.perf_counter()
        client.publish(topic, payload, qos=1)
        taken.append((time.perf_counter() - start) * 1e6)
    client.drop()
    worker.join()
    return sorted(taken)


def p99(taken):
    return taken[int(len(taken) * 0.99)]


def median(values):
    return sorted(values)[len(values) // 2]


def main():
    rounds = int(sys.argv[1]) if sys.argv[1:] else 5
    with tempfile.TemporaryDirectory() as folder:
        template = os.path.join(folder, "template")
        harness.prepare(template)
        broker = harness.Broker(os.path.join(folder, "run"), template).start()
        password = broker.password("backoffice")
        busy, idle = [], []
        for number in range(TURNS * rounds):
            idle.append(turn(broker.plain, password, 2 * number, False))
            busy.append(turn(broker.plain, password, 2 * number + 1, True))
        rows = broker.rows("SELECT count(*) FROM events")[0][0]
        broker.stop()
    print("%d rounds, %d writes at %d a second; publish to acknowledgement, us" %
          (rounds, rows, RATE))
    for name, turns in (("writer idle", idle), ("writer busy", busy)):
        print("%-12s p50 %6.0f  p99 %6.0f" %
              (name, median([each[len(each) // 2] for each in turns]),
               median([p99(each) for each in turns])))
    print("p99 busy over p99 idle, median of pairs: %.2f; less it: %+.0f us" %
          (median([p99(b) / p99(i) for b, i in zip(busy, idle)]),
           median([p99(b) - p99(i) for b, i in zip(busy, idle)])))


if __name__ == "__main__":
    main()
