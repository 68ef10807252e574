"""Limits of roles and channels, and what observing them means."""

import contextlib
import itertools
import json
import re

import harness
import messages
import rawmqtt
import watched


def limited(new_broker, **limits):
    broker = new_broker()
    watched.roles(broker, **limits)
    return broker


def refused(codes):
    """How many, all with the code that this broker has for it."""
    bad = [code for code in codes if code not in (0, 0x10)]
    assert set(bad) <= {harness.QUOTA_EXCEEDED}
    return len(bad)


def test_messages_of_a_role(new_broker):
    broker = limited(new_broker, inventory={"messagesPerSecond": 1, "burst": 10}).start()
    client = broker.client("inventory-service")
    # One more with each second that a slow machine takes.
    codes = watched.publish_at_once(client, *[messages.stock("p%d" % n, n) for n in range(30)])
    assert codes[:10] == [0x10] * 10 or codes[:10] == [0] * 10
    assert refused(codes) >= 9
    assert broker.refusals()[0][3] == "rate-exceeded"
    # Nobody else, and QoS 0 and 2 alike.
    other = broker.client("backoffice")
    assert refused([other.publish(*messages.stock("q%d" % n, n), qos=2)
                    for n in range(20)]) == 0
    for n in range(15):
        client.publish(*messages.stock("p1", 100 + n), qos=0)
    client.ping()
    last = messages.stock("last")
    assert other.publish(*last, qos=1) in (0, 0x10)
    broker.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic = ?", last[0])
    assert broker.rows("SELECT count(*) FROM events WHERE publisher = 'inventory-service'")[0][0] \
        < 30 - refused(codes) + 15


def test_bytes_of_a_role(new_broker):
    broker = limited(new_broker, inventory={"bytesPerSecond": 1000}).start()
    client = broker.client("inventory-service")
    topic, payload = messages.stock("p")
    payload += b" " * (600 - len(payload))
    codes = watched.publish_at_once(client, *[(topic, payload)] * 30)
    assert refused(codes[:1]) == 0 and refused(codes) >= 1


def test_subscriptions_of_a_role(new_broker):
    broker = limited(new_broker, monitor={"subscriptions": 3}).start()
    client = broker.client("monitor")
    filters = ["orders/%d/status" % n for n in range(5)]
    assert [client.subscribe(each)[0] for each in filters] == [2, 2, 2, 0x87, 0x87]
    assert client.subscribe(filters[0]) == [2]  # the same again is none more
    client.unsubscribe(filters[1])
    assert client.subscribe(filters[4]) == [2]
    name = client.client_id
    client.disconnect()
    again = broker.client("monitor", client_id=name)
    assert [again.subscribe(each)[0] for each in filters[:4]] == [2, 2, 2, 0x87]


def test_connects_of_a_role(new_broker):
    broker = limited(new_broker, monitor={"connectsPerMinute": 3}).start()
    password = broker.password("monitor")
    codes = []
    for _ in range(5):
        client = broker.try_client("monitor", password, client_id="flapping")
        codes.append(client.code)
        client.drop()
    assert codes == [0, 0, 0, rawmqtt.NOT_AUTHORIZED, rawmqtt.NOT_AUTHORIZED]
    # Another client id of the account is no way around it; another account is not concerned.
    assert broker.try_client("monitor", password, client_id="other").code == \
        rawmqtt.NOT_AUTHORIZED
    broker.client("backoffice").disconnect()


def test_connects_of_a_client_id(new_broker):
    broker = new_broker()
    broker.edits.append(watched.options(connects_per_minute=3))
    broker.start()
    password = broker.password("monitor")
    codes = []
    for _ in range(4):
        client = broker.try_client("monitor", password, client_id="flapping")
        codes.append(client.code)
        client.drop()
    assert codes == [0, 0, 0, rawmqtt.NOT_AUTHORIZED]
    broker.wait_log("client flapping, .*: connects too often: held off for 60 s")
    broker.client("monitor").disconnect()


