"""A stateful attacker that speaks raw MQTT, and the innocents beside it.

A run is a broker (world.py says with which accounts), a crowd of actors, and an oracle. Each
actor is a generator that does one thing at a time and yields; a seeded scheduler picks who goes
on, so that dozens of connections are at odds at any moment. There are

- wanderers: one connection with good, bad or no credentials over TCP, TLS, websockets or
  mutual TLS, that then says legal and illegal things in any order and leaves in some way;
- scenes: what takes several connections and the operator at a certain moment, such as
  CONNECTs over websockets while the broker reloads;
- the operator, who reloads, takes accounts away and gives them back, changes passwords, lifts
  bans;
- bystanders and guests, who keep to the contract and must not notice any of it.

What an actor does follows from the seed and its number alone; only how the actors' steps fall
among each other is left to the machine. Wanderers and scenes come from addresses of their own
(127.x.y.z), since guesses count for addresses.
"""

import collections
import copy
import itertools
import json
import os
import random
import re
import selectors
import signal
import subprocess
import time

import messages
import wire as mqtt
from oracle import BOUND, Oracle, Violation
from rawmqtt import (AUTH, CONNACK, DISCONNECT, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL,
                     SUBACK, UNSUBACK)
from wire import Wire
from world import KINDS, METHOD, TOPICS, Claim, Scram, World

ACTORS_MAX = 60  # wanderers and scenes at a time
STEPS_MAX = 40  # of one wanderer
SYNC_EVERY = 40  # turns between two answers that are waited for
ROUNDS = 15000  # turns of actors, where nobody says how many
HUGE = 4096  # bytes of a large name
CONTROL = "$CONTROL/petstore/v1"


def spoils_keepalives():
    """
    2.0.12 to 2.0.x make their lists of keepalives anew after SIGHUP without the websockets that
    are being closed then, which spoils the lists, without any plugin. There the operator
    reloads by command, and test_websocket_reload.py has what is ours.
    """
    version = re.search(r"version (\d+)\.(\d+)\.(\d+)", subprocess.run(
        ["mosquitto", "-h"], text=True, stdout=subprocess.PIPE, check=False).stdout)
    return (2, 0, 11) < tuple(map(int, version.groups())) < (2, 1, 0)


class Client:
    """One connection, an actor's: what it sent, what came, who it may be."""

    def __init__(self, run, transport, claim, client_id, version=5, source="127.0.0.1"):
        self.run, self.transport, self.claim = run, transport, claim
        self.client_id, self.version = client_id, version
        self.assigned_id = None
        self.code = None  # CONNACK's
        self.is_present = False
        self.was_accepted = False
        self.begun = self.answered = None
        self.reason = None  # DISCONNECT's
        self.challenge = None  # AUTH's data that came, not answered yet
        self.inbox = collections.deque()
        self.replies = collections.deque()  # (kind, body) where keeps_replies
        self.keeps_replies = False
        self.is_sulking = False  # reads nothing
        self.acks = True  # acknowledges what is delivered
        self.open = {}  # packet id -> [(topic, payload)] that await PUBACK or PUBREC
        self.aliases, self.inward = {}, {}  # topics by the numbers that stand for them
        self.unreleased = []  # packet ids behind PUBREC
        self.mid = 0
        context = None
        if transport != "tcp":
            context = run.world.shown.get(claim.shown, run.world.context)
        self.wire = Wire({"mtls": "tls"}.get(transport, transport),
                         run.broker.port(transport), source, context)
        run.watch(self)

    def __str__(self):
        return "%s client %r (%s, MQTT %s, from %s, %s) user %r" % (
            self.transport, self.client_id, self.claim.note, self.version, self.wire.source,
            "closed" if self.is_closed else "open", self.claim.user)

    def history(self):
        return list(self.wire.history)

    @property
    def is_closed(self):
        return self.wire.is_closed

    def principals(self):
        if self.begun is None:
            return set()
        until = self.answered if self.answered is not None else float("inf")
        return self.claim.principals(self.run.world, self.client_id, self.begun, until)

    # ---- out ----

    def connect_packet(self, **options):
        self.begun = self.begun or time.monotonic()
        claim = self.claim
        if not self.keeps_replies:
            self.run.oracle.attacked.add(self.client_id)
        options.setdefault("auth", claim.auth)
        if self.version != 5:
            options.pop("auth")
        return mqtt.connect(self.version, self.client_id, claim.user, claim.password, **options)

    def send(self, data, note=None):
        self.run.count(data)
        self.wire.write(data, note)

    def next_mid(self):
        self.mid = self.mid % 65535 + 1
        return self.mid

    def publish_packet(self, topic, payload, is_illegal=False, qos=0, retain=False, dup=False,
                       mid=None, alias=None):
        if qos in (1, 2):
            mid = mid or self.next_mid()
        real = topic
        if alias is not None and self.version == 5:
            if topic:
                self.aliases[alias] = topic
            else:
                # Whether it is legal there is the broker's to say.
                real, is_illegal = self.aliases.get(alias), False
        self.run.oracle.sending(self, real, payload, is_illegal)
        if qos in (1, 2):
            self.open.setdefault(mid, []).append((real, payload))
        return mqtt.publish(self.version, topic, payload, qos, retain, dup, mid or 0, alias)

    # ---- in ----

    def pump(self):
        for first, body in self.wire.pump():
            self._handle(first, body)

    def _handle(self, first, body):
        kind = first >> 4
        oracle = self.run.oracle
        if kind == CONNACK and len(body) >= 2:
            self.is_present = bool(body[0] & 1)
            if self.code is None:
                self.code, self.answered = body[1], time.monotonic()
                self._assigned(body)
                oracle.connack(self, self.code)
            return
        if kind == DISCONNECT:
            self.reason = body[0] if body else 0
            return
        if kind == AUTH:
            self.challenge = body
            return
        oracle.received(self, kind)
        if kind == PUBLISH:
            self._delivered(first, body)
        elif kind in (PUBACK, PUBREC):
            self._acked(kind, body)
        elif kind == PUBREL and self.acks:
            self.wire.write(mqtt.acknowledge(PUBCOMP, int.from_bytes(body[:2], "big")))
        if self.keeps_replies and kind not in (PUBLISH, PUBREL):
            self.replies.append((kind, body))

    def _assigned(self, body):
        if self.version != 5 or self.client_id or self.code:
            return
        assigned = mqtt.property_of(0x12, body[2:])
        if assigned is not None:
            self.assigned_id = assigned.decode("utf-8", "replace")

    def _acked(self, kind, body):
        mid = int.from_bytes(body[:2], "big")
        code = body[2] if len(body) > 2 else 0
        waiting = self.open.get(mid, [])
        if len(waiting) == 1:  # else it is not sure whose answer this is
            self.run.oracle.acked(self, *waiting.pop(), kind, code)
            del self.open[mid]
        if kind == PUBREC and code < 0x80:
            self.unreleased.append(mid)

    def _delivered(self, first, body):
        qos = first >> 1 & 3
        end = 2 + int.from_bytes(body[:2], "big")
        topic, rest = body[2:end].decode("utf-8", "backslashreplace"), body[end:]
        mid = 0
        if qos:
            mid, rest = int.from_bytes(rest[:2], "big"), rest[2:]
        if self.version == 5:
            alias = mqtt.property_of(0x23, rest)
            if alias is not None:
                topic = topic or self.inward.get(alias, "")
                self.inward[alias] = topic
            size, rest = mqtt.varint(rest)
            rest = rest[size:]
        if qos and self.acks:
            self.wire.write(mqtt.acknowledge(PUBACK if qos == 1 else PUBREC, mid))
        self.run.oracle.delivered(self, topic, rest)
        self.inbox.append((topic, rest, bool(first & 8), bool(first & 1)))
        if len(self.inbox) > 2000 and not self.keeps_replies:
            self.inbox.clear()


