"""petstorectl refusals --resend: a refused message is published again, once what was wrong is mended."""
import json
import os
import re
import subprocess

import pytest

import engines
import harness
import messages
from rawmqtt import NOT_AUTHORIZED, field
from test_dead_letters import pairs_of, with_letters
from test_reload import edit_json

CTL = os.path.join(harness.BUILD, "petstorectl")


def with_resends(contract):
    with_letters(contract)
    contract["x-broker-topics"]["resend"] = {
        "address": "$CONTROL/petstore-resend/v1", "action": "send",
        "security": [{"$ref": "#/components/securitySchemes/correctOrders"}]}


@pytest.fixture(scope="module")
def shop(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("mended") / "run", template)
    edit_json(broker.contract, with_resends)
    with harness.running(broker):
        yield broker


def resend(shop, letter, user, *options):
    """(status, its line)"""
    done = subprocess.run([CTL, "refusals", "--config", shop.path("mosquitto.conf"), "--resend",
                           letter, "--user", user, *options], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=False)
    lines = [line for line in done.stdout.splitlines() if ": asks " not in line]
    return done.returncode, "\n".join(lines)


def refused(shop, user, topic, payload, qos=2, retain=False, properties=b"", is_kept=True):
    """Refuses a message; its decision id, when the database has it."""
    before = shop.rows("SELECT coalesce(max(seq), 0) FROM refusals")[0][0]
    assert shop.client(user).publish(topic, payload, qos, retain,
                                     properties=properties) == NOT_AUTHORIZED
    query = "SELECT decision_id FROM refusals WHERE topic = ? AND seq > ?"
    harness.until(lambda: shop.rows(query, topic, before), "the row")
    found = shop.rows(query, topic, before)[0][0]
    kept = shop.rows("SELECT count(*) FROM store_letters WHERE decision_id = ?", found)
    assert kept == [(1 if is_kept else 0,)]
    return found


@pytest.mark.parametrize("version", [4, 5])
def test_mended_state(shop, version):
    """An order that came before what it follows: afterwards it is accepted, recorded once."""
    order = messages.unique("ord")
    topic, payload = messages.order(order, "APPROVED")
    properties = b"\x26" + field("who") + field("me") + b"\x03" + field("application/json")
    letter = refused(shop, "orders-service", topic, payload, properties=properties)
    status, line = resend(shop, letter, "orders-service")
    assert status == 1 and "transition-illegal" in line and line.startswith("refused: " + topic)
    assert shop.client("backoffice").publish(*messages.order(order), qos=2) == 0
    reader = shop.client("monitor", version=version)
    reader.subscribe("orders/#")
    status, line = resend(shop, letter, "orders-service")
    assert status == 0, line
    match = re.fullmatch(r"accepted: (\S+), sent by orders-service, published as orders-service, "
                         r"event (\d+)", line)
    assert match and match.group(1) == topic
    message = reader.message()
    assert (message.topic, message.payload, message.qos) == (topic, payload, 2)
    if version == 5:
        assert pairs_of(engines.publishers_own(reader.properties)) == ({"who": ["me"]}, {3: b"application/json"})
    shop.wait_rows([(int(match.group(2)), "orders-service", payload.decode())],
                   "SELECT seq, publisher, payload FROM events WHERE topic = ? AND "
                   "payload LIKE '%APPROVED%'", topic)
    assert shop.rows("SELECT status FROM orders WHERE id = ?", order) == [("APPROVED",)]
    for _ in range(2):
        status, line = resend(shop, letter, "backoffice")
        assert status == 1 and "was published again already" in line
        harness.until(lambda: shop.rows("SELECT resent FROM refusals WHERE decision_id = ?",
                                        letter)[0][0], "the note")
    note = shop.rows("SELECT resent FROM refusals WHERE decision_id = ?", letter)[0][0]
    assert note.endswith("as orders-service, event " + match.group(2))
    assert shop.rows("SELECT * FROM store_letters WHERE decision_id = ?", letter) == []


