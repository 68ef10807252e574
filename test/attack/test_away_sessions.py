"""Accounts that are taken away while their sessions are kept: the broker's own lists stay whole."""
import json
import os
import signal
import subprocess

import pytest

import harness
import messages
import rawmqtt

AWAY = 12


def without(broker, user, how):
    """Takes the account away: out of the file, or disabled."""
    with open(broker.path("access.json")) as file:
        access = json.load(file)
    if how == "removed":
        del access["users"][user]
    else:
        access["users"][user]["disabled"] = True
    with open(broker.path("access.json"), "w") as file:
        json.dump(access, file)


def leave_sessions(broker, user, expiry, **options):
    for number in range(AWAY):
        client = broker.client(user, client_id="away-%d" % number, clean=False, expiry=expiry,
                               **options)
        assert client.subscribe("inventory/#") == [2]
        client.disconnect()


def let_expire(broker, name):
    """A session of its own, at the end of the list, expires: the list was gone through."""
    broker.client("customer-a", client_id=name, clean=False, expiry=1).disconnect()
    broker.wait_log("Expiring client %s " % name)


def set_password(broker, user, password):
    subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "passwd", "set",
                    broker.path("passwords"), user],
                   input=password + "\n", text=True, check=True, stdout=subprocess.PIPE)


@pytest.mark.parametrize("how", ["removed", "disabled"])
def test_the_bystanders_stay(new_broker, how):
    """Each reload that refuses away sessions would put them on the broker's expiry list again."""
    broker = new_broker().start()
    leave_sessions(broker, "customer-b", expiry=2)
    without(broker, "customer-b", how)
    broker.reload()
    broker.reload()
    bystanders = []
    for number in range(20):
        bystanders.append(broker.client("orders-service", client_id="bystander-%d" % number))
    broker.wait_log("Expiring client away-0 ", 0)
    # Who expires by mistake has the memory of one that did.
    for number in range(20, 40):
        bystanders.append(broker.client("orders-service", client_id="bystander-%d" % number))
    let_expire(broker, "one")
    let_expire(broker, "two")
    for client in bystanders:
        client.ping()
    assert "Expiring client bystander" not in broker.log()


def test_taken_over_afterwards(new_broker):
    """Their ids are taken over by others, so that they are freed: the broker lives."""
    broker = new_broker().start()
    leave_sessions(broker, "customer-b", expiry=3)
    without(broker, "customer-b", "disabled")
    broker.reload()
    for number in range(AWAY):
        broker.client("customer-a", client_id="away-%d" % number).disconnect()
    clients = [broker.client("orders-service", client_id="after-%d" % number)
               for number in range(30)]
    let_expire(broker, "one")
    let_expire(broker, "two")
    for client in clients:
        client.ping()
    broker.assert_alive()


def test_restored_from_disk(new_broker):
    """Sessions that a restart brought back are asked at a reload as well, and kicked by nobody."""
    broker = new_broker().start()
    leave_sessions(broker, "customer-b", expiry=3600)
    broker.restart()
    without(broker, "customer-b", "removed")
    broker.reload()
    broker.reload()
    clients = [broker.client("orders-service") for _ in range(20)]
    for number in range(AWAY):
        broker.client("customer-a", client_id="away-%d" % number).disconnect()
    broker.reload()
    for client in clients:
        client.ping()


def test_nothing_is_kept_for_it(new_broker):
    """What is sent meanwhile is not for an account that was taken away, nor is it let in."""
    broker = new_broker().start()
    leave_sessions(broker, "customer-b", expiry=3600)
    without(broker, "customer-b", "disabled")
    broker.reload()
    broker.client("backoffice").publish(*messages.stock(messages.unique("secret")), qos=1)
    refused = broker.try_client("customer-b", broker.password("customer-b"),
                                client_id="away-0", clean=False)
    assert refused.code == rawmqtt.NOT_AUTHORIZED
    with open(broker.path("access.json")) as file:
        access = json.load(file)
    del access["users"]["customer-b"]["disabled"]
    with open(broker.path("access.json"), "w") as file:
        json.dump(access, file)
    broker.reload()
    back = broker.client("customer-b", client_id="away-1", clean=False, expiry=3600)
    assert back.is_session_present
    # Its subscription is there still, what was said meanwhile is not.
    topic, payload = messages.stock(messages.unique("after"))
    broker.client("backoffice").publish(topic, payload, qos=1)
    assert back.message().topic == topic


def test_another_password_while_away(new_broker):
    """A changed password takes nothing from who is away: it is judged when it comes back."""
    broker = new_broker().start()
    leave_sessions(broker, "customer-b", expiry=3600)
    set_password(broker, "customer-b", "a new one, at last")
    broker.reload()
    topic, payload = messages.stock(messages.unique("queued"))
    broker.client("backoffice").publish(topic, payload, qos=1)
    old = broker.try_client("customer-b", broker.password("customer-b"), client_id="away-3",
                            clean=False)
    assert old.code == rawmqtt.NOT_AUTHORIZED

    def comes():
        """Again where a busy machine has derived all keys that a second has time for."""
        made = broker.try_client("customer-b", "a new one, at last", client_id="away-3",
                                 clean=False, expiry=3600)
        return made if made.code == 0 else None

    back = harness.until(comes, "a login")
    assert back.is_session_present
    assert back.message().topic == topic


def wait_closed(client):
    try:
        client.wait_closed()
    except OSError:
        pass  # 2.1 writes the websocket's end beside TLS


def test_live_ones_are_disconnected_once(new_broker):
    """Over each transport, with a session that is kept: the broker's lists stay whole."""
    broker = new_broker().start()
    clients = [broker.client("customer-b", client_id="live-%s-%d" % (transport, number),
                             transport=transport, clean=False, expiry=2)
               for transport in ("tcp", "tls", "wss") for number in range(6)]
    without(broker, "customer-b", "disabled")
    broker.process.send_signal(signal.SIGHUP)
    broker.process.send_signal(signal.SIGHUP)
    for client in clients:
        wait_closed(client)
    bystanders = [broker.client("orders-service", client_id="by-%d" % number)
                  for number in range(20)]
    broker.reload()
    broker.wait_log("Expiring client live-tcp-0 ", 0)
    let_expire(broker, "one")
    for client in bystanders:
        client.ping()
    assert "Expiring client by-" not in broker.log()
