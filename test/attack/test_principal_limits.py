"""What an account may do is of the account: client ids are made up, and buy nothing."""
import pytest

import harness
import messages
import unbound
import watched
from rawmqtt import NOT_AUTHORIZED


def new(new_broker, tmp_path, monitor=None, **limits):
    def edit(access):
        for role, limit in limits.items():
            access["roles"][role]["limits"] = limit

    broker = new_broker(access=unbound.access(tmp_path, edit))
    if monitor:
        watched.watch(broker, monitor)
    broker.start()
    return broker


def accepted(broker, count, each, user="inventory-service"):
    """How many of @each messages of each of @count client ids were accepted."""
    passed = 0
    for number in range(count):
        client = broker.client(user, client_id="made-up-%d" % number)
        codes = [client.publish(*messages.stock("p%d" % n, n), qos=1) for n in range(each)]
        passed += sum(code in (0, 0x10) for code in codes)
        client.drop()
    return passed


def test_many_ids_pass_no_more_messages_of_a_role(new_broker, tmp_path):
    broker = new(new_broker, tmp_path, inventory={"messagesPerSecond": 1, "burst": 5},
                 monitor={"rate-limit": {"enabled": False}})
    # A message a second comes on top of the burst, however slow the machine is.
    assert accepted(broker, 59, 5) < 100
    assert broker.client("backoffice").publish(*messages.stock("p"), qos=1) in (0, 0x10)
    assert "more than 1 messages a second from one user" in broker.log()


def test_many_ids_pass_no_more_messages_of_a_channel(new_broker, tmp_path):
    broker = new_broker(access=unbound.access(tmp_path))

    def edit(contract):
        contract["channels"]["inventoryStock"]["x-limits"] = {"messagesPerSecond": 1, "burst": 5}

    watched.change(broker, edit)
    watched.watch(broker, {"rate-limit": {"enabled": False}})
    broker.start()
    assert accepted(broker, 59, 5) < 100


def test_an_account_of_many_devices(new_broker, tmp_path):
    """With `clients` each device has its part, one takes nothing from the others."""
    broker = new(new_broker, tmp_path,
                 inventory={"messagesPerSecond": 1, "burst": 5, "clients": 4},
                 monitor={"rate-limit": {"enabled": False}})
    greedy = broker.client("inventory-service", client_id="greedy")
    codes = [greedy.publish(*messages.stock("p%d" % n, n), qos=1) for n in range(100)]
    assert sum(code in (0, 0x10) for code in codes) < 50
    assert accepted(broker, 1, 5) == 5


def test_subscriptions_are_counted_over_all_clients(new_broker, tmp_path):
    broker = new(new_broker, tmp_path, customer={"subscriptions": 3})
    clients = [broker.client("customer-a", client_id="made-up-%d" % n) for n in range(5)]
    codes = [client.subscribe("orders/+/status")[0] for client in clients]
    assert codes == [2, 2, 2, 0x87, 0x87]
    clients[0].disconnect()
    harness.until(lambda: clients[4].subscribe("orders/+/status") == [2], "the place to be free")


def test_a_hold_is_not_left_by_another_id(new_broker, tmp_path):
    broker = new(new_broker, tmp_path, monitor={
        "refusal-streak": {"threshold": 3, "response": "ban", "seconds": 600}})
    client = broker.client("customer-a", client_id="culprit")
    for _ in range(3):
        client.publish("weather/today", b"{}", qos=1)
    client.wait_closed()
    for name in ("culprit", "made-up", ""):
        attempt = broker.try_client("customer-a", broker.password("customer-a"), client_id=name)
        assert attempt.code == NOT_AUTHORIZED
    # The same ids are free for everybody else.
    broker.client("customer-b", client_id="culprit").disconnect()


@pytest.mark.parametrize("user, password", [("customer-a", "wrong"), (None, None)])
def test_a_stranger_holds_nobody_off(new_broker, tmp_path, user, password):
    quick = {kind: {"threshold": 2, "response": "ban", "seconds": 600}
             for kind in ("refusal-streak", "rate-limit", "id-probing", "takeover")}
    broker = new(new_broker, tmp_path, monitor=quick)
    for _ in range(20):
        attempt = broker.try_client(user, password, client_id="victim")
        assert attempt.code != 0
        attempt.drop()
    assert watched.ask(broker, {"command": "listBans"})[0]["data"]["total"] == 0
