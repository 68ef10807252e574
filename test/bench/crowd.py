"""What an idle connection takes: the broker's memory with many, each a user of its own."""

import base64
import hashlib
import json
import re
import socket
import time

import brokers
import messages
import rawmqtt

COUNTS = (100, 1000, 10000)
QUICK = (100, 2000)
AT_ONCE = 50  # connections that are opened before the first is answered
SETTLED_S = 1  # for what a thread does behind a connection
WARM_UP = 80000  # orders: more than the plugin keeps in memory, so that it is filled
SALT = b"of the crowd"  # twelve bytes, as 2.0 has it
ROUNDS = 101


def hashed(password):
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), SALT, ROUNDS)
    return "$7$%d$%s$%s" % (ROUNDS, base64.b64encode(SALT).decode(), base64.b64encode(key).decode())


class Crowded(brokers.Broker):
    """With accounts for all of them, who may what orders-service may."""

    def __init__(self, place, variant, users):
        self.users = ["crowd-%d" % number for number in range(users)]
        super().__init__(place, variant, variant + "-crowd")

    def _configuration(self):
        with open(self.path("access.json")) as file:
            access = json.load(file)
        roles = access["users"]["orders-service"]["roles"]
        access["users"].update({name: {"roles": roles} for name in self.users})
        with open(self.path("access.json"), "w") as file:
            json.dump(access, file)
        entry = hashed("secret")
        with open(self.path("passwords"), "a") as file:
            file.write("".join("%s:%s\n" % (name, entry) for name in self.users))
        return super()._configuration()

    def resident_kib(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def dial(self, number):
        """A connection that has said CONNECT."""
        name = self.users[number]
        ret = socket.create_connection(("127.0.0.1", self.plain), 30)
        body = (rawmqtt.field("MQTT") + b"\x05\xc2\x00\x00\x00" +
                rawmqtt.field(name + "/meter") + rawmqtt.field(name) + rawmqtt.field("secret"))
        ret.sendall(b"\x10" + rawmqtt.length(len(body)) + body)
        return ret


def answer(connection, kind):
    """What a packet of up to 127 bytes holds."""
    data = b""
    while len(data) < 2 or len(data) < 2 + data[1]:
        more = connection.recv(4096)
        assert more, "closed by the broker"
        data += more
    assert data[0] == kind, data
    return data[2:]


def connect(broker, connections, count):
    while len(connections) < count:
        first = len(connections)
        new = [broker.dial(number) for number in range(first, min(count, first + AT_ONCE))]
        for each in new:
            assert answer(each, 0x20)[1] == 0, "not let in"
        connections += new


def publish(connections):
    """A new order on each, at QoS 1."""
    for each in connections:
        topic, payload = messages.order(messages.unique("crowd"))
        body = rawmqtt.field(topic) + b"\x00\x01\x00" + payload
        each.sendall(b"\x32" + rawmqtt.length(len(body)) + body)
        code = answer(each, 0x40)[2:3]
        assert code < b"\x80", "refused"


def measure(place, variant, counts):
    """[{size, idle_kib, published_kib}]: the process's memory, by how many are connected."""
    rows, connections = [], []
    broker = Crowded(place, variant, max(counts))
    try:
        brokers.load(broker, messages=WARM_UP, work="fresh", clients=16, window=20)
        for count in counts:
            connect(broker, connections, count)
            time.sleep(SETTLED_S)
            rows.append({"size": count, "idle_kib": broker.resident_kib()})
            publish(connections)
            time.sleep(SETTLED_S)
            rows[-1]["published_kib"] = broker.resident_kib()
    finally:
        for each in connections:
            each.close()
        broker.stop()
        broker.remove()
    return rows


def compare(place, is_quick, missing, say):
    """{variant: rows}; as many connections as files may be open."""
    counts = list(QUICK if is_quick else COUNTS)
    most = brokers.allow_files(max(counts) + 100)
    if most < max(counts) + 100:
        missing.append("%d idle connections: %d files may be open (ulimit -n)" % (max(counts), most))
        counts = [count for count in counts if count + 100 <= most]
    ret = {}
    for variant in ("stock", "everything"):
        say("scale: %s idle connections, %s" % (", ".join(map(str, counts)), variant))
        ret[variant] = measure(place, variant, counts)
    return ret
