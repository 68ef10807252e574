"""petstorectl import: what entities were before the contract came."""
import json
import os
import subprocess

import pytest

import harness
import messages
from rawmqtt import NOT_AUTHORIZED
from test_reload import edit_json

TAKEN = (0, 0x10)
TOOL = os.path.join(harness.BUILD, "petstorectl")
ORDERS = "SELECT id, status, owner, adopted_at IS NOT NULL, revision FROM orders ORDER BY id"


class Shop:
    """The database of a broker that is stopped, and what is imported into it."""

    def __init__(self, broker):
        self.broker = broker
        broker.configure()

    def run(self, *arguments, text=None):
        """Exit status and output of an import of @text, or of what the arguments name."""
        if text is not None:
            mode = "wb" if isinstance(text, bytes) else "w"
            with open(self.broker.path("file"), mode) as file:
                file.write(text)
            arguments += ("file",)
        done = subprocess.run([TOOL, "import", *arguments, "--config",
                               self.broker.path("mosquitto.conf")], cwd=self.broker.folder,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=300)
        return done.returncode, done.stdout.replace("petstorectl import: ", "")

    def rows(self, sql):
        return self.broker.rows(sql)


@pytest.fixture
def shop(new_broker):
    return Shop(new_broker())


def order(order_id, status):
    return messages.order(order_id, status, userId="customer-a")


def test_from_nothing(shop):
    """Into a database that does not exist yet; then the broker goes on from there."""
    text = ('\ufeffid,status,owner,pet_id,created_at\r\n'
            'o-1,APPROVED,customer-a,"p,1",2020-01-01T00:00:00Z\r\n'
            '"o-2",DELIVERED,customer-b,,\r\n')
    assert shop.run("orders", text=text) == (0, "2 adopted, 0 unchanged\n")
    assert shop.rows(ORDERS) == [("o-1", "APPROVED", "customer-a", 1, 1),
                                 ("o-2", "DELIVERED", "customer-b", 1, 1)]
    assert shop.rows("SELECT pet_id, created_at > '2026' FROM orders") == [("p,1", 1), (None, 1)]
    assert shop.rows("SELECT count(*) FROM events") == [(0,)]
    broker = shop.broker
    broker.start()
    client = broker.client("orders-service")
    assert client.publish(*order("o-1", "PLACED"), qos=1) == NOT_AUTHORIZED
    assert client.publish(*order("o-1", "SHIPPED"), qos=1) in TAKEN
    assert client.publish(*order("o-2", "CANCELLED"), qos=1) == NOT_AUTHORIZED
    assert client.publish(*order("o-3", "PLACED"), qos=1) in TAKEN
    broker.wait_rows([("o-1", "SHIPPED", 2), ("o-2", "DELIVERED", 1), ("o-3", "PLACED", 1)],
                     "SELECT id, status, revision FROM orders ORDER BY id")
    # while it runs it keeps entities in memory
    status, said = shop.run("orders", text="id,status\no-9,PLACED\n")
    assert status == 2 and ": in use: stop the broker first" in said
    assert client.publish(*order("o-3", "APPROVED"), qos=1) in TAKEN


def test_what_the_journal_has(shop):
    """A broker that was killed has writes in its journal: they come first."""
    broker = shop.broker
    broker.start()
    client = broker.client("orders-service")
    for status in ("PLACED", "APPROVED"):
        assert client.publish(*order("o-1", status), qos=1) in TAKEN
    broker.kill()
    assert shop.run("orders", text="id,status\no-1,APPROVED\no-2,PLACED\n") == \
        (0, "1 adopted, 1 unchanged\n")
    broker.restart()
    client = broker.client("orders-service")
    assert client.publish(*order("o-1", "SHIPPED"), qos=1) in TAKEN
    assert client.publish(*order("o-2", "APPROVED"), qos=1) in TAKEN
    broker.wait_rows([("o-1", "SHIPPED"), ("o-2", "APPROVED")],
                     "SELECT id, status FROM orders ORDER BY id")
    numbers = [row[0] for row in broker.rows("SELECT seq FROM events ORDER BY seq")]
    assert len(numbers) == 4 and numbers == sorted(set(numbers))