class Run:
    """@rounds turns, or as many as @seconds hold."""

    def __init__(self, folder, template, seed, rounds=ROUNDS, seconds=None, scenes=None):
        self.seed, self.rounds, self.seconds = seed, rounds, seconds
        self.world = World(folder, template)
        self.broker = self.world.broker
        self.oracle = Oracle(self.world, seed)
        self.counts = self.oracle.counts
        self.random = random.Random("%s" % seed)
        self.selector = selectors.DefaultSelector()
        self.clients = {}  # file descriptor -> Client
        self.numbers = itertools.count(1)
        self.serials = itertools.count(1)
        self.actors = []
        self.innocents = []
        self.scenes = dict(scenes or SCENES)
        self.reloads = 0  # that the log has confirmed
        self.is_reloading = False
        self.has_bad_lists = spoils_keepalives()
        if self.has_bad_lists:
            self.scenes.pop(crowd_at_reload, None)
        self.is_ending = False
        self.news = ""
        self.begin = time.monotonic()

    # ---- connections ----

    def watch(self, client):
        self.counts["connections"] += 1
        self.counts["over " + client.transport] += 1
        if not client.wire.is_closed:
            if client.wire.fileno() in self.clients:  # closed, and the number taken again
                self._forget(client.wire.fileno(), self.clients[client.wire.fileno()])
            self.clients[client.wire.fileno()] = client
            self.selector.register(client.wire.socket, selectors.EVENT_READ, client)

    def poll(self, wait=0):
        for fd, client in list(self.clients.items()):
            if client.wire.is_closed:
                self._forget(fd, client)
            elif client.wire.pending or client.wire.early:
                client.wire.flush()
        for key, _ in self.selector.select(wait):
            client = key.data
            if not client.is_sulking:
                client.pump()
            if client.wire.is_closed:
                self._forget(key.fd, client)

    def _forget(self, fd, client):
        if self.clients.get(fd) is client:
            del self.clients[fd]
            self.selector.unregister(fd)  # a file that is closed has left by itself

    def count(self, data):
        while data:
            found = mqtt.cut(data)
            if found is None:
                self.counts["sent mangled"] += 1
                return
            self.counts["sent %s" % NAMES[found[0] >> 4]] += 1
            data = found[2]

    def source(self, rng):
        return "127.%d.%d.%d" % (rng.randrange(1, 250), rng.randrange(256), rng.randrange(1, 255))

    def serial(self):
        return next(self.serials)

    # ---- the loop ----

    def go(self):
        self.broker.start()
        try:
            self._go()
        except Violation:
            raise
        except Exception as error:
            if self.broker.process and self.broker.process.poll() is not None:
                self.oracle.fail("the broker died: %s" % self.broker.process.returncode)
            raise error
        finally:
            for client in list(self.clients.values()):
                client.wire.close()
            self.selector.close()
            if self.broker.process and self.broker.process.poll() is None:
                self.broker.process.kill()
                self.broker.process.wait()
        return self.counts

    def _go(self):
        self.operator = Operator(self)
        self.innocents = [each(self) for each in INNOCENTS]
        self.await_all([self.operator.arrive()] + [each.arrive() for each in self.innocents])
        self.standing = [self.operator.work()] + [each.live() for each in self.innocents]
        turn = 0
        while not self._is_over(turn):
            turn += 1
            self._turn()
            if turn % SYNC_EVERY == 0:
                self.sync()
        self._end()
        self.counts["turns"] = turn

    def _is_over(self, turn):
        if self.seconds:
            return time.monotonic() - self.begin > self.seconds
        return turn >= self.rounds

    def _turn(self):
        if len(self.actors) < ACTORS_MAX and self.random.random() < 0.25:
            self.actors.append(self._new_actor())
        crowd = self.actors if self.actors and self.random.random() < 0.7 else self.standing
        actor = self.random.choice(crowd)
        if next(actor, self) is self:
            crowd.remove(actor)
        self.poll()

    def _new_actor(self):
        number = next(self.numbers)
        rng = random.Random("%s/%d" % (self.seed, number))
        kinds = list(self.scenes)
        kind = rng.choices(kinds, [self.scenes[each] for each in kinds])[0]
        self.counts["actor " + kind.__name__] += 1
        return kind(self, rng, number)

    def sync(self):
        """The broker has come to all that was sent before; what it says meanwhile is read."""
        def is_answered():
            self.operator.handle()
            return self.operator.pings == 0

        self.operator.ping()
        self.wait(is_answered, "the operator's PINGRESP")
        self.check()

    def check(self):
        if self.broker.process.poll() is not None:
            self.oracle.fail("the broker died: %s" % self.broker.process.returncode)
        self.news = self.oracle.read_log()
        self.reloads += self.news.count("petstore: reloaded ")
        if "reload failed" in self.news:
            self.oracle.fail("a reload failed")

    def wait(self, condition, what, bound=BOUND):
        deadline = time.monotonic() + bound
        while not condition():
            if self.broker.process.poll() is not None:
                self.oracle.fail("the broker died: %s" % self.broker.process.returncode)
            if time.monotonic() > deadline:
                self.oracle.fail("waited in vain for " + what)
            self.poll(0.01)

    def operator_does(self, task):
        """Hands the operator a generator; over when that is."""
        done = []
        self.operator.tasks.append((task, done))
        while not done:
            yield

    def await_all(self, actors, bound=2 * BOUND):
        deadline = time.monotonic() + bound
        while actors:
            for actor in list(actors):
                if next(actor, self) is self:
                    actors.remove(actor)
            self.poll(0.002)
            self.check()
            if time.monotonic() > deadline:
                self.oracle.fail("the innocents do not get on")

    def _end(self):
        """The attackers leave, the innocents finish, the broker stops, the books are read."""
        self.is_ending = True
        for client in list(self.clients.values()):
            if not client.keeps_replies:
                client.wire.close(is_abrupt=True)
        self.actors.clear()
        self.await_all(self.standing)
        self.await_all([each.finish() for each in self.innocents])
        self.sync()
        self.check()
        self.counts["seconds"] = round(time.monotonic() - self.begin)
        begin = time.monotonic()
        self.broker.process.send_signal(signal.SIGTERM)
        try:
            status = self.broker.process.wait(BOUND)
        except Exception:
            self.oracle.fail("SIGTERM did not end it in %d s" % BOUND)
        self.counts["stopped after ms"] = round(1000 * (time.monotonic() - begin))
        self.oracle.read_log()
        if status != 0:
            self.oracle.fail("SIGTERM: ended with %s" % status)
        self.oracle.at_end()