def test_length_of_topics(new_broker):
    broker = limited(new_broker, monitor={"topicLevels": 3, "topicBytes": 30},
                     inventory={"topicBytes": 22}).start()
    client = broker.client("monitor")
    assert [client.subscribe(each)[0] for each in (
        "orders/+/status", "orders/+/status/+", "$share/g/orders/+/status",
        "orders/%s/status" % ("o" * 20))] == [2, 0x87, 2, 0x87]
    assert client.subscribe("/".join("+" * 40)) == [0x87]
    client = broker.client("inventory-service")
    assert client.publish(*messages.stock("longer"), qos=1) in (0, 0x10)
    assert client.publish(*messages.stock("too-long"), qos=1) == 0x87
    broker.wait_log("refused publish inventory/too-long/stock .*: topic-too-long: the topic has "
                    "24 bytes, 22 are allowed")


def test_a_channel_observed(new_broker):
    broker = new_broker()

    def edit(contract):
        contract["channels"]["inventoryStock"]["x-limits"] = {"messagesPerSecond": 1}
        contract["channels"]["inventoryStock"]["x-mode"] = {"limits": "observe"}

    watched.change(broker, edit)
    broker.start()
    client = broker.client("inventory-service")
    codes = watched.publish_at_once(client, *[messages.stock("p%d" % n, n) for n in range(5)])
    assert refused(codes) == 0
    broker.wait_log("observed publish inventory/p[1-4]/stock")
    broker.wait_rows([(5,)], "SELECT count(*) FROM events")


def test_wills_are_charged(new_broker):
    """A device that used up its rate has its last word; who keeps dying has not."""
    broker = new_broker()
    watched.roles(broker, collar={"messagesPerSecond": 1, "burst": 2})
    broker.start()
    watcher = broker.client("backoffice")
    watcher.subscribe("#")
    first = broker.client("collar-7", client_id="dying",
                          will=messages.availability("pet-0", False) + (1, False))
    assert refused([first.publish(*messages.availability("collar-7", quantity=n), qos=1)
                    for n in range(2)]) == 0
    since = broker.mark()
    first.drop()
    broker.wait_log("Client dying .*(closed|disconnected)", since)
    assert "rate-exceeded" not in broker.log(since)
    # Each login ends the one before it, whose will that publishes. The broker gets all of them at
    # once, since a second brings the right to one more.
    password, pets = broker.password("collar-7"), itertools.count(1)

    def exceeded():
        with watched.at_once(broker):
            logins = [broker.try_client("collar-7", password, client_id="dying", is_patient=False,
                                        will=messages.availability("pet-%d" % pet, False) + (1, False))
                      for pet in itertools.islice(pets, 12)]
        for login in logins:
            with contextlib.suppress(OSError, rawmqtt.Closed):
                login.finish()
        return re.search(r"refused will pets/(pet-\d+)/availability by collar-7 .*: rate-exceeded: more"
                         " than 1 messages a second", broker.log(since))

    last = harness.until(exceeded, "a will that is refused").group(1)
    heard = [each.topic for each in broker.barrier(watcher)]
    assert "pets/pet-0/availability" in heard
    assert "pets/%s/availability" % last not in heard
    broker.wait_rows([("rate-exceeded",)],
                     "SELECT DISTINCT reason FROM refusals WHERE client_id = 'dying'")


def test_limits_survive_a_reload_of_the_contract(new_broker):
    broker = new_broker()

    def edit(contract):
        contract["channels"]["inventoryStock"]["x-limits"] = {"messagesPerSecond": 1, "burst": 60}

    watched.change(broker, edit)
    broker.start()
    client = broker.client("inventory-service")
    assert refused([client.publish(*messages.stock("p%d" % n, n), qos=1)
                    for n in range(60)]) == 0
    broker.reload()
    codes = watched.publish_at_once(client, *[messages.stock("p%d" % n, n) for n in range(40)])
    assert refused(codes) >= 5


def test_a_bad_settings_file(new_broker):
    """At start it stops the broker, at SIGHUP it changes nothing."""
    import pytest

    import harness

    broker = new_broker()
    watched.watch(broker, {"takeover": {"threshold": 0}})
    with pytest.raises(harness.StartError) as error:
        broker.start()
    assert "monitor.json:1:15: /takeover/threshold: expected an integer from 1 to 10000" in \
        error.value.log
    with open(broker.path("monitor.json"), "w") as file:
        json.dump({}, file)
    broker.start()
    with open(broker.path("monitor.json"), "w") as file:
        file.write("{")
    said = broker.reload()
    assert "reload failed, nothing was changed" in said and "monitor.json:1:" in said
