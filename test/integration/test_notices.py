"""Why was I refused? The notice on refusals/{principal}/{clientId}, the row, the log line: one id."""

import json
import os
import re
import subprocess
from urllib.parse import quote

import pytest

import engines
import harness
import messages
import paho_shim
import watched
from rawmqtt import NOT_AUTHORIZED, field, length

CONTENT_TYPE = b"\x03" + field("application/problem+json")


def notices_of(client):
    """Subscribes @client to its own."""
    own = "refusals/%s/%s" % (client.user, client.client_id)
    assert client.subscribe(own, qos=1) == [1]
    return own


def row_of(broker, decision_id, payload="payload"):
    sql = ("SELECT reason, action, topic, qos, client_id, principal, message, %s, "
           "payload_bytes FROM refusals WHERE decision_id = ?" % payload)
    return harness.until(lambda: broker.rows(sql, decision_id), "the row")[0]


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_notice(broker, version, qos):
    publisher = broker.client("inventory-service", version)
    own = notices_of(publisher)
    before = broker.mark()
    topic, payload = messages.stock("xyz789", -1)
    publisher.publish(topic, payload, qos)
    notice = publisher.message()
    assert notice.topic == own and notice.qos == 1 and not notice.retain
    if version == 5:
        assert publisher.properties == CONTENT_TYPE
    problem = json.loads(notice.payload)
    identity = problem.pop("decisionId")
    problem.pop("time")
    message = problem["detail"]
    assert problem == {
        "type": "https://petstoreapi.com/errors/validation-error", "title": "Validation Error",
        "status": 422, "detail": message, "instance": topic, "reason": "schema-violation",
        "errors": [{"field": "/quantity", "code": "minimum", "message": message}],
        "topic": topic, "qos": qos,
    }
    assert row_of(broker, identity) == (
        "schema-violation", "publish", topic, qos, publisher.client_id, "inventory-service",
        message, payload.decode(), len(payload))
    assert "[%s]" % identity in broker.log(before)


def test_notice_is_what_the_contract_says(broker, tmp_path):
    publisher = broker.client("inventory-service")
    notices_of(publisher)
    publisher.publish(*messages.stock("xyz789", -1), qos=1)
    (tmp_path / "notice.json").write_bytes(publisher.message().payload)
    # More than there are notices in the seconds that a slow machine takes.
    watched.publish_at_once(publisher, *[messages.stock("xyz789", -1)] * 40)
    while True:
        last = publisher.message().payload
        if b"heldBack" in last:
            break
    (tmp_path / "held.json").write_bytes(last)
    tool = os.path.join(harness.BUILD, "petstorectl")
    subprocess.run([tool, "validate", "--format", "--schema",
                    os.path.join(harness.TOP, "schemas", "refusal.schema.json"),
                    str(tmp_path / "notice.json"), str(tmp_path / "held.json")], check=True)


def test_standing_status(broker):
    publisher = broker.client("orders-service")
    notices_of(publisher)
    order = messages.unique("ord")
    assert publisher.publish(*messages.order(order), qos=1) in (0, 0x10)
    assert publisher.publish(*messages.order(order, "DELIVERED"), qos=1) == NOT_AUTHORIZED
    problem = json.loads(publisher.message().payload)
    assert problem["currentStatus"] == "PLACED"
    assert problem["reason"] == "transition-illegal"


@pytest.mark.parametrize("version", [4, 5])
def test_will_of_a_persistent_session(broker, version):
    name = messages.unique("collar")
    options = dict(version=version, client_id=name, clean=False, expiry=600)
    topic, payload = messages.availability("abc123", "no")
    client = broker.client("collar-7", will=(topic, payload, 1, False), **options)
    notices_of(client)
    before = broker.mark()
    client.drop()
    broker.wait_log("refused will %s" % topic, before)
    client = broker.client("collar-7", **options)
    assert client.is_session_present
    problem = json.loads(client.message().payload)
    assert problem["reason"] == "schema-violation" and problem["topic"] == topic
    client.disconnect()


def test_only_its_client_and_operators_read_it(broker):
    publisher = broker.client("inventory-service")
    own = notices_of(publisher)
    stranger = broker.client("customer-a")
    # a wildcard is granted, for one's own
    assert stranger.subscribe(own, "refusals/+/+", "refusals/#") == [NOT_AUTHORIZED, 2, 2]
    # a shared one would take notices from the operators that share it
    assert stranger.subscribe("#", "$share/group/refusals/+/+") == [2, NOT_AUTHORIZED]
    operator = broker.client("monitor")
    assert operator.subscribe("refusals/+/+") == [2]
    publisher.publish(*messages.stock("xyz789", -1), qos=1)
    assert publisher.message().topic == own
    assert operator.until(own) is not None
    stranger.ping()
    assert [each for each in stranger.inbox if each.topic.startswith("refusals/")] == []


