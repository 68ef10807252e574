"""What commands read from the database: whose rows they show, in which order, and how much."""

import base64
import gzip
import json
import os
import threading
import time

import engines
import harness
import messages
from test_reload import edit_json

COMMANDS = "$CONTROL/petstore/v1"
RESPONSE = COMMANDS + "/response"
NEEDS_POWER = False  # a slow disk is not what it is about


class Asker:
    """A client that gives commands, one at a time."""

    def __init__(self, broker, user, **options):
        self.client = broker.client(user, **options)
        self.number = 0

    def send(self, command, **members):
        self.number += 1
        wanted = dict(members, command=command, correlationData=str(self.number))
        assert self.client.publish(COMMANDS, json.dumps({"commands": [wanted]}).encode(), qos=1) < 0x80
        return str(self.number)

    def response(self, number=None):
        """The next one; @number: that it answers."""
        message = self.client.message()
        assert message.topic == RESPONSE
        assert len(message.payload) <= 65536
        response, = json.loads(message.payload)["responses"]
        assert number is None or response["correlationData"] == number
        return response

    def ask(self, command, **members):
        """The response; again where so many commands were given in this second."""
        while True:
            response = self.response(self.send(command, **members))
            if response.get("code") != "busy":
                return response
            time.sleep(0.2)

    def data(self, command, **members):
        response = self.ask(command, **members)
        assert "error" not in response, response
        return response["data"]

    def error(self, command, **members):
        response = self.ask(command, **members)
        assert response["error"] and "data" not in response
        return response

    def pages(self, command, key="rows", **members):
        """Rows of all pages."""
        rows, after = [], {}
        while True:
            data = self.data(command, **members, **after)
            rows += data[key]
            if data["next"] is None:
                return rows
            after = {"after": data["next"]}


class AskerUnder(Asker):
    """Under a client id that it shares with others: while an answer to one of them is underway it is not let in."""

    def __init__(self, broker, user, client_id):
        self.number = 0
        self.client = harness.until(lambda: self._let_in(broker, user, client_id), "to be let in")

    @staticmethod
    def _let_in(broker, user, client_id):
        client = broker.try_client(user, broker.password(user), client_id=client_id)
        return client if client.code == 0 else None


def place(broker, *owners, moves=()):
    """A new order of each owner, and the steps; their ids, once the database has all of it."""
    client = broker.client("backoffice")
    ids = []
    for owner in owners:
        ids.append(messages.unique("ord"))
        assert client.publish(*messages.order(ids[-1], userId=owner), qos=1) < 0x80
        for status in moves:
            assert client.publish(*messages.order(ids[-1], status), qos=1) < 0x80
    carried(broker, "orders/%s/status" % ids[-1], 1 + len(moves))
    client.disconnect()
    return ids


def carried(broker, topic, count=1):
    broker.wait_rows([(count,)], "SELECT count(*) FROM events WHERE topic = ?", topic)


def fill(broker, count, topic, publisher="backoffice"):
    """Events 1,000,001 and so on; @topic: SQL of i. Nothing may be published afterwards."""
    more, values = ("", "") if engines.IS_SQLITE else (", origin, origin_seq", ", 'filled', i")
    broker.database.change(
        "WITH RECURSIVE n(i) AS (SELECT 1000001 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
        "INSERT INTO events (seq, received_at, topic, publisher, client_id, qos, retained, "
        "payload%s) SELECT i, '2026-01-01T00:00:00.000Z', %s, '%s', '%s/x', 1, 0, '{}'%s FROM n"
        % (1000000 + count, more, topic, publisher, publisher, values))


def ids_of(rows):
    return [row["id"] for row in rows]


def unpacked(asker, command, **members):
    """The data that come by gzip, and in how many messages (0: as they are)."""
    number, packed, offset, count = asker.send(command, encoding="gzip", **members), b"", 0, 0
    while offset is not None:
        message = asker.client.message()
        assert message.topic == RESPONSE and len(message.payload) < 4032
        response, = json.loads(message.payload)["responses"]
        assert response["correlationData"] == number and response["command"] == command
        data = response["data"]
        if "encoding" not in data:
            return data, 0
        assert data["encoding"] == "gzip" and data["offset"] == len(packed)
        packed += base64.b64decode(data["text"], validate=True)
        offset, count = data["next"], count + 1
        assert offset in (None, len(packed))
    assert data["size"] == len(packed)
    return json.loads(gzip.decompress(packed)), count


