"""Each unusual pattern, staged with real clients: the alert is raised, and cleared."""

import json
import os
import time

import pytest

import harness
import messages
import rawmqtt
import watched


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("broker") / "run", template)
    broker.without_power()

    def edit(contract):
        contract["channels"]["inventoryStock"]["x-interval"] = 1
        contract["x-state-machines"]["payment"]["longest"] = {"PROCESSING": 2}
        contract["channels"]["petAvailability"]["x-limits"] = {"messagesPerSecond": 1, "burst": 5}

    watched.change(broker, edit)
    watched.watch(broker, watched.QUICK)
    broker.start()
    yield broker
    assert broker.process.poll() is None, broker.log()[-4000:]
    broker.stop()


@pytest.fixture
def listener(broker):
    return watched.Listener(broker)


def raised_and_cleared(broker, listener, kind, **members):
    alert = listener.wait(kind, "raised", **members)
    cleared = listener.wait(kind, "cleared", **members)
    assert alert["evidence"]["count"] >= 1 and "lastedSeconds" in cleared
    assert [each for each in listener.heard if each["kind"] == kind
            and each["state"] == "raised"
            and all(each.get(name) == value for name, value in members.items())] == [alert]
    who = members.get("clientId", members.get("principal", ""))
    harness.until(lambda: len(broker.rows(
        "SELECT state FROM alerts WHERE kind = ? AND (client_id = ? OR ? = '')",
        kind, who, who if "clientId" in members else "")) >= 2, "rows")
    broker.wait_log("alert raised: %s:" % kind)
    broker.wait_log("alert cleared: %s:" % kind)
    return alert


def test_refusal_streak(broker, listener):
    client = broker.client("collar-7")
    watched.publish_at_once(client, *[("weather/today", b"{}")] * 6)
    alert = raised_and_cleared(broker, listener, "refusal-streak", clientId=client.client_id)
    assert alert["detail"] == "topic-unknown" and alert["response"] == "report"
    client.ping()  # it was only reported


def test_rate_limit(broker, listener):
    client = broker.client("collar-7")
    codes, begin = [], time.monotonic()
    with pytest.raises((rawmqtt.Closed, ConnectionError)):
        codes += watched.publish_at_once(
            client, *[messages.availability("collar-7", quantity=n) for n in range(10)])
        while True:
            codes.append(client.publish(*messages.availability("collar-7", quantity=len(codes)), qos=1))
    seconds = int(time.monotonic() - begin) + 1  # each of which gives one more
    assert set(codes[:5]) <= {0, 0x10}
    assert set(codes[5:]) <= {0, 0x10, harness.QUOTA_EXCEEDED}
    assert 0 < codes.count(harness.QUOTA_EXCEEDED) and len(codes) - codes.count(harness.QUOTA_EXCEEDED) <= 5 + seconds
    listener.wait("rate-limit", "raised", clientId=client.client_id)
    again = broker.try_client("collar-7", broker.password("collar-7"),
                              client_id=client.client_id)
    assert again.code == rawmqtt.NOT_AUTHORIZED
    broker.wait_log("is held off for [0-9]+ more seconds")
    # So is the account under another client id; others are not, and the hold ends by itself.
    assert broker.try_client("collar-7", broker.password("collar-7"),
                             client_id=messages.unique("other")).code == rawmqtt.NOT_AUTHORIZED
    broker.client("customer-a").disconnect()

    def is_let_in():
        time.sleep(0.5)  # else it comes too often
        return broker.try_client("collar-7", broker.password("collar-7"), client_id=client.client_id).code == 0

    harness.until(is_let_in, "the end")
    listener.wait("rate-limit", "cleared", clientId=client.client_id)


def test_id_probing(broker, listener):
    owner = broker.client("backoffice")
    ids = [messages.unique("ord") for _ in range(40)]
    for each in ids:
        assert owner.publish(*messages.order(each), qos=1) in (0, 0x10)
    client = broker.client("customer-b")
    client.subscribe(*["orders/%s/status" % each for each in ids])
    raised_and_cleared(broker, listener, "id-probing", clientId=client.client_id)


def test_credential_stuffing(broker, listener):
    with watched.at_once(broker):
        tries = [broker.try_client("nobody-%d" % number, "secret", client_id="stuffing", is_patient=False)
                 for number in range(12)]
    assert {client.finish() for client in tries} == {rawmqtt.NOT_AUTHORIZED}
    raised_and_cleared(broker, listener, "credential-stuffing", address="127.0.0.1")