def test_nobody_publishes_notices(broker):
    client = broker.client("backoffice")
    assert client.publish("refusals/backoffice/" + client.client_id, b"{}", 1) == NOT_AUTHORIZED


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("name", [
    "a/b", "+", "#", "a/#", "$SYS", "$share/x/#", "x" * 192, "a b", "\u202ea", "a\u2028b", "../a",
    "a%2Fb", '"},{"', "\u00fc" * 32, "auto-81F24B3F-7A65-45BE-C3A0-16A83D86DFF5", "mosq-Zk3~.",
])
def test_odd_client_ids(broker, version, name):
    """The level is made of the id: no wildcard, nobody else's, and its client alone reads it."""
    operator = broker.client("monitor")
    assert operator.subscribe("refusals/#") == [2]
    stock = messages.stock(messages.unique("product"), -1)
    odd = broker.client("inventory-service", version, client_id=name)
    own = "refusals/inventory-service/" + quote(name, safe="")
    refused = NOT_AUTHORIZED if version == 5 else 0x80
    assert odd.subscribe(own, own + "x", own + "%20") == [2, refused, refused]
    odd.publish(*stock, qos=1)
    assert odd.message().topic == own
    witness = broker.client("inventory-service")
    witness.publish(*stock, qos=1)
    seen = [each.topic for each in operator.until("refusals/inventory-service/" + witness.client_id)]
    assert seen == [own]
    odd.ping()
    assert not odd.inbox
    # Neither was its notice refused. In the table, since the log has so many lines a second only.
    broker.wait_rows([(name,), (witness.client_id,)], "SELECT client_id FROM refusals WHERE "
                     "action = 'publish' AND topic IN (?, ?) ORDER BY seq", stock[0], own)


def test_longest_client_id(broker):
    """What makes no level is told nothing, and is on the log and in the table all the same."""
    odd = broker.client("inventory-service", client_id="x" * 193)
    assert odd.subscribe("refusals/+/+") == [NOT_AUTHORIZED]
    before = broker.mark()
    odd.publish(*messages.stock("xyz789", -1), qos=1)
    broker.wait_log("refused publish inventory/xyz789/stock", before)
    harness.until(lambda: broker.rows("SELECT 1 FROM refusals WHERE client_id = ?", "x" * 193),
                  "the row")


@pytest.mark.parametrize("version", [4, 5])
def test_id_that_the_broker_chose(broker, version):
    """paho without a client id: MQTT 3.1.1 does not even say which one it got."""
    client = broker.paho("inventory-service", "", protocol=version)
    client._client_id = b""  # broker.paho() gives it one
    subscriber = paho_shim.Subscriber(client, broker.tls, "refusals/+/+")
    try:
        assert subscriber.granted == [2]
        client.publish(*messages.stock("xyz789", -1), qos=1)
        notice = subscriber.message()
        assert notice.topic.startswith("refusals/inventory-service/auto-")
        assert json.loads(notice.payload)["reason"] == "schema-violation"
    finally:
        subscriber.stop()


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_paho(broker, version, qos):
    """All that is wrong with the payload, to a client as people write them."""
    client = broker.paho("payments-service", protocol=version)
    own = "refusals/payments-service/" + client._client_id.decode()
    subscriber = paho_shim.Subscriber(client, broker.tls, own, qos=1)
    try:
        topic, payload = messages.payment("pay-bad", amount=1, currency="JPY", more="x")
        client.publish(topic, payload, qos)
        notice = subscriber.message()
        assert (notice.topic, notice.qos, notice.retain) == (own, 1, False)
        if version == 5:
            assert notice.properties.ContentType == "application/problem+json"
        problem = json.loads(notice.payload)
        assert {each["field"]: each["code"] for each in problem["errors"]} == {
            "/amount": "type", "/currency": "enum", "/more": "additionalProperties",
        }
        assert problem["errors"][0]["message"] == problem["detail"]
        assert problem["qos"] == qos
    finally:
        subscriber.stop()


@pytest.mark.parametrize("version", [4, 5])
def test_paho_will(broker, version):
    """A will is published when its client is gone: the session keeps the notice for it."""
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    name = messages.unique("collar")
    topic, payload = messages.availability("abc123", "no")

    def new():
        options = dict(clean_session=False) if version == 4 else {}
        return broker.paho("collar-7", name, protocol=version, **options)

    def connect(client):
        client.will_set(topic, payload, 1)
        if version == 5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 600
            return dict(clean_start=False, properties=properties)
        return {}

    first = new()
    subscriber = paho_shim.Subscriber(first, broker.tls, "refusals/collar-7/" + name, qos=1,
                                      **connect(first))
    before = broker.mark()
    first._sock_close()  # no DISCONNECT
    first.loop_stop()
    broker.wait_log("refused will %s" % topic, before)
    second = new()
    subscriber = paho_shim.Subscriber(second, broker.tls, qos=1, **connect(second))
    try:
        problem = json.loads(subscriber.message().payload)
        assert problem["reason"] == "schema-violation" and problem["topic"] == topic
        assert problem["errors"][0]["field"] == "/available"
    finally:
        subscriber.stop()


