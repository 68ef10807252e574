"""
Shared subscriptions: nobody takes messages from a group that may not read them.

The broker hands each message to one member and asks for that member alone. A member without the
right would make it disappear, acknowledged.
"""
import json
import os

import pytest

import harness
import messages
from rawmqtt import NOT_AUTHORIZED
from test_reload import edit_json
from test_certificate import shipped_access

KEPT = dict(clean=False, expiry=1000)


@pytest.fixture
def plain(new_broker, tmp_path):
    """Users with passwords only, so that who is away is known."""
    access = shipped_access()
    del access["certificates"]
    path = str(tmp_path / "access.json")
    with open(path, "w") as file:
        json.dump(access, file)
    return new_broker(access=path).start()


def share():
    return "$share/%s/orders/+/status" % messages.unique("group")


def orders(broker, count):
    """So many orders, acknowledged: their topics."""
    publisher = broker.client("backoffice")
    sent = [messages.order(messages.unique("ord")) for _ in range(count)]
    for topic, payload in sent:
        assert publisher.publish(topic, payload, 1) in (0, 0x10)
    publisher.disconnect()
    return [topic for topic, _ in sent]


def got(*clients):
    for client in clients:
        client.ping()
    return sorted(each.topic for client in clients for each in client.inbox
                  if each.topic.startswith("orders/"))


def take_scope_away(broker, role="monitor", scope="read:orders"):
    def change(access):
        access["roles"][role]["scopes"].remove(scope)

    edit_json(broker.path("access.json"), change)
    assert "petstore: reloaded" in broker.reload()


@pytest.mark.parametrize("version", [4, 5])
def test_who_may_read_a_part_only_is_refused(broker, version):
    group = share()
    worker = broker.client("orders-service", version)
    assert worker.subscribe(group) == [2]
    refused = [NOT_AUTHORIZED if version == 5 else 0x80]
    before = broker.mark()
    for user in ("customer-b", "customer-b", "collar-7"):
        assert broker.client(user, version).subscribe(group) == refused
    broker.wait_log(r"refused subscribe \S+ by customer-b .*: share-partial: ", before)
    sent = orders(broker, 15)
    assert got(worker) == sorted(sent)


@pytest.mark.parametrize("filter", ["#", "+/+/status", "+/+"])
def test_a_wildcard_beyond_the_scopes_is_refused(broker, filter):
    """What nobody of the group but the member may not read would be lost as well."""
    client = broker.client("orders-service")
    assert client.subscribe("$share/g/" + filter) == [NOT_AUTHORIZED]


def test_a_scope_that_is_taken_away_ends_it(new_broker):
    broker = new_broker().start()
    group = share()
    worker = broker.client("orders-service")
    loser = broker.client("monitor")
    assert worker.subscribe(group) == loser.subscribe(group) == [2]
    before = broker.mark()
    take_scope_away(broker)
    broker.wait_log("client %s .*may not read all that its shared subscription" % loser.client_id,
                    before)
    loser.wait_closed()
    assert sorted(orders(broker, 15)) == got(worker)


def test_of_a_session_that_is_kept_too(new_broker):
    """What else it subscribed to stays."""
    broker = new_broker().start()
    group = share()
    worker = broker.client("orders-service")
    loser = broker.client("monitor", client_id="kept", **KEPT)
    assert worker.subscribe(group) == [2]
    assert loser.subscribe(group, "inventory/#", "$share/x/inventory/#") == [2, 2, 2]
    take_scope_away(broker)
    loser.wait_closed()
    assert sorted(orders(broker, 15)) == got(worker)
    back = broker.client("monitor", client_id="kept", **KEPT)
    assert back.is_session_present
    broker.barrier(back)
    assert got(worker) != [] and back.subscribe(group) == [NOT_AUTHORIZED]
    assert got(back) == []


def test_of_one_that_is_away(plain):
    """2.1 takes it out at once; 2.0 as soon as the client is back, and says what is lost."""
    group = share()
    worker = plain.client("orders-service")
    away = plain.client("monitor", client_id="away", **KEPT)
    assert worker.subscribe(group) == away.subscribe(group) == [2]
    before = plain.mark()
    away.disconnect()
    plain.wait_log("Client away (\\[.*\\] )?disconnected", before)
    take_scope_away(plain)
    plain.wait_log("client away .*may not read all that its shared subscription", before)
    sent = orders(plain, 10)
    if harness.IS_2_1:
        assert got(worker) == sorted(sent)
        return
    back = plain.try_client("monitor", plain.password("monitor"), client_id="away", **KEPT)
    assert back.code == 0
    back.wait_closed()
    lost = sorted(set(sent) - set(got(worker)))
    if lost:
        plain.wait_log(r"\d+ messages of a shared subscription were handed to client away, which "
                       "may not read them, and are lost; the last on orders/", before)
    worker.inbox.clear()
    assert got(worker) == [] and sorted(orders(plain, 10)) == got(worker)


def test_whoever_takes_the_session_over_has_no_part_in_it(plain):
    """Another principal under the client id of a session that is kept."""
    group = share()
    worker = plain.client("orders-service")
    kept = plain.client("monitor", client_id="kept", **KEPT)
    assert worker.subscribe(group) == kept.subscribe(group) == [2]
    before = plain.mark()
    thief = plain.client("customer-b", client_id="kept", **KEPT)
    thief.wait_closed()
    plain.wait_log(r"client kept \(customer-b\) may not read all", before)
    assert sorted(orders(plain, 15)) == got(worker)
