"""One connection of an actor: what it sent, what came, and whom it may be taken for."""

import collections
import time

import wire as mqtt
from rawmqtt import AUTH, CONNACK, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from wire import Wire


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
        self.is_mangled = False  # its proof was, on the way
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
        names = self.claim.principals(self.run.world, self.client_id, self.begun, until)
        return names - set(self.claim.proved) if self.is_mangled else names

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