def test_answers_by_gzip(new_broker):
    """Each is what it is otherwise, in small messages, to a client by websockets, too."""
    broker = new_broker().start()
    place(broker, *["customer-a"] * 60, moves=("APPROVED",))
    for transport in ("tcp", "wss"):
        asker = Asker(broker, "backoffice", transport=transport)
        for command, members, parts in (("listEvents", {"limit": 200}, 1), ("listEntities", {"entity": "order"}, 1),
                                        ("listEntities", {}, 0), ("listEvents", {"limit": 1}, 0),
                                        ("countRefusals", {"by": "reason"}, 0)):
            data, count = unpacked(asker, command, **members)
            assert data == asker.data(command, **members)
            assert count >= parts and (count > 0) == (parts > 0), (command, members, count)
        assert {row["entity"] for row in unpacked(asker, "listEntities")[0]["entities"]} >= {"order", "pet"}
        assert unpacked(asker, "history")[0]["step"] == 10
        assert asker.error("listEntities", entity="none", encoding="gzip")["code"] == "not-found"
        assert asker.error("getEntity", entity="order", id="a", encoding="br")["error"].endswith("encoding: expected gzip or identity")


def test_an_account_sees_its_own_rows(broker):
    mine, other = place(broker, "customer-a", "customer-b")
    for user, sees in (("customer-a", {mine}), ("customer-b", {other}),
                       ("backoffice", {mine, other}), ("orders-service", {mine, other})):
        asker = Asker(broker, user)
        for id in (mine, other):
            data = asker.data("listEntities", entity="order", id=id)
            assert ids_of(data["rows"]) == ([id] if id in sees else []) and data["next"] is None
            topic = "orders/%s/status" % id
            events = asker.data("listEvents", topic=topic)["rows"]
            assert [each["topic"] for each in events] == ([topic] if id in sees else [])
            if id in sees:
                assert asker.data("getEntity", entity="order", id=id)["row"]["id"] == id
            else:
                assert asker.error("getEntity", entity="order", id=id)["code"] == "not-found"
    assert set(ids_of(Asker(broker, "customer-a").pages("listEntities", entity="order"))) == {mine}


def test_a_payment_belongs_to_its_orders_owner(broker):
    order, other = place(broker, "customer-a", "customer-b")
    payments = [messages.unique("pay") for _ in range(2)]
    client = broker.client("backoffice")
    for payment, of in zip(payments, (order, other)):
        assert client.publish(*messages.payment(payment, of), qos=2) < 0x80
    carried(broker, "payments/%s/status" % payments[1])
    asker = Asker(broker, "customer-a")
    rows = asker.pages("listEntities", entity="payment")
    assert payments[0] in ids_of(rows) and payments[1] not in ids_of(rows)
    assert {row["order_id"] for row in rows if row["id"] == payments[0]} == {order}
    history = asker.data("getEntity", entity="payment", id=payments[0])["history"]
    assert [each["topic"] for each in history] == ["payments/%s/status" % payments[0]]
    assert asker.error("getEntity", entity="payment", id=payments[1])["code"] == "not-found"


def test_an_account_without_a_read_scope_sees_none(broker):
    place(broker, "customer-a")
    collar = Asker(broker, "collar-7")
    assert collar.data("listEntities") == {"entities": [], "next": None}
    for command, members in (("listEntities", {}), ("getEntity", {"id": "x"})):
        response = collar.error(command, entity="order", **members)
        assert (response["code"], response["scope"]) == ("scope-missing", "read:orders")
    assert collar.pages("listEvents") == []
    assert collar.error("listRefusals")["scope"] == "control:listRefusals"


def test_mine_is_what_the_same_client_published(broker):
    client = "collar-7/%s" % messages.unique("x")
    asker = Asker(broker, "collar-7", client_id=client)
    topic, payload = messages.pet_status("collar-7", "AVAILABLE")
    if broker.rows("SELECT 1 FROM pets WHERE id = 'collar-7'"):
        topic, payload = messages.availability("collar-7")
    assert asker.client.publish(topic, payload, qos=1) < 0x80
    carried(broker, topic)
    event, = asker.data("listEvents", topic=topic, mine=True, limit=1)["rows"]
    assert (event["topic"], event["publisher"], event["client_id"]) == (topic, "collar-7", client)
    assert event["payload"].encode() == payload and event["qos"] == 1 and event["retain"] is False
    assert [(event["seq"],)] == broker.rows("SELECT seq FROM events WHERE topic = ?", topic)
    assert asker.data("listEvents", topic=topic)["rows"] == []
    assert Asker(broker, "collar-7").data("listEvents", topic=topic, mine=True)["rows"] == []
    assert Asker(broker, "backoffice").data("listEvents", topic=topic, mine=True)["rows"] == []


