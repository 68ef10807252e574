"""A stateful attacker that speaks raw MQTT, and the innocents beside it.

A run is a broker (world.py says with which accounts), a crowd of actors (moves.py, innocents.py),
and an oracle of what must hold (oracle.py). Each actor is a generator that does one thing at a time
and yields; a seeded scheduler picks who goes on, so that dozens of connections are at odds at any
moment. There are

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

import itertools
import os
import random
import re
import selectors
import signal
import subprocess
import time

import wire as mqtt
from innocents import INNOCENTS, Operator
from moves import SCENES, crowd_at_reload
from oracle import BOUND, Oracle, Violation
from world import World

ACTORS_MAX = 60  # wanderers and scenes at a time
SYNC_EVERY = 40  # turns between two answers that are waited for
ROUNDS = 15000  # turns of actors, where nobody says how many
NAMES = {1: "CONNECT", 3: "PUBLISH", 4: "PUBACK", 5: "PUBREC", 6: "PUBREL", 7: "PUBCOMP",
         8: "SUBSCRIBE", 10: "UNSUBSCRIBE", 12: "PINGREQ", 14: "DISCONNECT", 15: "AUTH",
         0: "kind 0", 2: "CONNACK", 9: "SUBACK", 11: "UNSUBACK", 13: "PINGRESP"}


def spoils_keepalives():
    """
    2.0.12 to 2.0.x make their lists of keepalives anew after SIGHUP without the websockets that
    are being closed then, which spoils the lists, without any plugin. There the operator
    reloads by command, and test_websocket_reload.py has what is ours.
    """
    version = re.search(r"version (\d+)\.(\d+)\.(\d+)", subprocess.run(
        ["mosquitto", "-h"], text=True, stdout=subprocess.PIPE, check=False).stdout)
    return (2, 0, 11) < tuple(map(int, version.groups())) < (2, 1, 0)


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
        crowd = self.actors if self.actors and self.random.random() < 0.6 else self.standing
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
