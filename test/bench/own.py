"""
What ownership costs: a publisher at full pace, and one client that listens to orders/+/status,
who owns one order in a thousand, who may read all of them, and one of the stock broker, whose
acl_file grants all of them. In turn, with orders that stand already. The publisher is Python
and slower than the broker, so beside the rates stands what the broker's thread itself spent on
a publish and what followed from it; what counts is the median of the rounds' ratios.

    B=build python3 test/bench/own.py [ROUNDS]
"""

import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
os.environ["PATH"] += ":/usr/sbin"

import harness
import messages
import rawmqtt

ORDERS = 1000
PACE = 10000   # publishes of a turn
WINDOW = 100   # of them not acknowledged yet
OWNER = "customer-a"
PLAIN = "monitor"
ALL = "may read all"


def connect(port, user, password, client_id):
    return rawmqtt.RawClient(rawmqtt.open_stream("tcp", port), 5, client_id, user, password)


def publish_all(publisher, sent):
    """Everything of @sent, WINDOW at a time; seconds."""
    start = time.monotonic()
    for number, (topic, payload) in enumerate(sent):
        publisher.publish_nowait(topic, payload, 1, number + 1)
        if number >= WINDOW:
            publisher.ack(number + 1 - WINDOW)
    for number in range(max(len(sent) - WINDOW, 0), len(sent)):
        publisher.ack(number + 1)
    return time.monotonic() - start


def spent_ns(process):
    """CPU time of the broker's own thread."""
    with open("/proc/%d/task/%d/schedstat" % (process.pid, process.pid)) as file:
        return int(file.read().split()[0])


def orders():
    return [messages.order("own-%d" % (n % ORDERS), "PLACED",
                           userId=OWNER if n % ORDERS == 0 else "customer-b")
            for n in range(PACE)]


def turn(process, port, user, password, publisher, expected, number):
    """(publishes a second, deliveries a second, microseconds of the broker's a publish)"""
    listener = connect(port, user, password, "listener-%d" % number)
    listener.subscribe("orders/+/status", qos=0)
    before = spent_ns(process)
    spent = publish_all(publisher, orders())
    busy = spent_ns(process) - before
    for _ in range(expected):
        listener.message()
    listener.drop()
    return PACE / spent, expected / spent, busy / PACE / 1000


def stock(folder, password):
    """The stock broker with a password_file and an acl_file; (process, port)."""
    (port,) = harness.free_ports(1)
    files = {"acl": "user bench\ntopic readwrite orders/+/status\n",
             "conf": "user root\nlistener %d 127.0.0.1\npassword_file %s/passwords\n"
                     "acl_file %s/acl\nset_tcp_nodelay true\n" % (port, folder, folder)}
    for name, text in files.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    subprocess.run(["mosquitto_passwd", "-H", "sha512-pbkdf2", "-c", "-b",
                    os.path.join(folder, "passwords"), "bench", password], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = open(os.path.join(folder, "log"), "w")
    process = subprocess.Popen(["mosquitto", "-c", os.path.join(folder, "conf")], stdout=log,
                               stderr=log)
    harness.until(lambda: "running" in open(os.path.join(folder, "log")).read(), "the broker")
    return process, port


def median(values):
    return sorted(values)[len(values) // 2]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        broker = harness.Broker(os.path.join(folder, "run")).start()
        plain = os.path.join(folder, "stock")
        os.mkdir(plain)
        process, port = stock(plain, "secret")
        try:
            ours = connect(broker.plain, "orders-service", broker.password("orders-service"), "p")
            theirs = connect(port, "bench", "secret", "p")
            publish_all(ours, orders())  # now they stand, and no turn writes anything
            turns = [("nobody listens", broker.process, broker.plain, "collar-7",
                      broker.password("collar-7"), ours, 0),
                     ("owns 1 in 1,000", broker.process, broker.plain, OWNER,
                      broker.password(OWNER), ours, PACE // ORDERS),
                     (ALL, broker.process, broker.plain, PLAIN, broker.password(PLAIN), ours,
                      PACE),
                     ("stock broker, acl_file", process, port, "bench", "secret", theirs, PACE)]
            seen = {name: [] for name, *_ in turns}
            for number in range(rounds):
                for name, *how in turns:
                    seen[name].append(turn(*how, number))
        finally:
            broker.stop()
            process.terminate()
            process.wait()
    print("%-24s%12s%14s%18s%8s" % ("subscriber", "publishes/s", "deliveries/s",
                                    "us of the broker", "ratio"))
    for name, *_ in turns:
        ratio = median([one[2] / all_[2] for one, all_ in zip(seen[name], seen[ALL])])
        print("%-24s%12.0f%14.0f%18.1f%8.2f" % (
            name, *(median([each[k] for each in seen[name]]) for k in range(3)), ratio))
    print("ratio: of the broker's time a publish, to that with a subscriber that may read all")


if __name__ == "__main__":
    main()