def test_what_an_entity_has_already(shop):
    first = "id,status,owner\no-1,PLACED,a\no-2,SHIPPED,b\n"
    assert shop.run("orders", text=first)[0] == 0
    assert shop.run("orders", text=first) == (0, "0 adopted, 2 unchanged\n")
    other = '{"id":"o-3","status":"PLACED"}\n{"id":"o-1","status":"APPROVED"}\n' \
            '{"id":"o-2","status":"SHIPPED","owner":"c"}\n'
    assert shop.run("orders", text=other) == (1, (
        "file:2: o-1: its status is PLACED already, not APPROVED (--replace takes this one)\n"
        "file:3: o-2: its owner is b already, not c (--replace takes this one)\n"
        "file: nothing was imported\n"))
    assert [row[:2] for row in shop.rows(ORDERS)] == [("o-1", "PLACED"), ("o-2", "SHIPPED")]
    assert shop.run("orders", "--replace", "--json", text=other) == \
        (0, '{\n  "adopted": 3,\n  "unchanged": 0,\n  "passedOver": 0\n}\n')
    assert shop.rows(ORDERS) == [("o-1", "APPROVED", "a", 1, 2), ("o-2", "SHIPPED", "c", 1, 2),
                                 ("o-3", "PLACED", None, 1, 1)]


CSV_FAULTS = [
    ("", 'file:1: expected the columns\' names in the first line'),
    ("a,b\n", 'file:1: orders has no column "a"'),
    ("status\nPLACED\n", "file:1: expected the columns' names in the first line, id among them"),
    ("id,statsu\n", 'file:1: orders has no column "statsu"; did you mean "status"?'),
    ("id,status,id\n", 'file:1: the column "id" is there twice'),
    ("id,status\nx,PLACED\n,PLACED\n", "file:3: expected an id"),
    ("id,status\na/b,PLACED\n", "file:2: id a/b: no topic of orders can have it"),
    ("id,status\n%s,PLACED\n" % ("x" * 65), "expected UTF-8 of 1 to 64 bytes"),
    ("id,status\nx,LOST\n", "file:2: status: expected PLACED, APPROVED"),
    ("id,status\nx,placed\n", 'not placed; did you mean "PLACED"?'),
    ("id,status\nx,\n", "file:2: expected a status: "),
    ("id,status\nx,PLACED\ny,PLACED\nx,PLACED\n", "file:4: the same id as in line 2"),
    ("id,status\nx\n", "file:2: expected 2 fields, as in the first line, not 1"),
    ('id,status\n"x"y,PLACED\n', "file:2: expected a comma or the end of the line after a closing"),
    ('id,status\nz,PLACED\n"x,PLACED\n', "file:3: a quote that is never closed"),
    (b"id,status\n\xff,PLACED\n", 'file:2: id "\\xff": expected UTF-8'),
    ('{"id":"x"\n', "file:1: expected an object of JSON: "),
    ('{"id":"x","id":"y","status":"PLACED"}\n', "file:1: expected an object of JSON: duplicate"),
    ('{"id":"x","status":7}\n', "file:1: status: expected a text, not 7"),
    ('{"id":7,"status":"PLACED"}\n', "file:1: id: expected a text"),
    ('{"id":"x","status":"PLACED"}\n[]\n', "file:2: expected an object of JSON"),
    ('{"id":"x","status":"PLACED","more":1}\n', 'file:1: orders has no column "more"'),
]


def test_one_line_for_each_fault(shop):
    """Whatever is wrong, nothing is imported."""
    for text, expected in CSV_FAULTS:
        status, said = shop.run("orders", text=text)
        assert status == 1 and expected in said, (text, said)
        assert said.endswith("file: nothing was imported\n")
    assert shop.rows(ORDERS) == []
    many = "id,status\n" + "".join("o-%d,LOST\n" % i for i in range(60))
    said = shop.run("orders", text=many)[1].splitlines()
    assert len(said) == 52 and said[-2] == "file: and 10 more"
    assert shop.run("order", text="")[1].startswith(
        'order: the contract keeps no entities in such a table; did you mean "orders"?')
    assert shop.run("orders", "nowhere")[1] == "nowhere: No such file or directory\n"
    assert shop.run("orders")[1] == "expected TABLE and FILE (or --retained FILE)\n"


def line(message, **more):
    topic, payload = message
    return json.dumps(dict(topic=topic, payload=payload.decode(), **more)) + "\n"