NAMES = {1: "CONNECT", 3: "PUBLISH", 4: "PUBACK", 5: "PUBREC", 6: "PUBREL", 7: "PUBCOMP",
         8: "SUBSCRIBE", 10: "UNSUBSCRIBE", 12: "PINGREQ", 14: "DISCONNECT", 15: "AUTH",
         0: "kind 0", 2: "CONNACK", 9: "SUBACK", 11: "UNSUBACK", 13: "PINGRESP"}


def scram_claim(world, rng, user, note):
    scram = Scram(user, world.accounts[user].password, "%016x" % rng.getrandbits(64))
    return Claim(auth=(METHOD, scram.begin()), proved=(user,), scram=scram, note=note)


# ---- the innocents ----------------------------------------------------------------------


class Innocent:
    """
    Keeps to the contract. Generators: arrive(), live() until the run ends, finish().
    @claim: function without arguments to a new Claim; a session is kept.
    """

    name = role = None
    transport, version = "tcp", 5
    filters = ()

    def __init__(self, run):
        self.run, self.world = run, run.world
        self.client = None
        self.pings = 0
        self.rng = random.Random("%s/%s" % (run.seed, self.name))

    def claim(self):
        return Claim(self.name, self.world.accounts[self.name].password, note="innocent")

    def client_id(self):
        return self.name

    def fail(self, what):
        self.run.oracle.fail("%s: %s" % (self.name, what), self.client)

    def come(self, clean=False, segment=b""):
        """Connects; over when CONNACK 0 is there."""
        self.client = Client(self.run, self.transport, self.claim(), self.client_id(),
                             self.version)
        self.client.keeps_replies = True
        options = {"clean": clean}
        if self.version == 5:
            options["expiry"] = 3600
        yield from self.until(lambda: self.client.wire.is_open, "the transport")
        self.client.send(self.client.connect_packet(**options) + segment)
        yield from self.until(self._is_answered, "CONNACK")
        if self.client.code != 0:
            self.fail("kept out, CONNACK 0x%02x" % self.client.code)

    def _is_answered(self):
        client = self.client
        if client.challenge is not None and client.claim.scram:
            data = auth_data(client.challenge)
            client.challenge = None
            client.send(mqtt.auth(0x18, METHOD, client.claim.scram.answer(data)))
        return client.code is not None

    def until(self, condition, what, bound=BOUND):
        deadline = time.monotonic() + bound
        while not condition():
            self.handle()
            if self.client.is_closed and not condition():
                self.fail("thrown out (reason %s) while waiting for %s" % (
                    self.client.reason, what))
            if time.monotonic() > deadline:
                self.fail("waited in vain for " + what)
            yield

    def handle(self):
        """Takes in what has come."""
        client = self.client
        while client.replies:
            kind, body = client.replies.popleft()
            if kind == PINGRESP:
                self.pings -= 1
            elif kind in (SUBACK, UNSUBACK) and any(code >= 0x80 for code in body[2:]):
                self.fail("a subscription was refused: %s" % body.hex())
            elif kind in (SUBACK, UNSUBACK):
                self.subscribed = True
            else:
                self.reply(kind, body)
        while client.inbox:
            self.message(*client.inbox.popleft())

    def reply(self, kind, body):
        pass

    def message(self, topic, payload, is_dup, is_retained):
        pass

    def ping(self):
        self.pings += 1
        self.client.send(mqtt.ping())

    def subscribe(self):
        self.subscribed = False
        self.client.send(mqtt.subscribe(self.version, self.client.next_mid(), self.filters))
        yield from self.until(lambda: self.subscribed, "SUBACK")

    def arrive(self):
        yield from self.come()
        if self.filters:
            yield from self.subscribe()

    def live(self):
        while not self.run.is_ending:
            yield from self.breathe()
            if self.rng.random() < 0.02:
                yield from self.leave_and_return()

    def breathe(self):
        self.handle()
        if self.client.is_closed:
            self.fail("thrown out, reason %s" % self.client.reason)
        if self.rng.random() < 0.1:
            self.ping()
            yield from self.until(lambda: self.pings == 0, "PINGRESP")
        yield

    def leave_and_return(self):
        """Its session, with all that was published meanwhile, waits for it."""
        self.run.counts["innocents that left and returned"] += 1
        is_abrupt = self.rng.random() < 0.5
        self.handle()
        if not is_abrupt:
            self.client.send(mqtt.disconnect(self.version))
        self.client.wire.close(is_abrupt)
        self.pings = 0
        for _ in range(self.rng.randrange(30)):
            yield
        yield from self.come()
        if not self.client.is_present:
            self.fail("its session is gone")

    def finish(self):
        self.ping()
        yield from self.until(lambda: self.pings == 0, "the last PINGRESP")


class Feed(Innocent):
    """Publishes numbered messages, each when the one before was acknowledged."""

    def __init__(self, run):
        super().__init__(run)
        self.number = 0  # the last one that was acknowledged

    def numbered(self, number):
        raise NotImplementedError

    def publish(self):
        self.answer = None
        topic, payload = self.numbered(self.number + 1)
        self.client.send(self.client.publish_packet(topic, payload, qos=1))
        yield from self.until(lambda: self.answer is not None, "PUBACK")
        if self.answer >= 0x80:
            self.fail("refused, 0x%02x: %s %r" % (self.answer, topic, payload))
        self.number += 1

    def reply(self, kind, body):
        if kind == PUBACK:
            self.answer = body[2] if len(body) > 2 else 0

    def live(self):
        while not self.run.is_ending:
            yield from self.publish()
            yield from super().breathe()


class StockFeed(Feed):
    name = "stock-feed"

    def numbered(self, number):
        return messages.stock("stream", number)


class OrderFeed(Feed):
    """Orders of buyer-a and buyer-b in turn."""

    name, transport = "order-feed", "tls"

    def numbered(self, number):
        return messages.order("s-%d" % number, userId="buyer-" + "ba"[number % 2])


class Reader(Innocent):
    """Gets what a feed says: nothing else, nothing twice, in order."""

    feed, step, first = StockFeed, 1, 1

    def __init__(self, run):
        super().__init__(run)
        self.last = 0

    def number_of(self, topic, payload):
        if topic == "inventory/stream/stock":
            return json.loads(payload)["quantity"]
        return None

    def message(self, topic, payload, is_dup, is_retained):
        number = self.number_of(topic, payload)
        if number is None or is_retained:
            return
        expected = self.last + self.step if self.last else self.first
        if number <= self.last and is_dup:
            return
        if number != expected:
            self.fail("got number %d where %d is next: %s" % (number, expected, topic))
        self.last = number

    def finish(self):
        feed = next(each for each in self.run.innocents if isinstance(each, self.feed))
        yield from self.until(lambda: self.last > feed.number - self.step, "the feed's last")
        yield from super().finish()


class TlsReader(Reader):
    name, transport, version, filters = "reader-tls", "tls", 4, ("inventory/stream/stock",)


class WssReader(Reader):
    name, transport, filters = "reader-wss", "wss", ("#",)


class CertificateReader(Reader):
    name, transport, filters = "watch-1", "mtls", ("inventory/#",)

    def claim(self):
        return Claim(shown="watch-1", proved=("watch-1",), note="innocent, certificate")