@pytest.mark.parametrize("level", ['"}', "a\\b", "\u2028", "<script>", "%0a", "\U0001f408"])
def test_odd_topics_stay_text(broker, level):
    publisher = broker.client("inventory-service")
    notices_of(publisher)
    topic = "inventory/%s/stock" % level
    publisher.publish(topic, b"{}", 1)
    notice = publisher.message().payload
    problem = json.loads(notice)
    assert problem["topic"] == topic
    assert not re.search(r'[\x00-\x20"<>\\^`{|}\x7f-\U0010ffff]', problem["instance"])
    assert not re.search("[\x00-\x1f\x7f\u2028\u2029]", notice.decode())


def test_payload_is_kept_as_it_is(broker):
    """Bytes that are no text, more of them than are kept."""
    publisher = broker.client("inventory-service")
    notices_of(publisher)
    payload = b"\xff\x00'); DROP TABLE refusals; --" + bytes(range(256)) * 4
    publisher.publish("inventory/x/stock", payload, 1)
    row = row_of(broker, json.loads(publisher.message().payload)["decisionId"],
                 engines.REFUSAL_BYTES)
    assert row[7:] == (payload[:256], len(payload))


def test_subscriptions_and_connections_are_recorded(broker):
    client = broker.client("customer-a")
    before = broker.mark()
    assert client.subscribe("weather/#") == [NOT_AUTHORIZED]
    name = messages.unique("nobody")
    assert broker.try_client("nobody", "wrong", client_id=name).code == NOT_AUTHORIZED
    sql = "SELECT action, reason, topic FROM refusals WHERE client_id = ?"
    broker.wait_rows([("subscribe", "filter-unreachable", "weather/#")], sql, client.client_id)
    broker.wait_rows([("connect", "identity-unknown", "")], sql, name)
    identities = broker.rows("SELECT decision_id FROM refusals WHERE client_id IN (?, ?)",
                             client.client_id, name)
    for identity, in identities:
        assert "[%s]" % identity in broker.log(before)


def test_flood(new_broker):
    """100,000 refusals: notices, log and table stay bounded, and others are served."""
    broker = new_broker()
    broker.edits.append(lambda text: text.replace(
        "\nplugin_opt_database ",
        "\nplugin_opt_refusals_keep_rows 2000\nplugin_opt_database ", 1))
    broker.start()
    victim = broker.client("inventory-service")
    watcher = broker.client("monitor")
    assert watcher.subscribe("inventory/#") == [2]
    flooder = broker.client("inventory-service")
    notices_of(flooder)
    resident = memory_of(broker)
    topic, payload = messages.stock("xyz789", -1)
    body = field(topic) + b"\0" + payload
    packet = b"\x30" + length(len(body)) + body
    begin = broker._log_size()
    for _ in range(100):
        flooder.stream.send(packet * 1000)
        good = messages.stock(messages.unique("xyz"))
        assert victim.publish(*good, qos=1) in (0, 0x10)
        watcher.until(good[0])

    def reasons():
        flooder.ping()
        return [json.loads(each.payload)["reason"] for each in flooder.inbox]

    # Both come when the second is over, which may be after the flood is.
    harness.until(lambda: "notices-held-back" in reasons(), "the notice that some were held back")
    harness.until(lambda: "were not logged one by one" in broker.log(begin), "the summary")
    assert 0 < len(reasons()) < 500
    if not harness.PRELOAD:  # ASan keeps what was freed for a while
        assert memory_of(broker) < resident + 64 * 1024
    assert broker._log_size() - begin < 2 << 20

    def is_trimmed():
        flooder.publish(topic, payload, 1)
        return broker.rows("SELECT count(*) FROM refusals")[0][0] <= 2000

    harness.until(is_trimmed, "the table to be trimmed", 30)
    assert broker.rows("SELECT count(*) FROM refusals")[0][0] > 0


def memory_of(broker):
    """Resident, in KiB."""
    with open("/proc/%d/status" % broker.process.pid) as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


