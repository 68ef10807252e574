"""Who keeps to the contract, must not notice any of what the attacker does, and says if it does."""

import collections
import itertools
import json
import random
import signal
import time

import messages
import wire as mqtt
from oracle import BOUND
from peer import Client
from rawmqtt import PINGRESP, PUBACK, SUBACK, UNSUBACK
from world import CONTROL, METHOD, Claim, scram_claim


class Innocent:
    """
    Keeps to the contract. Generators: arrive(), live() until the run ends, finish().
    @claim: function without arguments to a new Claim; a session is kept.
    """

    name = None
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
            data = mqtt.auth_data(client.challenge)
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