class TokenReader(Reader):
    name, transport, filters = "badge-1", "tls", ("inventory/+/stock",)

    def claim(self):
        return Claim(None, self.world.token(self.name), proved=("badge-1",),
                     note="innocent, token")


class Buyer(Reader):
    """Sees all and only the orders that are its own."""

    feed, step, filters = OrderFeed, 2, ("#",)

    def number_of(self, topic, payload):
        if topic.startswith("orders/s-") and topic.endswith("/status"):
            return int(topic.split("/")[1][2:])
        return None


class ScramBuyer(Buyer):
    name, transport, first = "buyer-a", "tls", 1

    def claim(self):
        return scram_claim(self.world, self.rng, self.name, "innocent, SCRAM")


class PasswordBuyer(Buyer):
    name, transport, first = "buyer-b", "wss", 2


class Crew(Innocent):
    """Two that share the work: each order comes to one of them."""

    filters = ("$share/crew/orders/+/status",)

    def __init__(self, run):
        super().__init__(run)
        run.crew = getattr(run, "crew", collections.Counter())

    def message(self, topic, payload, is_dup, is_retained):
        if topic.startswith("orders/s-"):
            number = int(topic.split("/")[1][2:])
            if self.run.crew[number] and not is_dup:
                self.fail("order %d came to the crew twice" % number)
            self.run.crew[number] += 1

    def finish(self):
        feed = next(each for each in self.run.innocents if isinstance(each, OrderFeed))
        lost = lambda: [n for n in range(1, feed.number + 1) if not self.run.crew[n]]
        deadline = time.monotonic() + BOUND
        while lost():
            self.handle()
            if time.monotonic() > deadline:
                self.fail("orders that came to none of the crew: %s" % lost()[:20])
            yield
        yield from super().finish()


class Crew1(Crew):
    name = "crew-1"


class Crew2(Crew):
    name, version, transport = "crew-2", 4, "tls"


class Guests(Innocent):
    """Short visits, one after the other, by each method, some with all they say in one segment."""

    name = "guests"

    def arrive(self):
        """All of them once: what a first login costs is not what is looked at later."""
        for guest in self.world.guests:
            self._be("password", guest, "tcp")
            yield from self.come(clean=True)
            self.client.wire.close()

    def _be(self, method, guest, transport):
        self.method, self.transport = method, transport
        self.name = {"certificate": "watch-2", "token": "badge-2", "scram": "guest-0"}.get(
            method, guest)

    def client_id(self):
        return "%s-%d" % (self.name, self.run.serial())

    def claim(self):
        if self.method == "certificate":
            return Claim(shown=self.name, proved=(self.name,), note="guest, certificate")
        if self.method == "token":
            return Claim(None, self.world.token(self.name), proved=(self.name,),
                         note="guest, token")
        if self.method == "scram":
            return scram_claim(self.world, self.rng, self.name, "guest, SCRAM")
        return Claim(self.name, self.world.accounts[self.name].password, note="guest")

    def live(self):
        rng = self.rng
        while not self.run.is_ending:
            method = rng.choice(("password", "password", "password", "certificate", "token",
                                 "scram"))
            transport = "mtls" if method == "certificate" else rng.choice(
                ("tcp", "tcp", "tls", "wss"))
            self._be(method, rng.choice(self.world.guests), transport)
            self.version = 5 if method in ("token", "scram") else rng.choice((4, 5))
            segment = b""
            self.pings = 0
            if method != "scram" and rng.random() < 0.4:
                segment = mqtt.ping()
                self.pings = 1
            yield from self.come(clean=True, segment=segment)
            self.run.counts["guests' visits"] += 1
            yield from self.until(lambda: self.pings == 0, "PINGRESP")
            for _ in range(rng.randrange(60)):
                yield from self.breathe()
                if self.run.is_ending:
                    break
            self.client.send(mqtt.disconnect(self.version))
            self.client.wire.close()

    def finish(self):
        yield


class LateGuests(Guests):
    name = "late guests"

    def arrive(self):
        yield


class Operator(Innocent):
    """Reloads, takes accounts away and gives them back, changes passwords, lifts bans."""

    name, filters = "op", (CONTROL + "/response",)

    def __init__(self, run):
        super().__init__(run)
        self.responses = collections.deque()
        self.changed = itertools.count(1)
        self.tasks = collections.deque()  # (generator, list that becomes filled at its end)

    def message(self, topic, payload, is_dup, is_retained):
        if topic == CONTROL + "/response":
            self.responses += json.loads(payload)["responses"]

    def live(self):
        raise NotImplementedError

    def work(self):
        rng = self.rng
        while not self.run.is_ending:
            choice = rng.random()
            if self.tasks:
                task, done = self.tasks.popleft()
                yield from task
                done.append(True)
            elif choice < 0.03:
                yield from self.shuffle()
            elif choice < 0.04:
                yield from self.reload()
            elif choice < 0.06:
                yield from self.command("liftBan", clientId="*")
            elif choice < 0.08:
                response = yield from self.command("mode")
                self.check_mode(response)
            elif choice < 0.1:
                yield from self.command(rng.choice(("status", "counters", "listBans",
                                                    "listAlerts")))
            else:
                yield from self.breathe()

    def check_mode(self, response):
        modes = response.get("data", {})
        bad = [name for name, each in modes.items()
               if isinstance(each, dict) and (each.get("mode") != "enforce" or
                                              each.get("forced"))]
        if bad:
            self.fail("somebody else gave commands: %s" % response)

    def command(self, name, **members):
        self.responses.clear()
        request = {"commands": [dict(members, command=name)]}
        self.client.send(self.client.publish_packet(CONTROL, json.dumps(request).encode(), qos=1))
        yield from self.until(lambda: self.responses, "the response to %s" % name)
        response = self.responses.popleft()
        if "error" in response:
            self.fail("the command failed: %s" % response)
        return response

    def reload(self):
        """SIGHUP or $CONTROL; over when the new files are in force and all were asked."""
        while self.run.is_reloading:
            yield
        self.run.is_reloading = True
        before = self.run.reloads
        if self.run.has_bad_lists or self.rng.random() < 0.3:
            self.run.counts["reloads by command"] += 1
            yield from self.command("reload")
        else:
            self.run.counts["reloads by SIGHUP"] += 1
            self.run.broker.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + BOUND
        while self.run.reloads == before:
            if time.monotonic() > deadline:
                self.fail("the reload is not on the log")
            yield from self.breathe()
        for _ in range(2):
            self.ping()
            yield from self.until(lambda: self.pings == 0, "PINGRESP")
        self.run.is_reloading = False

    def shuffle(self, names=None, is_taken=None):
        """Takes fickle accounts away, gives them back, or changes their passwords."""
        rng, world = self.rng, self.world
        while self.run.is_reloading:
            yield
        names = names or rng.sample(world.fickle, rng.randrange(1, 4))
        accounts = [world.accounts[name] for name in names]
        for account in accounts:
            old = account.password
            if is_taken is None and account.is_there and rng.random() < 0.3:
                account.password = "secret %d of %s" % (next(self.changed), account.name)
            else:
                account.is_there = not account.is_there if is_taken is None else not is_taken
            account.away_since = None
            account.change({old, account.password}, True)
        world.write_accounts()
        yield from self.reload()
        for account in accounts:
            account.change({account.password} if account.is_there else (), account.is_there)
            self.run.counts["accounts changed"] += 1
        gone = [account.name for account in accounts if not account.is_there]
        yield from self.see_them_out(gone)

    def see_them_out(self, names):
        """Who is connected on the strength of these accounts alone is disconnected."""
        def left():
            return [client for client in self.run.clients.values()
                    if client.was_accepted and not client.is_closed and not client.is_sulking
                    and client.begun < begin and client.principals() and
                    client.principals() <= set(names)]

        begin = time.monotonic()
        deadline = begin + BOUND
        while names and left():
            if time.monotonic() > deadline:
                self.run.oracle.fail("still connected, though its account was taken away",
                                     left()[0])
            yield from self.breathe()