@pytest.mark.parametrize("bound", [0, 2])
def test_bound(new_broker, bound):
    broker = new_broker()
    broker.edits.append(lambda text: text.replace(
        "\nplugin_opt_database ",
        "\nplugin_opt_notices_per_second %d\nplugin_opt_refusal_payload 0\nplugin_opt_database "
        % bound, 1))
    broker.start()
    publisher = broker.client("inventory-service")
    own = notices_of(publisher)
    watched.publish_at_once(publisher, *[messages.stock("xyz789", -1)] * 20)
    broker.wait_rows([(20, 0)], "SELECT count(*), count(payload) FROM refusals")
    if bound == 0:
        publisher.ping()
        assert not publisher.inbox
        return
    reasons = []
    while "notices-held-back" not in reasons:
        message = publisher.message()
        assert message.topic == own
        reasons.append(json.loads(message.payload)["reason"])
    assert 2 <= reasons.count("schema-violation") < 20


# ---- observe ------------------------------------------------------------------------------


def set_mode(broker, mode, channel=None):
    with open(broker.contract) as file:
        contract = json.load(file)
    place = contract["channels"][channel] if channel else contract
    place["x-mode"] = mode
    with open(broker.contract, "w") as file:
        json.dump(contract, file)


def test_into_force_on_a_live_system(new_broker):
    """The way that the README shows: watch first, mend what is reported, then enforce."""
    broker = new_broker()
    broker.start()
    watcher = broker.client("backoffice")
    assert watcher.subscribe("#") == [2]
    publisher = broker.client("customer-a")  # may not publish stock
    notices_of(publisher)
    bad = messages.stock("xyz789", -1)

    set_mode(broker, {"permission": "observe", "schema": "observe", "transition": "observe",
                      "limits": "observe"})
    broker.reload()
    before = broker.mark()
    assert publisher.publish(*bad, qos=1) in (0, 0x10)
    assert [each[:2] for each in broker.barrier(watcher)] == [bad]
    problem = json.loads(publisher.message().payload)
    assert problem["observed"] is True and problem["reason"] == "scope-missing"
    broker.wait_log("observed publish %s by customer-a .*: scope-missing: " % bad[0], before)
    broker.wait_rows([("scope-missing", 1)],
                     "SELECT reason, observed FROM refusals WHERE decision_id = ?",
                     problem["decisionId"])
    assert broker.rows("SELECT count(*) FROM events WHERE topic = ?", bad[0]) == [(0,)]

    # permission comes into force, what the messages hold is still only watched
    set_mode(broker, "observe")
    broker.reload()
    assert publisher.publish(*bad, qos=1) == NOT_AUTHORIZED
    writer = broker.client("inventory-service")
    notices_of(writer)
    assert writer.publish(*bad, qos=1) in (0, 0x10)
    problem = json.loads(writer.message().payload)
    assert problem["observed"] is True and problem["reason"] == "schema-violation"
    assert [each[:2] for each in broker.barrier(watcher)] == [bad]

    # one channel is ready
    set_mode(broker, "enforce", "inventoryStock")
    broker.reload()
    assert writer.publish(*bad, qos=1) == NOT_AUTHORIZED
    order = messages.order(messages.unique("ord"), "SHIPPED")
    assert broker.client("orders-service").publish(*order, qos=1) in (0, 0x10)
    # what it says is taken over, for the time after
    broker.wait_rows([("SHIPPED", 1)], "SELECT status, adopted_at = updated_at FROM orders")
    assert [each[:2] for each in broker.barrier(watcher)] == [order]

    # and then all of them
    set_mode(broker, "enforce")
    broker.reload()
    order = messages.order(messages.unique("ord"), "SHIPPED")
    assert broker.client("orders-service").publish(*order, qos=1) == NOT_AUTHORIZED


def test_observe_by_group(new_broker):
    broker = new_broker()
    broker.start()
    publisher = broker.client("orders-service")
    order = messages.unique("ord")
    set_mode(broker, {"limits": "observe"}, "orderStatus")
    broker.reload()
    # QoS 0 is only observed, and what is right otherwise is kept
    assert publisher.publish(*messages.order(order), qos=0) == 0
    broker.wait_rows([("PLACED",)], "SELECT status FROM orders WHERE id = ?", order)
    assert publisher.publish(*messages.order(order, "DELIVERED"), qos=1) == NOT_AUTHORIZED
    set_mode(broker, {"transition": "observe"}, "orderStatus")
    broker.reload()
    assert publisher.publish(*messages.order(order, "DELIVERED"), qos=1) in (0, 0x10)
    assert publisher.publish(*messages.order(order, "LOST"), qos=1) == NOT_AUTHORIZED
    set_mode(broker, "off", "orderStatus")
    broker.reload()
    assert publisher.publish(messages.order(order)[0], b"anything", 0) == 0
    broker.wait_rows([("DELIVERED",)], "SELECT status FROM orders WHERE id = ?", order)