def test_the_history_of_an_order_comes_oldest_first(broker):
    order, = place(broker, "customer-a", moves=("APPROVED",))
    client = broker.client("backoffice")
    assert client.publish(*messages.order_payment(order), qos=2) < 0x80
    carried(broker, "orders/%s/payment" % order)
    for user in ("customer-a", "backoffice"):
        asker = Asker(broker, user)
        data = asker.data("getEntity", entity="order", id=order)
        assert data["row"]["status"] == "APPROVED" and data["row"]["owner"] == "customer-a"
        assert data["next"] is None
        assert [each["topic"].split("/")[2] for each in data["history"]] == \
            ["status", "status", "payment"]
        assert [json.loads(each["payload"])["status"] for each in data["history"]] == \
            ["PLACED", "APPROVED", "PENDING"]
        found, after = [], {}
        while after is not None:
            page = asker.data("getEntity", entity="order", id=order, limit=1, **after)
            found += page["history"]
            after = page["next"] and {"after": page["next"]}
        assert found == data["history"]


def test_which_entities_there_are(broker):
    place(broker, "customer-a")
    kinds = {each["entity"]: each for each in Asker(broker, "backoffice").data("listEntities")["entities"]}
    assert set(kinds) == {"pet", "order", "payment"}
    order = kinds["order"]
    assert order["table"] == "orders" and {"name": "pet_id", "type": "text"} in order["columns"]
    assert "PLACED" in order["statuses"]["status"] and order["machines"]["payment_status"] == "payment"
    assert "orders/{orderId}/status" in order["channels"] and order["counts"]["PLACED"] >= 1
    mine = {each["entity"]: each for each in Asker(broker, "customer-a").data("listEntities")["entities"]}
    assert set(mine) == {"pet", "order", "payment"}
    assert "counts" in mine["pet"] and "counts" not in mine["order"]


def contract_of_kinds(kinds, channels, secret):
    """A client's: each kind with so many channels, whose addresses are long; @secret are for nobody."""
    document = {"asyncapi": "3.0.0", "info": {"title": "Kinds", "version": "1"}, "x-perspective": "client",
                "channels": {}, "operations": {}, "x-entities": {},
                "x-state-machines": {"state": {"first": ["NEW"], "next": {"NEW": []}}},
                "components": {"securitySchemes": {
                    "secret": {"type": "oauth2", "flows": {}, "scopes": ["secret.read"]}}}}
    for kind in kinds:
        document["x-entities"][kind] = {"table": kind + "s", "columns": {"state": {"stateMachine": "state"}}}
        for number in range(channels[kind]):
            key = "%s%d" % (kind, number)
            document["channels"][key] = {
                "address": "%s/%s/%d/{id}" % (kind, "x" * 1000, number),
                "parameters": {"id": {"location": "$message.payload#/id"}},
                "messages": {"m": {"payload": {"type": "object", "required": ["id", "state"], "properties": {
                    "id": {"type": "string"}, "state": {"type": "string"}}}}},
                "x-entity": {"entity": kind, "id": "id", "columns": {"state": "/state"}}}
            for action in "send", "receive":
                document["operations"][action + key] = {
                    "action": action, "channel": {"$ref": "#/channels/" + key},
                    **({"security": [{"$ref": "#/components/securitySchemes/secret"}]} if kind in secret else {})}
    return document


def test_kinds_that_are_more_than_an_answer_takes(new_broker, tmp_path):
    """Listed page by page, and however many channels one has, those behind it are reached."""
    kinds = ["a", "b", "c", "hidden", "d", "e"]
    channels = dict.fromkeys(kinds, 20) | {"c": 100}
    folder = tmp_path / "contract"
    folder.mkdir()
    contract, access = folder / "kinds.json", tmp_path / "access.json"
    contract.write_text(json.dumps(contract_of_kinds(kinds, channels, {"hidden"})))
    access.write_text(json.dumps({"roles": {"asks": {"scopes": ["control:listEntities"]}},
                                  "users": {"backoffice": {"roles": ["asks"]}}}))
    broker = new_broker(contract=str(contract), access=str(access))
    broker.start()
    asker = Asker(broker, "backoffice")
    first = asker.data("listEntities")
    listed = asker.pages("listEntities", key="entities")
    assert first["next"] == first["entities"][-1]["entity"] and first["entities"] == listed[:len(first["entities"])]
    seen = [each["entity"] for each in listed]
    assert sorted(seen) == sorted(set(kinds) - {"hidden"})
    for each in listed:
        assert each.get("cut", False) == (each["entity"] == "c")
        assert each["entity"] == "c" or len(each["channels"]) == 20
        assert set(each["channels"]) <= {"%s/%s/%d/{id}" % (each["entity"], "x" * 1000, number) for number in range(100)}
    assert [each["entity"] for each in asker.pages("listEntities", key="entities", limit=1)] == seen
    assert asker.data("listEntities", after=seen[-1]) == {"entities": [], "next": None}
    for after in ("none", "hidden"):  # one that is withheld is as one that is none
        assert asker.error("listEntities", after=after)["error"] == "after: is none that was given"