def test_retained_messages(shop):
    """What mosquitto_sub prints; each is held against the contract."""
    text = (line(order("o-1", "SHIPPED"), retain=1, qos=1, tst="2026-01-15T10:00:00Z") +
            line(messages.order_payment("o-1", "SUCCEEDED"), retain=1) +
            line(order("o-2", "SHIPPED"), retain=0) +
            line(("orders/o-3/status", b""), retain=1) +
            line(("elsewhere", b"7"), retain=1) +
            json.dumps({"topic": "pets/p-1/status", "retain": True, "payload": json.loads(
                messages.pet_status("p-1", "AVAILABLE")[1])}) + "\n")
    assert shop.run("orders", "--retained", text=text) == \
        (0, "2 adopted, 0 unchanged, 4 messages of other topics, cleared or not retained\n")
    assert shop.rows("SELECT id, status, payment_status, owner FROM orders") == \
        [("o-1", "SHIPPED", "SUCCEEDED", "customer-a")]
    assert shop.run("--retained", text=text)[1].startswith("1 adopted, 2 unchanged, 3 messages")
    assert shop.rows("SELECT topic, publisher, adopted, retained, message IS NOT NULL FROM events "
                     "ORDER BY seq") == [("orders/o-1/status", "", 1, 0, 1),
                                         ("orders/o-1/payment", "", 1, 0, 1),
                                         ("pets/p-1/status", "", 1, 0, 1)]
    bad = line(order("o-4", "LOST"), retain=1) + line(("orders/o-5/status", b"{"), retain=1) + "{}\n"
    status, said = shop.run("--retained", text=bad)
    assert status == 1 and said.splitlines()[-1] == "file: nothing was imported"
    for number, expected in (1, "orders/o-4/status: schema-violation: /status: "), \
                            (2, "orders/o-5/status: payload-not-json: "), \
                            (3, 'expected a member "topic", a text'):
        assert "file:%d: %s" % (number, expected) in said
    broker = shop.broker
    broker.start()
    client = broker.client("orders-service")
    assert client.publish(*order("o-1", "APPROVED"), qos=1) == NOT_AUTHORIZED
    assert client.publish(*order("o-1", "DELIVERED"), qos=1) in TAKEN
    history = subprocess.run([TOOL, "orders", "o-1", "--json", "--config",
                              broker.path("mosquitto.conf")], text=True, stdout=subprocess.PIPE,
                             check=True).stdout
    history = json.loads(history)["history"]
    assert [event["adopted"] for event in history][:2] == [1, 1]


def with_many_operations(contract):
    """Those before that of the message are for another one."""
    channel, send = contract["channels"]["orderStatus"], contract["operations"]["sendOrderStatus"]
    members = ("orderId", "status", "userId", "never")
    channel["messages"]["other"] = {"payload": {"type": "object", "required": list(members), "properties": {
        name: {"type": "string"} for name in members}}}
    other = dict(send, messages=[{"$ref": "#/channels/orderStatus/messages/other"}])
    contract["operations"] = dict({"other%d" % i: other for i in range(40)}, **contract["operations"])


def test_retained_messages_of_any_operation(shop):
    edit_json(shop.broker.contract, with_many_operations)
    assert shop.run("orders", "--retained", text=line(order("o-1", "SHIPPED"), retain=1, qos=1)) == \
        (0, "1 adopted, 0 unchanged\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_as_the_databases_user(shop):
    """What another user made beside the database the broker could not use."""
    os.chown(shop.broker.folder, 65534, -1)
    status, said = shop.run("orders", text="id,status\no-1,PLACED\n")
    assert status == 2 and "belongs to the user nobody" in said
    assert not os.path.exists(shop.broker.path("petstore.db"))


def test_many(shop):
    """In bounded memory: SQLite and the hashes of ids, however many rows there are."""
    count = 30000
    text = "id,status,owner\n" + "".join("o-%d,PLACED,u-%d\n" % (i, i % 100) for i in range(count))
    assert shop.run("orders", text=text) == (0, "%d adopted, 0 unchanged\n" % count)
    assert shop.rows("SELECT count(*), count(DISTINCT owner) FROM orders") == [(count, 100)]
    assert shop.run("orders", text=text + "o-1,PLACED,u-1\n")[0] == 1
    assert shop.run("orders", "--replace", text=text.replace("PLACED", "SHIPPED"))[0] == 0
    assert shop.rows("SELECT status, count(*) FROM orders GROUP BY 1") == [("SHIPPED", count)]