INNOCENTS = (StockFeed, OrderFeed, TlsReader, WssReader, CertificateReader, TokenReader,
             ScramBuyer, PasswordBuyer, Crew1, Crew2, Guests, LateGuests)


# ---- what an attacker says -----------------------------------------------------------------


def auth_data(body):
    """The authentication data in an AUTH packet."""
    return mqtt.property_of(0x16, body[1:]) or b""


def stamp(run):
    """The time of a message, which makes its payload unique."""
    return messages.WHEN.replace("Z", ".%09dZ" % run.serial())


STATUSES = {"pets": ("AVAILABLE", "PENDING", "ADOPTED", "NOT_AVAILABLE"),
            "orders": ("PLACED", "APPROVED", "SHIPPED", "DELIVERED", "CANCELLED"),
            "pay": ("PENDING", "PROCESSING", "SUCCEEDED", "FAILED", "CANCELLED")}
OWNERS = ("buyer-a", "buyer-b", "in00", "in04", "guest-1", "nobody")
PREFIX = {"pets": "p", "orders": "f", "payments": "f", "inventory": "junk"}


def legal_message(run, rng, kind=None):
    """(topic, payload) that the schema allows; whether the step does, the ledger says."""
    kind = kind or rng.choice(KINDS)
    last = rng.choice(TOPICS[kind])
    identity = "%s-%d" % (PREFIX[kind], rng.randrange(12))
    members = {"updatedAt": stamp(run)}
    if kind == "inventory":
        members.update(productId=identity, quantity=rng.randrange(100))
    elif kind == "pets" and last == "availability":
        members.update(petId=identity, available=rng.random() < 0.5)
    elif kind == "pets":
        members.update(petId=identity, status=rng.choice(STATUSES["pets"]))
    elif last == "payment" or kind == "payments":
        members.update(status=rng.choice(STATUSES["pay"]), amount="%d.00" % rng.randrange(99),
                       currency="EUR", orderId=identity)
        if kind == "payments":
            members.update(paymentId=identity, orderId="f-%d" % rng.randrange(12))
    else:
        members.update(orderId=identity, status=rng.choice(STATUSES["orders"]))
        if members["status"] == "PLACED" or rng.random() < 0.2:
            members["userId"] = rng.choice(OWNERS)
    return "%s/%s/%s" % (kind, identity, last), members


def spoil(run, rng, topic, members):
    """(topic, payload): no schema and no channel takes this."""
    way = rng.randrange(12)
    if way == 0:
        members["surprise"] = 1
    elif way == 1:
        members = [members]
    elif way == 2:
        members["status" if "status" in members else "updatedAt"] = "LOST %d" % run.serial()
    elif way == 3:
        topic = topic.replace("/", "/x", 1)  # another id than the payload's
    elif way == 4:
        return topic, json.dumps(members).encode()[:-1]
    elif way == 5:
        return topic, b"\xff\xfe" + json.dumps(members).encode()
    elif way == 6:
        members["updatedAt"] = "yesterday %d" % run.serial()
    elif way == 7:
        members["pad %d" % run.serial()] = "x" * rng.choice((1000, 17000, 70000))
    elif way == 8:
        return topic, b"[" * rng.choice((10, 100, 5000)) + b"%d" % run.serial()
    elif way == 9:
        topic = rng.choice(("weather/today", topic + "/more", topic.rsplit("/", 1)[0],
                            "orders//status", topic.upper(), "refusals/op", "alerts/takeover",
                            "refusals/in00", "$SYS/broker/petstore/x", "$share/g/" + topic,
                            "/" + topic, topic + "/"))
    elif way == 10:
        topic = rng.choice(("orders/+/status", "#", "", "\u0001/x/status", "a\ufffe/b",
                            "pets/" + "x" * 65 + "/status", "x/" * 300, "$", "$CONTROL",
                            "pets/\ud7ff/status"))
    else:
        return topic, b'{"a":%d' % run.serial() + bytes(rng.randrange(256) for _ in range(40))
    return topic, json.dumps(members).encode()


def commands(run, rng):
    """What only the operator may say."""
    command = rng.choice(({"command": "mode", "group": "schema", "mode": "off"},
                          {"command": "mode", "group": "limits", "mode": "observe"},
                          {"command": "liftBan", "clientId": "*"}, {"command": "reload"},
                          {"command": "listBans"}, {"command": "x" * 100}))
    return json.dumps({"commands": [dict(command, correlationData="%d" % run.serial())]}).encode()


def some_publish(run, rng, client):
    draw = rng.random()
    qos = rng.choice((0, 1, 1, 2, 2))
    retain = rng.random() < 0.15
    dup = rng.random() < 0.1 and qos > 0
    is_illegal = False
    if draw < 0.06:
        topic, payload = CONTROL, commands(run, rng)
    elif draw < 0.35:
        topic, payload = spoil(run, rng, *legal_message(run, rng))
        is_illegal = True
    elif draw < 0.4:
        topic, payload, retain = legal_message(run, rng)[0], b"", True
    else:
        kind = rng.choice(KINDS)
        account = run.world.accounts.get(client.claim.user)
        if account and account.rights.writes and rng.random() < 0.8:
            kind = rng.choice(account.rights.writes)[0]
        topic, members = legal_message(run, rng, kind)
        if rng.random() < 0.8 and kind in ("orders", "payments"):
            qos, retain = (2, False) if "pay" in topic else (max(qos, 1), retain)
        payload = json.dumps(members).encode()
        if "pay" in topic and (qos != 2 or retain) or kind == "orders" and qos == 0:
            is_illegal = True
    mid = rng.randrange(1, 6) if rng.random() < 0.1 else None
    alias = None
    if client.version == 5 and rng.random() < 0.1:
        alias = rng.choice((0, 1, 1, 2, 3, 10, 11, 65535))
        if rng.random() < 0.4:
            # Whether this topic is the alias's, or an error, is the broker's to say.
            topic = ""
    return client.publish_packet(topic, payload, is_illegal, qos, retain, dup, mid, alias)


def filters(run, rng):
    victim = rng.choice(run.world.victims)
    return [rng.choice((
        "#", "+/#", "+/+/+", "orders/#", "orders/+/status", "payments/#", "pets/#",
        "inventory/stream/stock", "refusals/#", "refusals/+", "refusals/%s" % victim,
        "refusals/%s/#" % victim, "alerts/#", "$SYS/#", "$SYS/broker/log/#", "$CONTROL/#",
        CONTROL + "/response", "$share/crew/orders/+/status", "$share/crew/orders/+/status",
        "$share/x%d/#" % rng.randrange(4), "$share/x/refusals/#", "$share/x/alerts/#", "$share//a",
        "$share/a", "$share/+/a", "a/#/b", "a+/b", "", "orders/" + "+/" * 300 + "#",
        "x" * HUGE, "\u0000", "orders/s-%d/status" % rng.randrange(50), "#/", "/", "+"))
            for _ in range(rng.choice((1, 1, 2, 5)))]