def test_rows_by_status_owner_and_id(broker):
    a, b = place(broker, "customer-a", "customer-b")
    asker = Asker(broker, "backoffice")
    assert asker.client.publish(*messages.order(b, "APPROVED"), qos=1) < 0x80
    carried(broker, "orders/%s/status" % b, 2)
    def listed(**members):
        return set(ids_of(asker.pages("listEntities", entity="order", **members))) & {a, b}
    assert listed(status="PLACED") == {a} and listed(status="APPROVED") == {b}
    assert listed(owner="customer-b") == {b} and listed(id=a[:-1]) >= {a}
    assert listed(id="nothing") == set()
    assert ids_of(asker.data("listEntities", entity="order", limit=1)["rows"]) == [b]


def test_paging_neither_loses_nor_repeats(broker):
    """More than 500 rows, while new ones come."""
    owner = "customer-b"
    ids = place(broker, *[owner] * 520)
    asker, busy = Asker(broker, owner), threading.Event()

    def place_more():
        client = broker.client("backoffice")
        while not busy.is_set():
            client.publish(*messages.order(messages.unique("late"), userId=owner), qos=1)
        client.disconnect()

    thread = threading.Thread(target=place_more)
    thread.start()
    try:
        rows = asker.pages("listEntities", entity="order", limit=40)
        events = asker.pages("listEvents", prefix="orders/ord", limit=40)
    finally:
        busy.set()
        thread.join()
    found = ids_of(rows)
    assert len(found) == len(set(found)) and set(found) >= set(ids)
    assert [row["updated_at"] for row in rows] == sorted((row["updated_at"] for row in rows), reverse=True)
    seqs = [event["seq"] for event in events]
    assert len(seqs) == len(set(seqs)) and seqs == sorted(seqs, reverse=True)
    assert {event["topic"] for event in events} >= {"orders/%s/status" % id for id in ids}
    owned = {"orders/%s/status" % id for id, in
             broker.rows("SELECT id FROM orders WHERE owner = ?", owner)}
    assert {event["topic"] for event in events} <= owned


def test_what_is_no_place_to_go_on(broker):
    asker = Asker(broker, "backoffice")
    for command, members in (("listEvents", {}), ("listRefusals", {}),
                             ("listEntities", {"entity": "order"}),
                             ("getEntity", {"entity": "pet", "id": place_pet(broker)})):
        for after in ("", "x", "1 OR 1=1", "9" * 40, "2026"):
            if command == "listEntities" or after not in ("2026",):
                assert asker.error(command, after=after, **members)["error"] == \
                    "after: is none that was given"
    assert asker.error("listEvents", since="yesterday")["error"] == "since: expected a time (RFC 3339)"
    assert asker.error("listEntities", entity="cat")["code"] == "not-found"
    assert "by: expected" in asker.error("countRefusals", by="payload")["error"]


def place_pet(broker):
    pet = messages.unique("pet")
    client = broker.client("backoffice")
    assert client.publish(*messages.pet_status(pet), qos=1) < 0x80
    carried(broker, "pets/%s/status" % pet)
    return pet


def test_refusals_are_for_who_may_read_all(broker):
    client = broker.client("customer-a", client_id=messages.unique("customer-a"))
    topic = "orders/%s/status" % messages.unique("no")
    for _ in range(3):
        assert client.publish(topic, b"{}", qos=1) == 0x87
    broker.wait_rows([(3,)], "SELECT count(*) FROM refusals WHERE topic = ?", topic)
    asker = Asker(broker, "monitor")
    rows = asker.pages("listRefusals", topic=topic, limit=2)
    assert [row["reason"] for row in rows] == ["scope-missing"] * 3
    assert [row["seq"] for row in rows] == sorted((row["seq"] for row in rows), reverse=True)
    assert rows[0]["principal"] == "customer-a" and rows[0]["detail"] and rows[0]["decision_id"]
    assert asker.data("listRefusals", topic=topic, reason="json-invalid")["rows"] == []
    assert len(asker.data("listRefusals", client=rows[0]["client_id"],
                          principal="customer-a")["rows"]) == 3
    counts = asker.data("countRefusals", by="topic")["rows"]
    assert [each["count"] for each in counts if each["value"] == topic] == [3]
    assert counts[0]["first"] <= counts[0]["last"]
    assert Asker(broker, "customer-a").error("countRefusals", by="topic")["scope"] == "control:countRefusals"


def test_an_answer_is_bounded(broker):
    """Of events with a megabyte of payload together each answer has 64 KiB at most."""
    asker = Asker(broker, "backoffice")
    product = messages.unique("large")
    for number in range(12):
        topic, payload = messages.stock("%s-%d" % (product, number), number)
        assert asker.client.publish(topic, payload + b" " * 12000, qos=1) < 0x80
    carried(broker, topic)
    rows = asker.pages("listEvents", prefix="inventory/%s-" % product, limit=200)
    assert len(rows) == 12 and all(row["cut"] and len(row["payload"]) == 4096 for row in rows)
    page = asker.data("listEvents", prefix="inventory/%s-" % product, limit=200)
    assert 0 < len(page["rows"]) <= 12