def test_user_attack(broker, listener):
    with watched.at_once(broker):
        tries = [broker.try_client("backoffice", "secret", client_id="attack-%d" % number, is_patient=False,
                                   source="127.0.1.%d" % (number + 1)) for number in range(12)]
    assert {client.finish() for client in tries} == {rawmqtt.NOT_AUTHORIZED}
    raised_and_cleared(broker, listener, "user-attack", principal="backoffice")


def test_publish_rate(broker, listener):
    client = broker.client("backoffice")
    pet = messages.unique("pet")
    for number in range(70):  # fourteen seconds of five a second: learned
        client.publish(*messages.pet_status(pet, reason="n%d" % number), qos=1)
        time.sleep(0.2)
    assert not [each for each in listener.heard if each["kind"] == "publish-rate"]
    watched.publish_at_once(client, *[messages.pet_status(pet, reason="m%d" % number) for number in range(80)])
    alert = raised_and_cleared(broker, listener, "publish-rate", clientId=client.client_id)
    assert alert["evidence"]["observed"] > 3 * alert["evidence"]["expected"]


def test_payload_size(broker, listener):
    usual = broker.client("backoffice")
    for number in range(220):
        assert usual.publish(*messages.order_payment("ord-size-%d" % number), qos=2) in (0, 0x10)
    client = broker.client("backoffice")
    topic, payload = messages.order_payment(messages.unique("ord"))
    assert set(watched.publish_at_once(client, *[
        (topic, payload + b" " * (1000 + number)) for number in range(4)], qos=2)) <= {0, 0x10}
    for mid in range(1000, 1004):
        client.release(mid)
    alert = raised_and_cleared(broker, listener, "payload-size", clientId=client.client_id)
    assert alert["where"] == "orderPayment"


def test_duplicate_flood(broker, listener):
    client = broker.client("backoffice")
    message = messages.pet_status(messages.unique("pet"))
    assert set(watched.publish_at_once(client, *[message] * 12)) <= {0, 0x10}
    raised_and_cleared(broker, listener, "duplicate-flood", clientId=client.client_id)


def test_silent_device(broker, listener):
    client = broker.client("inventory-service")
    product = messages.unique("product")
    for number in range(5):
        client.publish(*messages.stock(product, number), qos=1)
    alert = listener.wait("silent-device", "raised", clientId=client.client_id)
    assert alert["where"] == "inventoryStock" and alert["evidence"]["expected"] == 1
    client.publish(*messages.stock(product, 99), qos=1)
    listener.wait("silent-device", "cleared", clientId=client.client_id)


def test_clock_skew(broker, listener):
    client = broker.client("backoffice")
    watched.publish_at_once(client, *[
        messages.pet_status(messages.unique("pet"), updatedAt="2020-01-01T00:00:0%dZ" % number)
        for number in range(3)])
    alert = raised_and_cleared(broker, listener, "clock-skew", clientId=client.client_id)
    assert alert["evidence"]["observed"] < -1e8


def test_takeover(broker, listener):
    name = messages.unique("fought-for")
    password = broker.password("customer-a")
    with watched.at_once(broker):
        clients = [broker.try_client("customer-a", password, client_id=name, is_patient=False)
                   for _ in range(5)]
    assert {client.finish() for client in clients} == {0}
    raised_and_cleared(broker, listener, "takeover", clientId=name)


def test_stuck_status(broker, listener):
    client = broker.client("payments-service")
    payment = messages.unique("pay")
    for status in ("PENDING", "PROCESSING"):
        assert client.publish(*messages.payment(payment, status=status), qos=2) in (0, 0x10)
    where = "payment " + payment
    alert = listener.wait("stuck-status", "raised", where=where)
    assert alert["detail"] == "PROCESSING" and alert["evidence"]["observed"] >= 2
    client.publish(*messages.payment(payment, status="SUCCEEDED"), qos=2)
    listener.wait("stuck-status", "cleared", where=where)


def test_alerts_need_their_scope(broker):
    client = broker.client("customer-a")
    assert client.subscribe("alerts/#") == [rawmqtt.NOT_AUTHORIZED]
    assert broker.client("backoffice").publish("alerts/takeover", b"{}", qos=1) == \
        rawmqtt.NOT_AUTHORIZED


def test_alerts_are_as_their_schema_says(broker):
    jsonschema = pytest.importorskip("jsonschema")
    with open(os.path.join(harness.TOP, "schemas", "alert.schema.json")) as file:
        schema = json.load(file)
    documents = [json.loads(row[0]) for row in broker.rows("SELECT document FROM alerts")]
    assert documents
    for document in documents:
        jsonschema.validate(document, schema)
