"""Every rule a publish can break: refused with its reason, and the connection lives on."""

import json
import os
import subprocess
import unicodedata

import pytest

import harness
import messages
from rawmqtt import NOT_AUTHORIZED


def changed(message, **members):
    """The payload with members set, or taken out where the value is None."""
    topic, payload = message
    payload = dict(json.loads(payload), **members)
    payload = {name: value for name, value in payload.items() if value is not None}
    return topic, json.dumps(payload).encode()


def raw(message, payload):
    return message[0], payload


STOCK = messages.stock("xyz789")
ORDER = messages.order("ord-refused")
PAYMENT = messages.payment("pay-refused")
AVAILABILITY = messages.availability("abc123")

# name: (user, (topic, payload), QoS, retain, reason)
CASES = {
    "no channel": ("backoffice", ("weather/today", b"{}"), 1, False, "topic-unknown"),
    "a level more": ("backoffice", ("inventory/x/stock/now", STOCK[1]), 1, False, "topic-unknown"),
    "a level less": ("backoffice", ("inventory/x", STOCK[1]), 1, False, "topic-unknown"),
    "case matters": ("backoffice", ("Inventory/xyz789/stock", STOCK[1]), 1, False,
                     "topic-unknown"),
    "leading slash": ("backoffice", ("/inventory/xyz789/stock", STOCK[1]), 1, False,
                      "topic-unknown"),
    "no write scope": ("customer-a", STOCK, 1, False, "scope-missing"),
    "another's scope": ("orders-service", PAYMENT, 2, False, "scope-missing"),
    "not JSON": ("backoffice", raw(STOCK, b"{quantity: 1}"), 1, False, "payload-not-json"),
    "cut short": ("backoffice", raw(STOCK, STOCK[1][:-1]), 1, False, "payload-not-json"),
    "text after it": ("backoffice", raw(STOCK, STOCK[1] + b"x"), 1, False, "payload-not-json"),
    "not UTF-8": ("backoffice", raw(STOCK, STOCK[1][:-1] + b', "warehouse": "\xff"}'), 1, False,
                  "payload-not-json"),
    "a member twice": ("backoffice", raw(STOCK, STOCK[1][:-1] + b', "quantity": 2}'), 1, False,
                       "payload-not-json"),
    "too deep": ("backoffice", raw(STOCK, b"[" * 5000 + b"]" * 5000), 1, False,
                 "payload-not-json"),
    "empty": ("backoffice", raw(STOCK, b""), 1, False, "payload-empty"),
    "too large": ("backoffice", raw(STOCK, STOCK[1] + b" " * 20000), 1, False,
                  "payload-too-large"),
    "not an object": ("backoffice", raw(STOCK, b"42"), 1, False, "schema-violation"),
    "member missing": ("backoffice", changed(STOCK, quantity=None), 1, False, "schema-violation"),
    "member unknown": ("backoffice", changed(STOCK, quantitty=1), 1, False, "schema-violation"),
    "wrong type": ("backoffice", changed(STOCK, quantity="1"), 1, False, "schema-violation"),
    "not whole": ("backoffice", changed(STOCK, quantity=1.5), 1, False, "schema-violation"),
    "negative": ("backoffice", changed(STOCK, quantity=-1), 1, False, "schema-violation"),
    "no such status": ("backoffice", changed(ORDER, status="LOST"), 1, False,
                       "schema-violation"),
    "not a time": ("backoffice", changed(STOCK, updatedAt="yesterday"), 1, False,
                   "schema-violation"),
    "leap day of no leap year": ("backoffice", changed(STOCK, updatedAt="2026-02-29T00:00:00Z"),
                                 1, False, "schema-violation"),
    "amount is a number": ("backoffice", changed(PAYMENT, amount=149.99), 2, False,
                           "schema-violation"),
    "amount of one decimal": ("backoffice", changed(PAYMENT, amount="149.9"), 2, False,
                              "schema-violation"),
    "currency not taken": ("backoffice", changed(PAYMENT, currency="JPY"), 2, False,
                           "schema-violation"),
    "whole card number": ("backoffice", changed(PAYMENT, source={
        "object": "card", "last4": "4242424242424242"}), 2, False, "schema-violation"),
    "PLACED by nobody": ("backoffice", changed(ORDER, userId=None), 1, False,
                         "schema-violation"),
    "several faults": ("backoffice", changed(PAYMENT, amount=149.99, currency="JPY", x=1), 2, False,
                       "schema-violation"),
    "more faults than are told": ("backoffice", changed(
        STOCK, quantity=None, **{"x%d" % i: i for i in range(20)}), 1, False, "schema-violation"),
    "hostile members": ("backoffice", changed(STOCK, **{
        '/~"\u001b[2J\u202e': "\u009b2J\u2066", "": 1}), 1, False,
                        "schema-violation"),
    "another id": ("backoffice", changed(STOCK, productId="xyz790"), 1, False, "id-mismatch"),
    "id of another case": ("backoffice", changed(STOCK, productId="XYZ789"), 1, False,
                           "id-mismatch"),
    "QoS too low": ("backoffice", ORDER, 0, False, "qos-too-low"),
    "payment at QoS 1": ("backoffice", PAYMENT, 1, False, "qos-too-low"),
    "payment retained": ("backoffice", PAYMENT, 2, True, "retain-forbidden"),
    "order does not begin so": ("backoffice", changed(ORDER, status="SHIPPED", userId=None), 1,
                                False, "transition-illegal"),
    "payment does not begin so": ("backoffice", changed(PAYMENT, status="SUCCEEDED"), 2, False,
                                  "transition-illegal"),
}