def test_while_the_database_is_busy(broker):
    order, = place(broker, "customer-a")
    asker = Asker(broker, "customer-a")
    with broker.database.locked():
        assert asker.data("getEntity", entity="order", id=order)["row"]["id"] == order
    assert asker.data("getEntity", entity="order", id=order)["row"]["id"] == order


def test_a_client_has_two_at_a_time(broker):
    """What is beyond that is answered at once; the others come in any order."""
    asker = Asker(broker, "backoffice")
    commands = [{"command": "listEvents", "correlationData": str(i)} for i in range(5)]
    asker.client.publish(COMMANDS, json.dumps({"commands": commands}).encode(), qos=1)
    message = asker.client.message()
    refused = json.loads(message.payload)["responses"]
    assert {(each["code"], each["correlationData"]) for each in refused} == \
        {("busy", "2"), ("busy", "3"), ("busy", "4")}
    assert {asker.response()["correlationData"] for _ in range(2)} == {"0", "1"}


def test_nobody_else_gets_an_answer(broker):
    """The client leaves, and another user's comes under its id."""
    name = messages.unique("shared")
    for _ in range(10):
        first = AskerUnder(broker, "backoffice", name)
        first.send("listEvents", limit=200)
        second = AskerUnder(broker, "monitor", name)
        number = second.send("getEntity", entity="order", id="nothing")
        response = second.response()
        assert (response["command"], response["correlationData"]) == ("getEntity", number)
        second.client.disconnect()


def test_a_reload_meanwhile(broker):
    """It is answered by the rules of then, or not at all."""
    asker = Asker(broker, "backoffice")
    commands = [{"command": "listEvents"}, {"command": "reload"}]
    asker.client.publish(COMMANDS, json.dumps({"commands": commands}).encode(), qos=1)
    answers = {}
    while len(answers) < 2:
        response = asker.response()
        answers[response["command"]] = response
    assert "error" not in answers["reload"]
    assert answers["listEvents"].get("code") == "changed"


def test_the_numbers_of_the_last_hour(broker):
    asker = Asker(broker, "monitor")
    data = asker.data("history")
    assert data["step"] == 10 and 0 <= time.time() - data["from"] < 3700
    assert {"publish/allowed", "publish/refused", "sessions"} <= set(data["names"])
    assert 1 <= len(data["values"]) <= 360
    assert all(len(row) == len(data["names"]) for row in data["values"])
    counters = asker.data("counters")
    now = dict(zip(data["names"], data["values"][-1]))
    assert set(now) <= set(counters) and 0 <= now["publish/allowed"] <= int(counters["publish/allowed"])


def test_killed_with_jobs_waiting(new_broker):
    broker = new_broker()
    broker.start()
    place(broker, *["customer-a"] * 50)
    askers = [Asker(broker, user) for user in ("backoffice", "customer-a", "monitor")]
    for asker in askers:
        asker.send("listEvents", limit=200)
    broker.kill()
    broker.start()
    assert Asker(broker, "customer-a").data("listEntities", entity="order", limit=200)["next"] is None
    asker = Asker(broker, "backoffice")
    asker.send("listEvents", limit=200)
    broker.stop()


def test_the_thread_is_there_only_where_somebody_asks(new_broker):
    broker = new_broker()
    broker.start()
    asker = Asker(broker, "backoffice")
    asker.data("status")
    assert "petstore-answer" not in threads(broker)
    asker.data("listEntities")
    assert "petstore-answer" in threads(broker)


def threads(broker):
    found = set()
    folder = "/proc/%d/task" % broker.process.pid
    for task in os.listdir(folder):
        with open("%s/%s/comm" % (folder, task)) as file:
            found.add(file.read().strip())
    return found


def test_what_is_its_own_is_found_at_once(new_broker):
    """However many events of others are newer, the first page has it."""
    broker = new_broker()
    broker.without_power()
    broker.start()
    ids = place(broker, *["customer-a"] * 3, moves=("APPROVED",))
    client = broker.client("backoffice")
    assert client.publish(*messages.order_payment(ids[1]), qos=2) < 0x80
    assert client.publish(*messages.payment("pay-1", ids[2]), qos=2) < 0x80
    carried(broker, "payments/pay-1/status")
    fill(broker, 100000, "'orders/other-' || (i % 20000) || '/status'")
    asker = Asker(broker, "customer-a")
    for members in ({}, {"prefix": "orders/"}, {"prefix": "orders/ord"},
                    {"since": "2026-01-02T00:00:00Z"}, {"prefix": "payments/"}):
        page = asker.data("listEvents", limit=9, **members)
        assert page["next"] is None
        assert len(page["rows"]) == {"payments/": 1}.get(members.get("prefix"),
                                                         7 if "prefix" in members else 8)
    assert asker.data("listEvents", prefix="orders/other-1") == {"rows": [], "next": None}
    assert asker.data("listEvents", topic="orders/other-1/status") == {"rows": [], "next": None}
    assert asker.data("listEvents", prefix="inventory/") == {"rows": [], "next": None}


