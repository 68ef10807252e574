"""
Lookups by clients that ask without end for what costs most, with nonsense and with what others were
given to go on, leave while answers are made, and see the rules reloaded meanwhile: each answer is one
of those that are promised, nobody sees what is another's, and somebody else is answered, too.
"""

import json
import random
import threading

import engines
import messages
from test_console_lookups import Asker, carried, fill, place

COMMANDS = ["listEvents", "listEvents", "listEvents", "listEntities", "getEntity", "listRefusals",
            "countRefusals", "contract"]
ASKED = 60
PREFIXES = ["", "o", "orders/", "orders/other-1", "inventory/", "é/\u0001%_'\"", "+/#", "x" * 60000]
TIMES = ["2000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday"]
PLACES = ["", "x", "-1", "9" * 19, "-" + "9" * 18, "0", "1 OR 1=1", "2026-01-01T00:00:00Z x", "é", "1e5"]
CODES = {"busy", "changed", "scope-missing", "not-found", "too-large"}
SENTENCES = ("after: is none that was given", "since: expected a time", "by: expected",
             "prefix: is longer than a topic", "id: is longer than any", "request: /commands/0/")


class Hammer(threading.Thread):
    """Asks; what is wrong with an answer is kept in @faults."""

    def __init__(self, broker, user, seed, places):
        super().__init__()
        self.broker, self.user, self.places = broker, user, places
        self.random = random.Random(seed)
        self.faults, self.answered = [], 0

    def members(self, command):
        pick = self.random.choice
        ways = {
            "listEvents": [{}, {"prefix": pick(PREFIXES)}, {"mine": True}, {"since": pick(TIMES)},
                           {"topic": "orders/other-7/status"}, {"mine": True, "prefix": "orders/"}],
            "listEntities": [{}, {"entity": "order"}, {"entity": "payment"}, {"entity": "nothing"},
                             {"entity": "order", "id": "%"}],
            "getEntity": [{"entity": "order", "id": pick(["x", "a" * 70, "%", "'"])}],
            "countRefusals": [{"by": pick(["topic", "reason", "payload"])}],
        }
        members = dict(pick(ways.get(command, [{}])))
        if command.startswith("list"):
            members["limit"] = pick([1, 50, 200])
            if self.random.random() < 0.6:
                members["after"] = pick(PLACES + self.places[-9:])
        return members

    def check(self, command, members, response):
        if "error" in response:
            is_known = response.get("code") in CODES or response["error"].startswith(SENTENCES)
            if not is_known:
                self.faults.append((command, members, response))
            return
        data = response["data"]
        if isinstance(data.get("next"), str):
            self.places.append(data["next"])
        if self.user == "customer-a" and "prefix" in members and not members.get("mine"):
            self.faults += [row for row in data["rows"] if row["topic"].startswith("orders/other")]

    def run(self):
        asker = None
        while self.answered < ASKED:
            asker = asker or Asker(self.broker, self.user)
            command = self.random.choice(COMMANDS)
            members = self.members(command)
            number = asker.send(command, **members)
            if self.random.random() < 0.1:
                asker.client.drop()
                asker = None
                continue
            self.check(command, members, asker.response(number))
            self.answered += 1


def test_lookups_without_end(new_broker):
    broker = new_broker()
    broker.start()
    place(broker, *["customer-a"] * 3)
    client = broker.client("backoffice")
    for number in range(20):
        topic, payload = messages.stock("big-%d" % number, number)
        assert client.publish(topic, payload + b" " * 12000, qos=1) < 0x80
    carried(broker, topic)
    fill(broker, 30000, "'orders/other-' || (i % 20000) || '/status'")
    large = "CAST(zeroblob(1000000) AS TEXT)" if engines.IS_SQLITE else "repeat('x', 1000000)"
    broker.database.change("UPDATE events SET payload = %s WHERE seq > 1000000 AND seq <= 1000200" % large)
    places = ["1000200"]
    hammers = [Hammer(broker, user, seed, places)
               for seed, user in enumerate(("backoffice", "customer-a", "customer-b", "backoffice"))]
    for hammer in hammers:
        hammer.start()
    for _ in range(3):
        other = Asker(broker, "supervisor")
        assert other.data("listEntities", entity="order")["rows"]
        broker.reload()
    for hammer in hammers:
        hammer.join()
        assert hammer.faults == [] and hammer.answered == ASKED
    assert json.dumps(Asker(broker, "customer-a").data("listEntities", entity="order"))
