"""What must hold whatever the attacker does.

Each rule holds whichever way the broker takes where MQTT leaves it several, and in whichever
order it comes to things: what is not sure is not judged. A rule that is broken raises
Violation, which shows the seed, the last packets of the connection, and the log's end.
"""

import collections
import json
import re
import urllib.parse

from rawmqtt import PUBACK
from world import CONTROL, TOPICS, kind_of

BOUND = 120  # seconds that an answer may take, with sanitizers and on a busy machine
LOG_SHOWN = 6000

# What the broker, the C library, the kernel or a sanitizer says of broken memory. The broker
# escapes no client ids, so that these are looked for where no client's words can stand.
BROKEN = re.compile(r"^(?:==\d+==ERROR: .*|.*: runtime error: .*|.*AddressSanitizer:? .*"
                    r"|(?:free|malloc|realloc|munmap_chunk|double free|corrupted)[^:]{0,40}(?:\(\)|: ).*"
                    r"|.*[Aa]ssertion .* failed.*|Segmentation fault.*|\*\*\* .* \*\*\*.*)$", re.M)
EXPIRED = re.compile(r"Expiring client (\S+) due to timeout")


def status_of(payload):
    """A status that stands already may be said again, and need not be kept once more."""
    try:
        return json.loads(payload).get("status")
    except (ValueError, AttributeError):
        return None


def steps(listed):
    """The statuses of a list of steps, some of which name a scope."""
    return [each["to"] if isinstance(each, dict) else each for each in listed]


SERIAL = re.compile(r'"correlationData": ?"([^"]*)"')


class Violation(AssertionError):
    pass


class Sent:
    """A payload that is sent, which is unique; who may have sent it, and what came of it."""

    __slots__ = ("clients", "topic", "times", "is_illegal", "yes", "no")

    def __init__(self, topic, is_illegal):
        self.clients, self.topic, self.is_illegal = [], topic, is_illegal
        self.times = self.yes = self.no = 0