def test_few_and_many_topics_in_one_list(new_broker):
    """Pets, of which it may see all, are gone through; its orders are found by the index."""
    broker = new_broker()
    broker.start()
    place(broker, *["customer-a"] * 5, *["customer-b"] * 3)
    own = [id for id, in broker.rows("SELECT id FROM orders WHERE owner = 'customer-a'")]
    fill(broker, 30000, "CASE WHEN i % 2 = 0 THEN 'pets/p' || i || '/status' WHEN i % 1001 = 0 "
                        "THEN 'orders/{}/status' ELSE 'orders/other-' || i || '/status' END".format(own[0]))
    asker = Asker(broker, "customer-a")
    rows = asker.pages("listEvents", limit=200, prefix="orders/")
    wanted = broker.rows("SELECT seq FROM events WHERE topic IN (%s) ORDER BY seq DESC"
                         % ", ".join("'orders/%s/status'" % id for id in own))
    assert [(row["seq"],) for row in rows] == wanted and len(wanted) > 15
    rows, after = [], {}
    while len(rows) < 3000:
        page = asker.data("listEvents", limit=200, **after)
        rows += page["rows"]
        after = {"after": page["next"]}
    wanted = broker.rows("SELECT seq FROM events WHERE topic LIKE 'pets/%%' OR topic IN (%s) "
                         "ORDER BY seq DESC LIMIT %d"
                         % (", ".join("'orders/%s/status'" % id for id in own), len(rows)))
    assert [(row["seq"],) for row in rows] == wanted


def test_what_one_client_published_is_looked_for_in_stretches(new_broker):
    broker = new_broker()
    broker.start()
    place(broker, "customer-a")
    asker = Asker(broker, "customer-a", client_id="customer-a/old")
    fill(broker, 50000, "'orders/other-' || i || '/status'")
    broker.database.change("UPDATE events SET publisher = 'customer-a', client_id = 'customer-a/old' "
                           "WHERE seq IN (1000007, 1049999) OR seq < 1000000")
    rows = asker.pages("listEvents", mine=True)
    assert [row["seq"] for row in rows][:2] == [1049999, 1000007] and len(rows) == 3


def edit_access(broker, edit):
    """@edit changes the access file, a dictionary."""
    with open(broker.path("access.json")) as file:
        access = json.load(file)
    edit(access)
    with open(broker.path("access.json"), "w") as file:
        json.dump(access, file)


def test_roles_that_are_for_some_topics(new_broker):
    """What `where` and `deny` leave is what is shown, of entities and of events."""
    asks = ["control:listEntities", "control:getEntity", "control:listEvents"]

    def edit(access):
        access["roles"].update({
            "asks": {"scopes": asks},
            "some": {"scopes": ["read:orders"], "where": {"orderId": "east-*"}},
            "own": {"scopes": ["read:orders:own"]},
            "but": {"deny": ["read:orders"], "where": {"orderId": "east-secret-*"}},
            "none": {"deny": ["read:orders"]},
            "pets": {"scopes": ["read:pets:own"]},
        })
        for user, roles in (("customer-a", ["asks", "some", "but"]),
                            ("customer-b", ["asks", "some", "own", "none"]),
                            ("monitor", ["asks", "own", "but"]), ("collar-7", ["asks", "pets"])):
            access["users"][user]["roles"] = roles

    broker = new_broker()
    edit_access(broker, edit)
    broker.start()
    client = broker.client("backoffice")
    ids = ["east-1", "west-1", "east-secret-1", "west-2"]
    for id in ids:
        owner = "monitor" if id != "west-2" else "customer-a"
        assert client.publish(*messages.order(id, userId=owner), qos=1) < 0x80
    for pet in ("collar-7", "collar-8"):
        assert client.publish(*messages.pet_status(pet), qos=1) < 0x80
    carried(broker, "pets/collar-8/status")
    for user, entity, sees in (("customer-a", "order", {"east-1"}), ("customer-b", "order", set()),
                               ("monitor", "order", {"east-1", "west-1"}),
                               ("collar-7", "pet", {"collar-7"}), ("collar-7", "order", set())):
        asker = Asker(broker, user)
        listed = asker.ask("listEntities", entity=entity)
        if sees:
            assert set(ids_of(listed["data"]["rows"])) == sees
        else:
            assert listed["code"] == "scope-missing" or listed["data"]["rows"] == []
        for id in ids if entity == "order" else ["collar-7", "collar-8"]:
            one = asker.ask("getEntity", entity=entity, id=id)
            assert ("data" in one) == (id in sees)
            assert "data" not in one or [each["topic"] for each in one["data"]["history"]] == \
                ["%ss/%s/status" % (entity, id)]
        events = asker.pages("listEvents", prefix=entity + "s/")
        assert {each["topic"].split("/")[1] for each in events} == sees