def some_subscribe(run, rng, client):
    wanted = filters(run, rng)
    account = run.world.accounts.get(client.claim.user)
    if account is None or "orders" in account.rights.reads:
        # Whoever may read all orders has a right to its part of the crew's.
        wanted = [each.replace("$share/crew/", "$share/other/") for each in wanted]
    if rng.random() < 0.2:
        return mqtt.unsubscribe(client.version, client.next_mid(), wanted)
    options = rng.choice((0, 1, 2, 2, 1, 3, 0x0E, 0x1D, 0xFF) if client.version == 5
                         else (0, 1, 2, 2, 3, 0x80))
    identifier = rng.choice((None, None, 1, 268435455)) if client.version == 5 else None
    mid = 0 if rng.random() < 0.03 else client.next_mid()
    return mqtt.subscribe(client.version, mid, wanted, options, identifier)


def some_ack(run, rng, client):
    """PUBREL for what waits for it, in any order; and acknowledgements of what never was."""
    if client.unreleased and rng.random() < 0.8:
        mid = rng.choice(client.unreleased)
        if rng.random() < 0.8:
            client.unreleased.remove(mid)
        data = mqtt.acknowledge(PUBREL, mid)
        return data * 2 if rng.random() < 0.2 else data
    code = rng.choice((None, 0, 0x10, 0x87, 0x92, 0xFF)) if client.version == 5 else None
    return mqtt.acknowledge(rng.choice((PUBACK, PUBREC, PUBREL, PUBCOMP)),
                            rng.choice((0, 1, 2, 3, 65535)), code)


def some_auth(run, rng, client):
    if client.version != 5:
        return mqtt.ping()
    code = rng.choice((0x18, 0x18, 0x19, 0x00, 0x87))
    scram = Scram(rng.choice(("buyer-a", "in00", "nobody", "op")), "guess",
                  "%08x" % rng.getrandbits(32))
    data = rng.choice((scram.begin(), scram.begin(), b"", None, b"c=biws,r=x,p=eA==", b"\0\xff",
                       "n,a=op," + scram.first, "y,," + scram.first, "n,,n=,r=",
                       "n,,n=%s,r=x" % ("x" * HUGE)))
    return mqtt.auth(code, rng.choice((METHOD, METHOD, "PLAIN", "")), data)


def some_garbage(run, rng, client):
    """Malformed: the broker is expected to close, or to wait for the rest."""
    return rng.choice((
        b"\x30\xff\xff\xff\xff\x01", b"\x10\x80", b"\xf0\x00", b"\x00\x00", b"\x20\x02\x00\x00",
        b"\x90\x03\x00\x01\x00", b"\x82\x02\x00\x01", b"\x32\x05\x00\x05abc", b"\x36\x04\x00\x01a\x00",
        b"\xc0\x01\x00", b"\xe0\x7f" + b"\0" * 127, b"\x30\xff\xff\xff\x7f" + b"x" * 200,
        b"\x80\x03\x00\x01\x00", b"\x62\x01\x00", b"\x30\x07\x00\x01a\xff\xff\xff\xff",
        b"\x30\x06\x00\x01a\x03\x23\x00", bytes(rng.randrange(256) for _ in range(60)),
        mqtt.packet(0x82, b"\0\1\0" + b"\0\1a\1" * 500)))


def some_packet(run, rng, client):
    """Any packet that MQTT has, and some that it has not."""
    draw = rng.random()
    if draw < 0.5:
        return some_publish(run, rng, client)
    if draw < 0.7:
        return some_subscribe(run, rng, client)
    if draw < 0.82:
        return some_ack(run, rng, client)
    if draw < 0.88:
        return mqtt.ping()
    if draw < 0.92:
        return some_auth(run, rng, client)
    if draw < 0.95:
        return client.connect_packet()  # once more
    if draw < 0.97:
        return mqtt.disconnect(client.version, rng.choice((None, 0, 4, 0x80)),
                               rng.choice((None, 0, 1, 2, 60)))
    return some_garbage(run, rng, client)


def some_will(run, rng, client):
    """(topic, payload, qos, retain, delay); many are forbidden."""
    topic, members = legal_message(run, rng, "pets" if rng.random() < 0.5 else None)
    payload, is_illegal = json.dumps(members).encode(), not topic.startswith("pets/")
    if rng.random() < 0.2:
        topic, payload = spoil(run, rng, topic, members)
        is_illegal = True
    if rng.random() < 0.05:
        topic, payload, is_illegal = CONTROL, commands(run, rng), False
    payload = payload[:60000]
    run.oracle.sending(client, topic, payload, is_illegal)
    delay = rng.choice((0, 0, 1, 2, 30)) if client.version == 5 else 0
    return topic, payload, rng.randrange(3), rng.random() < 0.3, delay


# ---- who an attacker is --------------------------------------------------------------------


def bad_claim(run, rng):
    """None of these proves anything. (claim, transport or None)"""
    world = run.world
    victim = rng.choice(world.victims + world.insiders)
    other = world.accounts[rng.choice([name for name in world.insiders if name != victim])]
    scram = Scram(victim, "guess", "%016x" % rng.getrandbits(64))
    now = int(time.time())
    return rng.choice((
        lambda: (Claim(note="nobody"), None),
        lambda: (Claim(victim, note="no password"), None),
        lambda: (Claim(victim, "", note="empty password"), None),
        lambda: (Claim(victim, "guess %d" % rng.randrange(10**6), note="wrong password"), None),
        lambda: (Claim(victim, "guess", note="wrong password"), None),
        lambda: (Claim(victim, other.password, note="another's password"), None),
        lambda: (Claim(victim, "x" * HUGE, note="huge password"), None),
        lambda: (Claim("nobody-%d" % rng.randrange(1000), "x", note="unknown user"), None),
        lambda: (Claim(rng.choice(("", "+", "#", "a/b", "{name}", "\u202eop", "op ", "Op",
                                   "x" * HUGE, "op\u200b", "\u0001")), "x",
                       note="odd user"), None),
        lambda: (Claim(None, world.token("badge-1", world.other_key), note="forged token"), None),
        lambda: (Claim(None, world.token("badge-1", seconds=-5), note="old token"), None),
        lambda: (Claim(None, world.token("badge-1", aud="other"), note="another's token"), None),
        lambda: (Claim("op", world.token("badge-1"), note="token of another"), None),
        lambda: (Claim(None, world.token("badge-1", nbf=now + 9999), note="early token"), None),
        lambda: (Claim(None, "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", note="none token"), None),
        lambda: (Claim(auth=(METHOD, scram.begin()), scram=scram, note="wrong SCRAM"), None),
        lambda: (Claim(victim, auth=(METHOD, scram.begin()), note="SCRAM not finished"), None),
        lambda: (Claim(auth=("PLAIN", b"\0op\0x"), note="other method"), None),
        lambda: (Claim(auth=(METHOD, None), note="SCRAM without data"), None),
        lambda: (Claim(note="no certificate"), "mtls"),
        lambda: (Claim(shown="nobody", note="unknown certificate"), "mtls"),
        lambda: (Claim(shown="forged", note="forged certificate"), "mtls"),
        lambda: (Claim(shown="over", note="certificate that is over"), "mtls"),
        lambda: (Claim(shown="collar-8", note="revoked certificate"), "mtls"),
        lambda: (Claim("op", shown="nobody", note="certificate and name"), "mtls"),
    ))()


