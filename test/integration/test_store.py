"""What was acknowledged stands in SQLite, readable while the broker runs."""

import json
import os
import re
import socket

import engines
import harness
import messages
from rawmqtt import NOT_AUTHORIZED


def test_order(broker):
    """An order's way, its payment, its owner; a row an order, an event a message."""
    order, payment = messages.unique("ord"), messages.unique("pay")
    publisher = broker.client("orders-service")
    sent = [
        messages.order(order, "PLACED", petId="abc123", totalAmount="149.99", currency="USD"),
        messages.order_payment(order, "PENDING", paymentId=payment),
        messages.order(order, "APPROVED", changedBy="eva"),
        messages.order_payment(order, "SUCCEEDED", paymentId=payment),
        messages.order(order, "SHIPPED"),
    ]
    for topic, payload in sent:
        assert publisher.publish(topic, payload, 2) == 0
    broker.wait_rows(
        [("SHIPPED", "SUCCEEDED", "customer-a", "abc123", "149.99", "USD", payment, "149.99",
          "USD", "eva", 5)],
        "SELECT status, payment_status, owner, pet_id, total_amount, currency, payment_id,"
        " payment_amount, payment_currency, changed_by, revision FROM orders WHERE id = ?", order)
    broker.wait_rows(
        [(topic, payload.decode(), "orders-service", publisher.client_id)
         for topic, payload in sorted(sent, key=lambda message: message[0])],
        "SELECT topic, CAST(payload AS TEXT), publisher, client_id FROM events"
        " WHERE topic LIKE ? ORDER BY topic, seq", "orders/%s/%%" % order)


@engines.sqlite_only("a broker without a name")
def test_events_say_which_message_it_was(new_broker):
    """The same bytes have the same digest, after a restart, too; and each its entity's revision."""
    broker = new_broker()
    pet = messages.unique("pet")
    query = "SELECT revision, origin, digest FROM events WHERE topic = ? ORDER BY seq"
    topic, payload = messages.pet_status(pet, "AVAILABLE")
    broker.start()
    host = socket.gethostname()
    publisher = broker.client("collar-7")
    for status in ("AVAILABLE", "PENDING"):
        assert publisher.publish(*messages.pet_status(pet, status), qos=1) in (0, 0x10)
    broker.stop()
    broker.edits.append(lambda text: text.replace("#plugin_opt_broker", "plugin_opt_broker"))
    broker.start()
    assert broker.client("collar-7").publish(topic, payload, 1) in (0, 0x10)
    broker.stop()
    first, second, third = broker.rows(query, topic)
    assert first[:2] == (1, host) and second[:2] == (2, host)
    assert third == (3, "warehouse-1", first[2])
    assert first[2] and first[2] != second[2]


def test_payment(broker):
    """A failed payment is tried again."""
    order, payment = messages.unique("ord"), messages.unique("pay")
    publisher = broker.client("payments-service")
    for status in ("PENDING", "PROCESSING", "FAILED", "PROCESSING", "SUCCEEDED"):
        more = {"failureReason": "Insufficient funds"} if status == "FAILED" else {}
        topic, payload = messages.payment(payment, order, status, **more)
        assert publisher.publish(topic, payload, 2) == 0
    broker.wait_rows([(order, "SUCCEEDED", "149.99", "USD", "Insufficient funds", 5)],
                     "SELECT order_id, status, amount, currency, failure_reason, revision"
                     " FROM payments WHERE id = ?", payment)


def test_pet(broker):
    pet = messages.unique("pet")
    publisher = broker.client("collar-7")
    for status in ("AVAILABLE", "PENDING", "AVAILABLE", "ADOPTED"):
        assert publisher.publish(*messages.pet_status(pet, status), qos=1) in (0, 0x10)
    assert publisher.publish(*messages.pet_status(pet, "AVAILABLE"), qos=1) == NOT_AUTHORIZED
    broker.wait_rows([("ADOPTED", 4)], "SELECT status, revision FROM pets WHERE id = ?", pet)


def test_refused_leaves_no_row(broker):
    order = messages.unique("ord")
    publisher = broker.client("orders-service")
    assert publisher.publish(*messages.order(order, "SHIPPED"), qos=1) == NOT_AUTHORIZED
    assert publisher.publish(*messages.order(order, "PLACED", userId=None),
                             qos=1) == NOT_AUTHORIZED
    publisher.publish(*messages.order(order, "PLACED"), qos=1)
    broker.wait_rows([("PLACED", 1)], "SELECT status, revision FROM orders WHERE id = ?", order)
    broker.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic LIKE ?",
                     "orders/%s/%%" % order)