def test_the_way_on_names_nobody_elses(new_broker):
    """Where a list stands is often at a row that is withheld: neither its id nor its time is told."""
    def edit(access):
        access["roles"].update({
            "asks": {"scopes": ["control:listEntities"]},
            "some": {"scopes": ["read:orders"], "where": {"orderId": "east-*"}}})
        access["users"]["customer-a"]["roles"] = ["asks", "some"]

    broker = new_broker()
    edit_access(broker, edit)
    broker.start()
    client = broker.client("backoffice")
    for number in range(6):
        for id in ("east-%d" % number, "west-%d" % number):
            assert client.publish(*messages.order(id), qos=1) < 0x80
    carried(broker, "orders/west-5/status")
    times = dict(broker.database.rows("SELECT id, updated_at FROM orders"))
    asker, found, after = Asker(broker, "customer-a"), [], {}
    while True:
        page = asker.data("listEntities", entity="order", limit=1, **after)
        found += ids_of(page["rows"])
        if page["next"] is None:
            break
        assert not any(id in page["next"] or times[id] in page["next"] for id in times)
        after = {"after": page["next"]}
    assert found == ["east-%d" % number for number in reversed(range(6))]
    spoilt = after["after"][:-1] + ("A" if after["after"][-1] != "A" else "B")
    assert "after" in asker.error("listEntities", entity="order", after=spoilt)["error"]


def test_columns_of_channels_that_are_withheld(new_broker):
    """What an order's payments say of it is for who may read these, and the other way round."""
    def edit(access):
        access["roles"].update({
            "asks": {"scopes": ["control:listEntities", "control:getEntity"]},
            "orders-only": {"scopes": ["read:orders"]},
            "payments-only": {"scopes": ["read:payments"]},
            "own-orders": {"scopes": ["read:orders:own"]},
        })
        for user, roles in (("customer-a", ["orders-only"]), ("customer-b", ["payments-only"]),
                            ("monitor", ["payments-only", "own-orders"])):
            access["users"][user]["roles"] = ["asks"] + roles

    broker = new_broker()
    broker.without_power()
    edit_access(broker, edit)
    with open(broker.contract) as file:
        contract = json.load(file)
    contract["operations"]["receiveOrderPayment"]["security"] = \
        contract["operations"]["receivePaymentStatus"]["security"]
    with open(broker.contract, "w") as file:
        json.dump(contract, file)
    broker.start()
    client = broker.client("backoffice")
    for id, owner in (("ord-1", "monitor"), ("ord-2", "customer-b")):
        assert client.publish(*messages.order(id, userId=owner), qos=1) < 0x80
        assert client.publish(*messages.order_payment(id), qos=2) < 0x80
    for id in ("ord-1", "ord-2"):  # payments are strict: in PostgreSQL they may be there first
        carried(broker, "orders/%s/status" % id)
        carried(broker, "orders/%s/payment" % id)
    of_order, of_payment = {"status": "PLACED"}, {"payment_status": "PENDING", "payment_currency": "USD"}
    both = {**of_order, **of_payment}
    for user, told in (("backoffice", [both, both]), ("customer-a", [of_order] * 2),
                       ("customer-b", [of_payment] * 2), ("monitor", [both, of_payment])):
        asker = Asker(broker, user)
        rows = sorted(asker.data("listEntities", entity="order")["rows"], key=lambda row: row["id"])
        assert rows == [asker.data("getEntity", entity="order", id=id)["row"] for id in ("ord-1", "ord-2")]
        assert [{name: row[name] for name in both if name in row} for row in rows] == told
        assert all(row["revision"] == 2 and row["updated_at"] for row in rows)
        asked = asker.data("listEntities", entity="order", status="PLACED")["rows"]
        assert sorted(ids_of(asked)) == [row["id"] for row in rows if "status" in row]
        kind, = [each for each in asker.data("listEntities")["entities"] if each["entity"] == "order"]
        some = {name for row in told for name in row}
        assert {each["name"] for each in kind["columns"]} & set(both) == some
        assert set(kind["statuses"]) == some & {"status", "payment_status"}
        assert kind["channels"] == [address for name, address in (
            ("status", "orders/{orderId}/status"), ("payment_status", "orders/{orderId}/payment")) if name in some]
        assert ("counts" in kind) == (user == "backoffice")