class Oracle:
    def __init__(self, world, seed):
        self.world = world
        self.broker = world.broker
        self.seed = seed
        self.sent = {}  # payload -> Sent
        self.delivered_to = collections.defaultdict(set)  # (kind, id) -> own principals
        self.delivered_payloads = {}  # payload -> (topic, client)
        self.asked = collections.defaultdict(set)  # correlation of a command -> who sent it
        self.attacked = set()  # client ids that attackers used as well
        self.counts = collections.Counter()
        self.log_at = 0
        self.is_partial = ""  # the log's last line, not whole yet

    def fail(self, what, client=None):
        shown = "\n".join(client.history()) if client else ""
        raise Violation("%s\nseed %s\n%s\n%s\n---- the log ends:\n%s" % (
            what, self.seed, client or "", shown, self.broker.log()[-LOG_SHOWN:]))

    # ---- connections ----

    def connack(self, client, code):
        self.counts["accepted" if code == 0 else "refused"] += 1
        if code:
            return
        client.was_accepted = True
        if not client.principals():
            self.fail("CONNACK 0 without a good credential", client)

    def received(self, client, kind):
        """Something other than CONNACK, AUTH or DISCONNECT."""
        if not client.was_accepted:
            self.fail("a packet of kind %d before CONNACK 0" % kind, client)

    # ---- messages ----

    def sending(self, client, topic, payload, is_illegal):
        if not payload:
            return
        sent = self.sent.get(payload)
        if sent is None:
            sent = self.sent[payload] = Sent(topic, is_illegal)
        sent.times += 1
        if client not in sent.clients:
            sent.clients.append(client)
        if topic == CONTROL:
            for serial in SERIAL.findall(payload.decode("utf-8", "replace")):
                self.asked[serial] |= {client} | ({client.client_id} if client.client_id else set())

    def acked(self, client, topic, payload, kind, code):
        name = "PUBACK" if kind == PUBACK else "PUBREC"
        self.counts["%s %s" % (name, "yes" if code < 0x80 else "0x%02x" % code)] += 1
        if client.version != 5 or not payload or topic is None:
            return  # MQTT 3.1.1 has no word for no
        sent = self.sent.get(payload)
        if sent is None:
            return
        if code < 0x80:
            sent.yes += 1
            if topic.startswith("$CONTROL/"):
                return
            said = "%s %r" % (topic, payload[:300])
            if sent.is_illegal:
                self.fail("acknowledged, though it is illegal: " + said, client)
            if not any(self.world.accounts[name].rights.may_write(topic)
                       for name in client.principals()):
                self.fail("acknowledged, though its sender may not say it: " + said, client)
        elif code == 0x87:  # 0x97 may come behind the plugin's yes, from the broker
            sent.no += 1

    def _answered(self, client, topic, payload):
        """Whoever is signed in may ask; the answer is for who asked alone."""
        if topic != CONTROL + "/response":
            self.fail("delivered a command: %s %r" % (topic, payload[:300]), client)
        for response in json.loads(payload)["responses"]:
            serial = response.get("correlationData")
            if serial and client.client_id not in self.asked[serial] and \
                    client not in self.asked[serial]:
                self.fail("another's answer: %r" % payload[:300], client)

    def delivered(self, client, topic, payload):
        self.counts["delivered"] += 1
        names = client.principals()
        if not names:
            self.fail("delivered to nobody: %s" % topic, client)
        kind = kind_of(topic)
        if kind == "control":
            self._answered(client, topic, payload)
            return
        rights = [self.world.accounts[name].rights for name in names]
        if not any(kind in each.reads or kind in each.own for each in rights):
            if not (kind == "refusals" and self._is_of(client, topic)):
                self.fail("delivered what its scopes do not allow: %s %r" % (
                    topic, payload[:300]), client)
        elif not any(kind in each.reads for each in rights):
            entity = topic.split("/")[1]
            for name in names:
                self.delivered_to[kind, entity].add((name, len(names), client))
        if payload and kind in TOPICS:
            self.delivered_payloads.setdefault(payload, (topic, client))

    @staticmethod
    def _is_of(client, topic):
        """A notice for this very client: the last level is its id, percent-encoded."""
        own = client.client_id or client.assigned_id
        return own is None or topic.split("/")[-1] == urllib.parse.quote(own, safe="")

    # ---- the log ----

    def read_log(self):
        """What is new on the log; and what it says of broken things."""
        if self.broker._log_size() == self.log_at:
            return ""
        with open(self.broker.path("log"), "rb") as file:
            file.seek(self.log_at)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        self.log_at += len(data)
        text = data.decode("utf-8", "backslashreplace")
        found = BROKEN.search(text)
        if found:
            self.fail("the log says: " + found.group())
        for match in EXPIRED.finditer(text):
            # What never came to be a session may expire under whatever id it had.
            if self.is_bystander(match.group(1)) and match.group(1) not in self.attacked:
                self.fail("a bystander was taken for away: " + match.group())
        return text

    def is_bystander(self, client_id):
        return any(client_id == name or client_id.startswith(name + "-")
                   for name in self.world.victims + ["watch-2", "badge-2"])

    # ---- the end: the database ----

    def at_end(self):
        """When the broker has stopped, and with it the writer."""
        events = self.broker.rows(
            "SELECT seq, topic, publisher, client_id, payload, will FROM events ORDER BY seq")
        self.counts["events"] = len(events)
        kept = set()
        stood = {}
        said = set()  # (topic, status)
        for seq, topic, publisher, client_id, payload, is_will in events:
            data = payload.encode() if isinstance(payload, str) else bytes(payload)
            where = "event %d: %s of %s (client %r)%s: %r" % (
                seq, topic, publisher, client_id, ", a will" if is_will else "", data[:300])
            kept.add(data)
            self._event(where, topic, publisher, data, is_will)
            if data:
                self._step(where, topic, data, stood, said)
        self._acknowledged(kept, said)
        for payload, (topic, client) in self.delivered_payloads.items():
            if payload not in kept and (topic, status_of(payload)) not in said:
                sent = self.sent.get(payload)
                self.fail("delivered to %s and not kept: %s %r" % (client, topic, payload[:300]),
                          sent.clients[0] if sent else client)
        self._standing(stood)
        self._owners()
        if self.broker.rows("SELECT count(*) FROM events WHERE correction = 1") != [(0,)]:
            self.fail("a status was put right by somebody who may not")

    def _event(self, where, topic, publisher, data, is_will):
        account = self.world.accounts.get(publisher)
        if account is None or not account.rights.may_write(topic):
            self.fail("kept, though its publisher may not send it: " + where)
        if is_will and not topic.startswith("pets/"):
            self.fail("kept, though no will is allowed there: " + where)
        sent = self.sent.get(data)
        if sent is None:
            if data:
                self.fail("kept, and nobody sent it: " + where)
            return
        if sent.is_illegal:
            self.fail("kept, though it is illegal: " + where, sent.clients[0])
        if not any(publisher in client.principals() for client in sent.clients):
            self.fail("kept in the name of somebody else: " + where, sent.clients[0])
        if sent.no and sent.times == sent.no:
            self.fail("kept, though it was refused: " + where, sent.clients[0])

    def _step(self, where, topic, data, stood, said):
        machine = self._machine(topic)
        if machine is None:
            return
        status = json.loads(data).get("status")
        said.add((topic, status))
        now = stood.get(topic)
        if now is None:
            legal = status in steps(machine["first"])
        else:
            legal = status == now or status in steps(machine["next"][now])
        if not legal:
            self.fail("kept, though %s does not follow %s: %s" % (status, now, where))
        stood[topic] = status

    def _machine(self, topic):
        parts = topic.split("/")
        name = {("pets", "status"): "pet", ("orders", "status"): "order",
                ("orders", "payment"): "payment",
                ("payments", "status"): "payment"}.get((parts[0], parts[2]))
        return self.machines[name] if name else None

    @property
    def machines(self):
        if not hasattr(self, "_machines"):
            with open(self.broker.contract) as file:
                self._machines = json.load(file)["x-state-machines"]
        return self._machines

    def _acknowledged(self, kept, said):
        for payload, sent in self.sent.items():
            if not sent.yes or payload in kept or sent.topic is None or \
                    kind_of(sent.topic) not in TOPICS:
                continue
            if (sent.topic, status_of(payload)) not in said:
                self.fail("acknowledged and not kept: %s %r" % (sent.topic, payload[:300]),
                          sent.clients[0])

    def _standing(self, stood):
        for table, last, column in (("pets", "status", "status"), ("orders", "status", "status"),
                                    ("orders", "payment", "payment_status"),
                                    ("payments", "status", "status")):
            for identity, status in self.broker.rows("SELECT id, %s FROM %s" % (column, table)):
                topic = "%s/%s/%s" % (table, identity, last)
                if status != stood.get(topic):
                    self.fail("%s stands at %s in the table, and its last event says %s" % (
                        topic, status, stood.get(topic)))

    def _owners(self):
        orders = dict(self.broker.rows("SELECT id, owner FROM orders"))
        payments = dict(self.broker.rows("SELECT id, order_id FROM payments"))
        for (kind, entity), receivers in self.delivered_to.items():
            order = payments.get(entity) if kind == "payments" else entity
            owner = orders.get(order)
            for name, count, client in receivers:
                if count == 1 and owner != name:
                    self.fail("%s/%s was delivered to %s and is of %s" % (
                        kind, entity, name, owner), client)