def good_claim(run, rng):
    """An insider's, or a fickle account's, which may be gone. (claim, transport or None)"""
    world = run.world
    draw = rng.random()
    if draw < 0.08:
        return scram_claim(world, rng, rng.choice(("in00", "in01", "in02")), "SCRAM"), None
    if draw < 0.16:
        return Claim(shown="collar-7", proved=("collar-7",), note="certificate"), "mtls"
    name = rng.choice(world.fickle if draw < 0.5 else world.insiders)
    return Claim(name, world.accounts[name].password, note="good"), None


def some_id(run, rng, claim):
    """Of its own, of nobody, of a victim (who is bound to it), and impossible ones."""
    own = claim.user or (claim.proved[0] if claim.proved else "x")
    account = run.world.accounts.get(own)
    draw = rng.random()
    if draw < 0.6:
        return "%s-%d" % (own if len(own) < 64 else "x", rng.randrange(3))
    if draw < 0.65:
        return ""
    if draw < 0.8 and (account is None or account.is_bound or not claim.principals(
            run.world, "", 0, float("inf"))):
        return rng.choice(run.world.victims)
    if draw < 0.85:
        return rng.choice(("x" * HUGE, "x" * 65535, "\u0001", "a/b#", "+", "\U0001f408",
                           "$SYS", "%n%s", "op\u200b", " "))
    return "shared-%d" % rng.randrange(8)


def begin(run, rng, claim, transport, client_id=None, version=None):
    transport = transport or rng.choice(("tcp", "tcp", "tcp", "tls", "wss", "wss"))
    client_id = some_id(run, rng, claim) if client_id is None else client_id
    if version is None:
        is_new = claim.auth or claim.user is None and claim.password is not None
        version = 5 if is_new or rng.random() < 0.65 else 4
    return Client(run, transport, claim, client_id, version, run.source(rng))


def connect_options(run, rng, client):
    options = {"clean": rng.random() < 0.5, "keepalive": rng.choice((0, 1, 60, 65535))}
    if client.version == 5:
        options["expiry"] = rng.choice((None, 0, 1, 2, 3, 60, 0xFFFFFFFF))
        options["more"] = rng.choice((
            b"", b"", b"", b"\x21\x00\x01", b"\x27\x00\x00\x00\x40", b"\x22\x00\x0a",
            b"\x17\x00", b"\x21\x00\x00", b"\x26\x00\x01a\x00\x01b", b"\x99"))
    if rng.random() < 0.35:
        options["will"] = some_will(run, rng, client)
    return options


# ---- the attacks ---------------------------------------------------------------------------


def deliver(rng, client, data, extra):
    """CONNECT and what follows it: in one segment, in pieces, or in odd frames. A generator."""
    is_mqtt = client.transport != "wss"
    way = rng.random()
    if extra and way < 0.75 or way < 0.5:
        client.send(data + b"".join(extra))
    elif way < 0.7:
        client.send(data)
        for each in extra:
            client.send(each)
    elif is_mqtt:
        whole = data + b"".join(extra)
        client.run.count(whole)
        at = 0
        while at < len(whole) and not client.is_closed:
            size = rng.choice((1, 2, 3, 10, 200))
            client.wire.write(whole[at : at + size])
            at += size
            if rng.random() < 0.3:
                yield
    else:
        yield from odd_frames(rng, client, data, extra)


def odd_frames(rng, client, data, extra):
    whole = data + b"".join(extra)
    client.run.count(whole)
    cut = rng.randrange(len(whole))
    client.wire.write_raw(mqtt.frame(whole[:cut], mqtt.BINARY, is_final=False))
    yield
    if rng.random() < 0.5:
        client.wire.write_raw(mqtt.frame(b"hello", mqtt.PING))
    client.wire.write_raw(mqtt.frame(whole[cut:], mqtt.CONTINUATION))
    if rng.random() < 0.2:
        client.wire.write_raw(rng.choice((
            mqtt.frame(b"", mqtt.CLOSE), mqtt.frame(b"x", mqtt.TEXT), mqtt.frame(b""),
            mqtt.frame(b"abc", mqtt.BINARY, is_masked=False), b"\x82\xff" + b"\xff" * 8,
            mqtt.frame(b"x" * 200, mqtt.PONG), b"\xf2\x80abcd")))


def wander(run, rng, number):
    """One connection from its begin to its end."""
    claim, transport = good_claim(run, rng) if rng.random() < 0.55 else bad_claim(run, rng)
    client = begin(run, rng, claim, transport)
    yield from wait_open(client)
    if rng.random() < 0.05:
        client.send(some_packet(run, rng, client))  # before CONNECT
    data = client.connect_packet(**connect_options(run, rng, client))
    if rng.random() < 0.03:
        at = rng.randrange(8)  # before the version: what else it says stays what it was
        data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    extra = []
    if rng.random() < 0.45:
        extra = [some_packet(run, rng, client) for _ in range(rng.randrange(1, 6))]
    yield from deliver(rng, client, data, extra)
    for _ in range(rng.randrange(STEPS_MAX)):
        yield
        if client.is_closed:
            break
        answer_scram(rng, client)
        if rng.random() < 0.02:
            client.is_sulking = True
        if rng.random() < 0.05:
            client.acks = not client.acks
        if client.was_accepted or rng.random() < 0.3:
            client.send(b"".join(some_packet(run, rng, client)
                                 for _ in range(rng.choice((1, 1, 1, 2, 8)))))
    yield from leave(run, rng, client)


def wait_open(client):
    """A moment for the handshake; whoever goes on earlier has its bytes queued."""
    for _ in range(20):
        if client.wire.is_open or client.is_closed:
            return
        yield


def answer_scram(rng, client):
    scram, challenge = client.claim.scram, client.challenge
    if challenge is None or scram is None:
        return
    client.challenge = None
    final = scram.answer(auth_data(challenge))
    if final is None or rng.random() < 0.1:
        return
    if rng.random() < 0.1:
        final = rng.choice((final[:-6] + "AAAAA=", final.replace("biws", "biwx"), "", "p=x"))
        client.claim.proved = ()
    client.send(mqtt.auth(0x18, METHOD, final))


def leave(run, rng, client):
    """DISCONNECT of some kind, an abrupt end, half a packet, or another connection's takeover."""
    way = rng.random()
    if way < 0.35:
        code = rng.choice((None, 0, 4)) if client.version == 5 else None
        client.send(mqtt.disconnect(client.version, code, rng.choice((None, None, 0, 1, 2, 60))))
        if rng.random() < 0.3:
            client.send(some_packet(run, rng, client))
    elif way < 0.5:
        client.wire.write(some_publish(run, rng, client)[:-1])
    elif way < 0.65 and client.client_id:
        again = begin(run, rng, copy.copy(client.claim), None if client.transport != "mtls" else "mtls",
                      client.client_id, client.version)
        yield from wait_open(again)
        again.send(again.connect_packet(**connect_options(run, rng, again)))
        for _ in range(rng.randrange(5)):
            yield
            answer_scram(rng, again)
        again.wire.close(rng.random() < 0.5)
    elif way < 0.7:
        for _ in range(100):  # stays
            yield
    client.wire.close(rng.random() < 0.5)