def weigh(contract):
    """Orders with numbers of any size, and a column for the nearest double."""
    contract["x-entities"]["order"]["columns"]["weight"] = {"type": "real"}
    contract["channels"]["orderStatus"]["x-entity"]["columns"]["weight"] = "/weight"


def test_a_number_beyond_doubles_hides_no_row(new_broker):
    """It leaves the column empty; one that stands there all the same is none."""
    broker = new_broker()
    edit_json(broker.contract, weigh)
    edit_json(os.path.join(broker.schemas, "order-status.schema.json"),
              lambda schema: schema["properties"].update(weight={"type": "number"}))
    client = broker.start().client("backoffice")
    weights = ["2.5", "1e400", "-1e400", "1.7976931348623158e308", "1.7976931348623159e308", "1e-400", "3"]
    ids = [messages.unique("ord") for _ in weights]
    for order_id, weight in zip(ids, weights):
        topic, payload = messages.order(order_id, weight=-99)
        assert client.publish(topic, payload.replace(b"-99", weight.encode()), qos=1) < 0x80
    carried(broker, topic)
    asker = Asker(broker, "customer-a")
    expected = dict(zip(ids, [2.5, None, None, 1.7976931348623157e308, None, 0, 3]))
    assert {row["id"]: row["weight"] for row in asker.pages("listEntities", entity="order")} == expected
    infinite = "9e999" if engines.IS_SQLITE else "'Infinity'"
    broker.database.change("UPDATE orders SET weight = %s WHERE weight = 3" % infinite)
    assert asker.data("getEntity", entity="order", id=ids[-1])["row"]["weight"] is None
    assert len(asker.data("listEntities", entity="order")["rows"]) == len(ids)


NOTES = ["note_%d" % number for number in range(24)]


def annotate(contract):
    """Orders with so many texts that a row is larger than an answer may be."""
    for name in NOTES:
        contract["x-entities"]["order"]["columns"][name] = {}
        contract["channels"]["orderStatus"]["x-entity"]["columns"][name] = "/" + name


def test_a_row_that_is_larger_than_an_answer(new_broker):
    """Its texts are cut shorter, and the others are listed; its history comes, too, in pages."""
    broker = new_broker()
    edit_json(broker.contract, annotate)
    edit_json(os.path.join(broker.schemas, "order-status.schema.json"),
              lambda schema: schema["properties"].update({name: {"type": "string"} for name in NOTES}))
    client = broker.start().client("backoffice")
    ids = [messages.unique("ord") for _ in range(3)]
    for order_id in ids:
        assert client.publish(*messages.order(order_id), qos=1) < 0x80
    for at in range(0, 24, 2):  # each message leaves what the others filled
        more = {name: "\1" * 1200 for name in NOTES[at:at + 2]}
        topic, payload = messages.order(ids[1], "PLACED" if at == 0 else "APPROVED", **more)
        assert client.publish(topic, payload, qos=1) < 0x80
    carried(broker, topic, 13)
    asker = Asker(broker, "backoffice")
    rows = {row["id"]: row for row in asker.pages("listEntities", entity="order")}
    assert set(rows) == set(ids)
    assert rows[ids[1]]["note_0"] == rows[ids[1]]["note_23"] == "\1" * 64
    assert rows[ids[1]]["owner"] == "customer-a"
    history = asker.pages("getEntity", key="history", entity="order", id=ids[1])
    assert len(history) == 13 and [event["seq"] for event in history] == sorted({event["seq"] for event in history})


def test_an_account_with_many_pets(new_broker):
    """More than one question of the database names: each of its own is listed all the same."""
    pets = ["fleet-%02d" % i for i in range(40)]

    def edit(access):
        access["roles"]["fleet"] = {"scopes": ["read:pets:own", "control:listEntities"]}
        access["users"]["collar-7"] = {"roles": ["fleet"], "attributes": {"petId": pets}}

    broker = new_broker()
    edit_access(broker, edit)
    broker.start()
    client = broker.client("backoffice")
    for pet in pets + ["stray"]:
        assert client.publish(*messages.pet_status(pet), qos=1) < 0x80
    carried(broker, "pets/stray/status")
    assert sorted(ids_of(Asker(broker, "collar-7").pages("listEntities", entity="pet", limit=7))) == pets


def test_a_right_that_is_taken_away(new_broker):
    """A reload counts for the next question of a client that stays connected."""
    broker = new_broker()
    broker.start()
    order, = place(broker, "customer-a")
    asker = Asker(broker, "orders-service")
    assert ids_of(asker.data("listEntities", entity="order")["rows"]) == [order]

    def edit(access):
        access["roles"]["orders"]["scopes"].remove("read:orders")
    edit_access(broker, edit)
    broker.reload()
    assert asker.error("listEntities", entity="order")["scope"] == "read:orders"
    assert asker.pages("listEvents") == []