def test_transitions(broker):
    """Every pair of statuses, as the contract has them."""
    with open(broker.contract) as file:
        machine = json.load(file)["x-state-machines"]["order"]
    way = {"PLACED": [], "APPROVED": ["PLACED"], "SHIPPED": ["PLACED", "APPROVED"],
           "DELIVERED": ["PLACED", "APPROVED", "SHIPPED"], "CANCELLED": ["PLACED"]}
    publisher = broker.client("orders-service")
    for start, steps in way.items():
        for end in machine["next"]:
            order = messages.unique("ord")
            for status in steps + [start]:
                assert publisher.publish(*messages.order(order, status), qos=1) == 0x10
            code = publisher.publish(*messages.order(order, end), qos=1)
            legal = end == start or end in [
                step if isinstance(step, str) else step["to"] for step in machine["next"][start]]
            assert code == (0x10 if legal else NOT_AUTHORIZED), (start, end)


def test_two_publishers_race(broker):
    """Only one of two moves an order from PLACED to its own choice."""
    order = messages.unique("ord")
    one, other = broker.client("orders-service"), broker.client("backoffice")
    one.publish(*messages.order(order), qos=1)
    topic, approved = messages.order(order, "APPROVED")
    _, shipped = messages.order(order, "SHIPPED")
    one.publish_nowait(topic, approved, 1, 7)
    other.publish_nowait(topic, approved, 1, 7)
    assert {one.ack(7), other.ack(7)} <= {0, 0x10}
    assert other.publish(topic, shipped, 1) in (0, 0x10)
    assert one.publish(topic, approved, 1) == NOT_AUTHORIZED
    broker.wait_rows([("SHIPPED", 3)], "SELECT status, revision FROM orders WHERE id = ?", order)


def test_owner_stays(broker):
    order = messages.unique("ord")
    publisher = broker.client("orders-service")
    publisher.publish(*messages.order(order), qos=1)
    before = broker.mark()
    code = publisher.publish(*messages.order(order, "APPROVED", userId="customer-b"), qos=1)
    assert code == NOT_AUTHORIZED
    assert [each[3] for each in broker.refusals(before)] == ["owner-change"]
    broker.wait_rows([("PLACED", "customer-a")],
                     "SELECT status, owner FROM orders WHERE id = ?", order)


def test_events_hold_what_was_sent(broker):
    """Every byte, odd characters included, of topics without state too."""
    topic, payload = messages.stock(messages.unique("prod"), warehouse='"; DROP TABLE x; 犬 \\ %')
    broker.client("inventory-service").publish(topic, payload, 1)
    broker.wait_rows([(payload,)],
                     "SELECT CAST(payload AS BLOB) FROM events WHERE topic = ?", topic)


def test_written_while_somebody_reads(broker):
    """An operator's open read transaction holds nobody up."""
    with broker.database.read("SELECT count(*) FROM orders"):
        order = messages.unique("ord")
        broker.client("orders-service").publish(*messages.order(order), qos=1)
        broker.wait_rows([("PLACED",)], "SELECT status FROM orders WHERE id = ?", order)


@engines.sqlite_only("its query planner")
def test_documented_queries_use_indexes(broker):
    """Each query of schemas/store/README.md, and those of the code, look nothing through."""
    with open(os.path.join(harness.TOP, "schemas", "store", "README.md")) as file:
        queries = re.findall(r"(?s)```sql\n(.*?)```", file.read())[0].split(";\n")
    queries = [query for query in queries if query.strip()]
    assert len(queries) >= 7
    for query in queries:
        plan = [row[3] for row in broker.rows("EXPLAIN QUERY PLAN " + query)]
        # Counting all orders by status reads the index from end to end, not the table.
        slow = [step for step in plan if step.startswith("SCAN") and "INDEX" not in step]
        assert plan and not slow, (query, plan)


@engines.sqlite_only("the rights of its files")
def test_who_may_read(new_broker):
    """
    The broker's user and group; nobody else, whatever the umask. Mosquitto 2.1.2 leaves one of 077
    behind when it finds no file of retained messages: the user alone then.
    """
    database = 0o600 if harness.IS_2_1 else 0o640
    broker = new_broker()
    before = os.umask(0)
    try:
        broker.start()
    finally:
        os.umask(before)
    broker.client("backoffice").publish(*messages.order(messages.unique("ord")), qos=1)
    for name in ("petstore.db", "petstore.db-wal", "petstore.db-shm"):
        assert os.stat(broker.path(name)).st_mode & 0o777 == database, name
    journals = [name for name in os.listdir(broker.folder) if "journal" in name]
    assert journals
    for name in journals:
        assert os.stat(broker.path(name)).st_mode & 0o777 == 0o600, name