@pytest.fixture(scope="module")
def watcher(broker):
    """Sees everything that is delivered."""
    watcher = broker.client("backoffice")
    assert watcher.subscribe("#") == [2]
    return watcher


@pytest.mark.parametrize("name", CASES)
def test_reason(broker, watcher, name):
    user, (topic, payload), qos, retain, reason = CASES[name]
    publisher = broker.client(user)
    before = broker.mark()
    code = publisher.publish(topic, payload, qos, retain)
    publisher.ping()
    assert code == (NOT_AUTHORIZED if qos else 0)
    assert broker.refusals(before) == [(topic, user, publisher.client_id, reason)]
    assert broker.barrier(watcher) == []


@pytest.mark.parametrize("transport", ["tcp", "tls", "wss"])
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_connection_lives(broker, watcher, transport, version, qos):
    """A refused message costs the publisher nothing else, however it is connected."""
    # A user has some 25 lines of the log a second: three users share what these tests refuse.
    user = {"tcp": "supervisor", "tls": "backoffice", "wss": "inventory-service"}[transport]
    publisher = broker.client(user, version, transport)
    product = messages.unique("xyz")
    topic, payload = messages.stock(product, -1)
    before = broker.mark()
    for _ in range(3):
        code = publisher.publish(topic, payload, qos)
        assert code == (NOT_AUTHORIZED if qos and version == 5 else 0)
    publisher.ping()
    assert [each[3] for each in broker.refusals(before)] == ["schema-violation"] * 3
    topic, payload = messages.stock(product, 1)
    assert publisher.publish(topic, payload, qos) in (0, 0x10)
    publisher.ping()
    assert [each[:3] for each in broker.barrier(watcher)] == [(topic, payload, qos)]


def test_redelivered_duplicate(broker, watcher):
    """A refused QoS 2 message that the client sends again is refused again."""
    publisher = broker.client("inventory-service")
    topic, payload = messages.stock("xyz789", -1)
    assert publisher.publish(topic, payload, 2, mid=77) == NOT_AUTHORIZED
    assert publisher.publish(topic, payload, 2, mid=77, dup=True) == NOT_AUTHORIZED
    publisher.ping()
    assert broker.barrier(watcher) == []


@pytest.mark.parametrize("level", ["a b", "a.b", "ä", "x" * 65, "a\u202eb", "%2e", "a:b", "$x"])
def test_odd_id(broker, watcher, level):
    """An id is a level of letters, digits, _ and -, of 64 characters at most."""
    publisher = broker.client("backoffice")
    before = broker.mark()
    topic, payload = messages.stock(level)
    assert publisher.publish(topic, payload, 1) == NOT_AUTHORIZED
    publisher.ping()
    assert len(broker.log(before).split("refused publish")) == 2
    assert broker.barrier(watcher) == []


def test_no_name_imitates_another(broker):
    """A topic and a client id with spaces are quoted: what stands after them is the plugin's."""
    publisher = broker.client("backoffice", client_id='app (client "x"): fine')
    before = broker.mark()
    publisher.publish("pets by eva (client app-1): qos-too-low: ok", b"{}", 1)
    publisher.ping()
    assert ('petstore: refused publish "pets by eva (client app-1): qos-too-low: ok" by backoffice '
            r'(client "app (client \x22x\x22): fine"): topic-unknown: ') in broker.log(before)


def test_log_holds_one_line(broker):
    """What clients send can't forge a line of the log or steer a terminal."""
    publisher = broker.client("backoffice", client_id="evil\u2028\u202eid")
    before = broker.mark()
    topic, payload = messages.stock("x")
    publisher.publish("inventory/\u2028\u2029\u202e\u2066\u200b\ufeff/stock", payload, 1)
    payload = payload[:-1] + (b', "\\n2026-11-21T00:00:00: petstore: fine\\u001b[31m\\u009b2J'
                              b'\\u202e\\u2028\\u061c": 1}')
    publisher.publish(topic, payload, 1)
    publisher.ping()
    lines = broker.log(before).split("\n")
    assert len([line for line in lines if ": refused publish" in line]) == 2
    refused = "".join(line for line in lines if "refused publish" in line)
    assert not [character for character in refused if ord(character) < 32 or
                0x7F <= ord(character) < 0xA0 or
                unicodedata.category(character) in ("Cf", "Zl", "Zp")]
    # nor can what petstorectl shows of the table
    harness.until(lambda: len(broker.rows(
        "SELECT 1 FROM refusals WHERE client_id = ?", publisher.client_id)) == 2, "the rows")
    for more in ([], ["--json"], ["--by", "client"], ["--by", "topic"]):
        shown = subprocess.check_output(
            [os.path.join(harness.BUILD, "petstorectl"), "refusals", "--config",
             broker.path("mosquitto.conf"), *more]).decode()
        assert "evil" in shown or "topic" in more
        assert not [character for character in shown if character != "\n" and
                    unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")]