def test_after_a_restart(shop):
    """What was published again is known, and what was not can be."""
    order, other = messages.unique("ord"), messages.unique("ord")
    letters = [refused(shop, "orders-service", *messages.order(each, "APPROVED"))
               for each in (order, other)]
    for each in (order, other):
        assert shop.client("backoffice").publish(*messages.order(each), qos=2) == 0
    assert resend(shop, letters[0], "backoffice")[0] == 0
    shop.restart()
    assert "was published again already" in resend(shop, letters[0], "backoffice")[1]
    assert resend(shop, letters[1], "backoffice")[0] == 0


def test_mended_contract(shop):
    """Retained, of more than the table keeps otherwise, and binary; judged by the new contract."""
    pet = messages.unique("pet")
    topic, payload = messages.stock(pet, 7, warehouse="x" * 900, shelf=1)
    letter = refused(shop, "inventory-service", topic, payload, 1, retain=True)
    assert "schema-violation" in resend(shop, letter, "inventory-service")[1]

    def mend(contract):
        message = contract["channels"]["inventoryStock"]["messages"]
        next(iter(message.values())).pop("$ref", None)
        contract["channels"]["inventoryStock"]["messages"] = {"any": {"payload": True}}
        contract["operations"]["sendInventoryStock"].pop("messages", None)
        contract["operations"]["receiveInventoryStock"].pop("messages", None)
    with open(shop.contract) as file:
        before = file.read()
    edit_json(shop.contract, mend)
    try:
        assert "Reloading" in shop.reload()
        status, line = resend(shop, letter, "inventory-service", "--json")
        assert status == 0 and json.loads(line)["accepted"] is True, line
        reader = shop.client("monitor")
        reader.subscribe(topic)
        message = reader.message()
        assert message.payload == payload and message.retain
        shop.wait_rows([(payload.decode(), "inventory-service")],
                       "SELECT payload, publisher FROM retained WHERE topic = ?", topic)
    finally:
        with open(shop.contract, "w") as file:
            file.write(before)
        shop.reload()


def test_as_whom(shop):
    """It is judged as a message of that user's; a stranger's was not kept."""
    order = messages.unique("ord")
    topic, payload = messages.order(order, "APPROVED")
    letter = refused(shop, "orders-service", topic, payload)
    assert shop.client("backoffice").publish(*messages.order(order), qos=2) == 0
    for user, reason in (("customer-a", "scope-missing"), ("nobody", "identity-unknown")):
        status, line = resend(shop, letter, user)
        assert status == 1 and reason in line, line
    foreign = refused(shop, "customer-a", topic, payload, is_kept=False)
    assert "not kept whole" in resend(shop, foreign, "backoffice")[1]
    assert "no refusal with this id" in resend(shop, "06", "backoffice")[1]
    status, line = resend(shop, letter, "backoffice")
    assert status == 0 and "sent by orders-service, published as backoffice" in line


def test_the_right_to_it(shop):
    """By a topic of its own: who may give the other commands may not do this."""
    staff = shop.client("backoffice")
    ask = json.dumps({"commands": [{"command": "resend", "id": "06", "username": "backoffice"}]})
    assert staff.publish("$CONTROL/petstore-resend/v1", ask, 1) == NOT_AUTHORIZED
    assert staff.publish("$CONTROL/petstore/v1", ask, 1) == 0
    answer = json.loads(staff.message().payload)["responses"][0]
    assert answer["error"] == "there is no such command here: it is one of $CONTROL/petstore-resend/v1"
    lead = shop.client("supervisor")
    for command in ("status", "reload"):
        assert lead.publish("$CONTROL/petstore-resend/v1",
                            json.dumps({"commands": [{"command": command}]}), 1) == 0
        message = lead.message()
        assert message.topic == "$CONTROL/petstore-resend/v1/response"
        assert "no such command" in json.loads(message.payload)["responses"][0]["error"]


def test_usage(shop):
    done = subprocess.run([CTL, "refusals", "--resend", "06"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=False)
    assert done.returncode == 2 and "--resend 06: expected --user USER too" in done.stdout