def half_open(run, rng, number):
    """TLS handshakes and HTTP requests that stop half way or make no sense."""
    transport = rng.choice(("tls", "wss", "mtls"))
    if rng.random() < 0.5:
        raw = Wire("tcp", run.broker.port(transport), run.source(rng))
        hello = mqtt.client_hello(run.world.context)
        raw.write(rng.choice((hello[: rng.randrange(1, len(hello))], hello, b"GET / HTTP/1.1\r\n",
                              b"\x16\x03\x01\xff\xff" + b"x" * 300,
                              mqtt.connect(5, "x", "op", "x"))))
        for _ in range(rng.randrange(40)):
            yield
            raw.flush()
        raw.close(rng.random() < 0.5)
        return
    client = Client(run, "tls" if transport == "mtls" else transport, Claim(note="HTTP"), "", 5,
                    run.source(rng))
    client.wire.is_upgraded = True  # says something else than an upgrade
    for _ in range(rng.randrange(2, 30)):
        client.wire.write_raw(rng.choice((b"GET / HTTP/1.1\r\n\r\n", b"\r\n", b"X: y\r\n",
                                          b"POST /mqtt HTTP/1.1\r\nContent-Length: 99999\r\n\r\n",
                                          b"X: " + b"y" * 9000 + b"\r\n")))
        yield
    client.wire.close(rng.random() < 0.5)


def early_words(run, rng, number):
    """A stranger's CONNECT that asks for a session, and more in the same segment."""
    for _ in range(rng.randrange(1, 6)):
        claim = Claim(rng.choice((rng.choice(run.world.victims), "u%d" % rng.randrange(10**6))),
                      "guess %d" % rng.randrange(10**6), note="early words")
        client = begin(run, rng, claim, rng.choice(("tcp", "tls", "wss")),
                       "evil-%d-%d" % (number, rng.randrange(3)), rng.choice((5, 5, 4)))
        yield from wait_open(client)
        options = {"expiry": rng.choice((None, 1, 2, 60))} if client.version == 5 else {}
        if rng.random() < 0.3:
            options["will"] = some_will(run, rng, client)
        rest = [mqtt.disconnect(client.version)] if rng.random() < 0.7 else []
        rest += [rng.choice((some_publish, some_subscribe, some_ack))(run, rng, client)
                 for _ in range(rng.randrange(1, 4))]
        client.send(client.connect_packet(**options) + b"".join(rest))
        for _ in range(rng.randrange(6)):
            yield
        if rng.random() < 0.7:
            client.wire.close(rng.random() < 0.5)


def crowd_at_reload(run, rng, number):
    """
    Accounts come and go, then the operator reloads, and while the broker is at it strangers
    say their names over websockets.
    """
    while run.is_reloading:
        yield
    run.is_reloading = True
    try:
        scram = rng.random() < 0.3
        names = ["in%02d" % rng.randrange(3)] if scram else rng.sample(run.world.insiders, 2)
        comers = []
        for at in range(12):
            name = names[at % len(names)]
            account = run.world.accounts[name]
            if scram:
                claim = scram_claim(run.world, rng, name, "comes and goes")
            else:
                claim = Claim(name, account.password, note="comes and goes")
            comer = begin(run, rng, claim, "tcp", "%s-c%d-%d" % (name, number, at), 5)
            comer.send(comer.connect_packet())
            comers.append(comer)
            yield
        for _ in range(40):
            for comer in comers:
                if comer.challenge is not None:
                    data, comer.challenge = auth_data(comer.challenge), None
                    comer.send(mqtt.auth(0x18, METHOD, comer.claim.scram.answer(data)))
            if all(comer.code is not None or comer.is_closed for comer in comers):
                break
            yield
        for comer in comers:
            if not comer.is_closed:
                comer.send(mqtt.disconnect(5))
            comer.wire.close()
        for _ in range(4):
            yield
        strangers = []
        for at in range(12):
            name = rng.choice(names + [rng.choice(run.world.guests)])
            strangers.append(begin(run, rng, Claim(name, note="only a name, at the reload"),
                                   rng.choice(("wss", "wss", "wss", "tls")),
                                   "%s-e%d-%d" % (name, number, at), 5))
            yield
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and not all(
                each.wire.is_open or each.is_closed for each in strangers):
            yield
        before = run.reloads
        run.counts["reloads by SIGHUP"] += 1
        run.broker.process.send_signal(signal.SIGHUP)
        for each in strangers:
            each.send(each.connect_packet())
            run.poll(0.003)
        deadline = time.monotonic() + BOUND
        while run.reloads == before:
            if time.monotonic() > deadline:
                run.oracle.fail("the reload is not on the log")
            yield
    finally:
        run.is_reloading = False
    for each in strangers:
        each.wire.close()


def taken_away(run, rng, number):
    """Sessions that outlive their connections, and then their accounts."""
    world = run.world
    names = rng.sample(world.fickle, rng.randrange(1, 4))
    made = []
    for at in range(rng.randrange(4, 12)):
        name = rng.choice(names)
        claim = Claim(name, world.accounts[name].password, note="to be taken away")
        client = begin(run, rng, claim, rng.choice(("tcp", "tcp", "tls", "wss")),
                       "%s-t%d-%d" % (name, number, at), 5)
        options = {"clean": False, "expiry": rng.choice((1, 1, 2, 3))}
        if rng.random() < 0.3:
            options["will"] = some_will(run, rng, client)
        client.send(client.connect_packet(**options) + mqtt.subscribe(
            5, client.next_mid(), ["#", "orders/#"]))
        made.append(client)
        yield
    for _ in range(10):
        yield
    for client in made:
        if rng.random() < 0.8:
            if rng.random() < 0.5:
                client.send(mqtt.disconnect(5))
            client.wire.close(rng.random() < 0.3)
    for _ in range(5):
        yield
    yield from run.operator_does(run.operator.shuffle(names, is_taken=True))
    for _ in range(rng.randrange(100)):
        yield
    yield from run.operator_does(run.operator.shuffle(names, is_taken=False))
    for client in made:
        client.wire.close()


SCENES = {wander: 80, early_words: 8, half_open: 5, crowd_at_reload: 2, taken_away: 3}


def seeds(usual):
    """ATTACK_SEED; else one of its own for a run by the clock, and @usual for all others."""
    if os.environ.get("ATTACK_SEED"):
        return [os.environ["ATTACK_SEED"]]
    if os.environ.get("ATTACK_SECONDS"):
        return ["%d" % random.SystemRandom().randrange(10**9)]
    return usual


def bounds():
    """(turns, seconds or None) as the environment has it."""
    return (int(os.environ.get("ATTACK_ROUNDS") or ROUNDS),
            float(os.environ.get("ATTACK_SECONDS") or 0) or None)
