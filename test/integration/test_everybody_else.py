"""`default` and `anonymous` of access.json: who is let in without an entry in `users`."""

import contextlib
import json
import os
import subprocess

import pytest

import harness
import messages
import rawmqtt

COMMAND = "$CONTROL/petstore/v1"
VISITOR = {"scopes": ["read:inventory", "control:*"], "clientIds": ["*"]}
GUEST = {"scopes": ["read:pets"]}
KEPT = {"clean": False, "expiry": 3600}


def change(broker, edit):
    path = broker.path("access.json")
    with open(path, encoding="utf-8") as file:
        access = json.load(file)
    edit(access)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(access, file)


def open_up(access):
    access["clientIds"] = ["{name}", "{name}*", "{name}/*"]
    access["roles"].update(visitor=VISITOR, guest=GUEST)
    access["roles"]["orders"]["clientIds"] = ["*"]
    access["default"] = {"roles": ["guest"]}
    access["anonymous"] = {"roles": ["visitor"]}
    del access["users"]["customer-b"]


def allow(text):
    assert text.count("\nallow_anonymous false\n") == 1
    return text.replace("\nallow_anonymous false\n", "\nallow_anonymous true\n")


def start(new_broker, edit=allow):
    broker = new_broker()
    broker.edits.append(edit)
    broker.configure()
    change(broker, open_up)
    return broker.start()


def nameless(broker, client_id=None, **options):
    return broker.try_client(None, None, client_id=client_id or messages.unique("thing"), **options)


def unlisted(broker, client_id="customer-b", **options):
    return broker.client("customer-b", client_id=client_id, **options)


def sessions(broker):
    operator = broker.client("backoffice")
    operator.publish(COMMAND, b'{"commands":[{"command":"status"}]}', qos=1)
    answer = json.loads(operator.message().payload)
    operator.disconnect()
    return answer["responses"][0]["data"]["sessions"]


def test_each_may_do_its_own_and_no_more(new_broker):
    broker = start(new_broker)
    listed, guest, thing = broker.client("monitor"), unlisted(broker), nameless(broker)
    assert thing.code == 0
    for client in (listed, guest, thing):
        client.granted = client.subscribe("pets/+/status", "inventory/+/stock", "orders/+/status")
    assert listed.granted == [2, 2, 2]
    assert [code < 3 for code in guest.granted] == [True, False, False]
    assert [code < 3 for code in thing.granted] == [False, True, False]
    pet, stock = messages.unique("pet"), messages.unique("product")
    publisher = broker.client("backoffice")
    publisher.publish(*messages.pet_status(pet), qos=1)
    publisher.publish(*messages.stock(stock), qos=1)
    assert guest.message().topic == "pets/%s/status" % pet
    assert thing.message().topic == "inventory/%s/stock" % stock
    before = broker.mark()
    assert guest.publish(*messages.stock(stock, 2), qos=1) == 0x87
    assert thing.publish(*messages.stock(stock, 2), qos=1) == 0x87
    assert {each[1] for each in broker.refusals(before)} == {"customer-b", "anonymous"}
    # Its refusals are shared out by its network, not by a name that all have.
    broker.wait_rows([("anonymous",), ("customer-b",)],
                     "SELECT principal FROM refusals WHERE topic = ? ORDER BY 1",
                     "inventory/%s/stock" % stock)


def test_nobody_commands_without_a_name(new_broker):
    """Whatever its role says: VISITOR has control:*."""
    broker = start(new_broker)
    thing = nameless(broker)
    before = broker.mark()
    assert thing.publish(COMMAND, b'{"commands":[{"command":"status"}]}', qos=1) == 0x87
    assert thing.subscribe(COMMAND + "/response")[0] >= 0x80
    assert thing.publish("$CONTROL/dynamic-security/v1", b"{}", qos=1) == 0x87
    assert "command status" not in broker.log(before)


def test_nobody_is_kept_out_for_another(new_broker):
    """Each network is limited, and held off, by itself."""
    broker = start(new_broker)

    def limit(access):
        access["roles"]["hasty"] = {"scopes": ["write:inventory"], "limits": {"messagesPerSecond": 2},
                                    "clientIds": ["*"]}
        access["anonymous"] = {"roles": ["hasty"]}
    change(broker, limit)
    broker.reload()
    near, far = {"source": "127.0.0.1"}, {"source": "127.0.0.2"}
    other = nameless(broker, **near)
    flooder, stock = nameless(broker, "flooder", **far), messages.stock(messages.unique("product"))
    before = broker.mark()
    with contextlib.suppress(ConnectionError):  # it is closed meanwhile
        for _ in range(60):
            flooder.publish(*stock)
    flooder.wait_closed()
    broker.wait_log('user "anonymous 127.0.0.2" client flooder', before)
    assert nameless(broker, **far).code != 0
    assert nameless(broker, **near).code == 0
    assert other.publish(*messages.stock(messages.unique("product")), qos=1) < 0x80


def test_client_ids_of_others(new_broker):
    """Whoever proved nothing takes no session over, and comes under no id that has an owner."""
    broker = start(new_broker)
    away = broker.client("monitor", client_id="monitor-app", **KEPT)
    away.subscribe("inventory/+/stock")
    away.disconnect()
    listed = broker.client("orders-service", client_id="some-id")
    for client_id in ("some-id", "monitor-app", "backoffice", "customer-b", "customer-b/phone"):
        assert nameless(broker, client_id).code == 0x87, client_id
    listed.ping()
    topic, payload = messages.stock(messages.unique("product"))
    broker.client("backoffice").publish(topic, payload, qos=1)
    away = broker.client("monitor", client_id="monitor-app", **KEPT)
    assert away.is_session_present and away.message().topic == topic
    # And after a start, before which the plugin knew whose it was: by the names.
    away.disconnect()
    broker.restart()
    assert nameless(broker, "monitor-app").code == 0x87
    assert broker.client("monitor", client_id="monitor-app", **KEPT).is_session_present
    # A password alone, or the name, is an attempt to be somebody.
    for user, password in ((None, "x"), ("anonymous", None), ("anonymous", "")):
        assert broker.try_client(user, password, client_id="thing").code != 0


@pytest.mark.parametrize("who", [nameless, unlisted], ids=["anonymous", "default"])
def test_sessions_are_kept(new_broker, who):
    broker = start(new_broker)
    client_id = "customer-b/kept" if who is unlisted else "kept"
    make = messages.pet_status if who is unlisted else messages.stock
    client = who(broker, client_id, **KEPT)
    assert client.subscribe("#" if who is unlisted else "inventory/#") == [2]
    client.disconnect()
    for restart in (False, True):
        if restart:
            broker.restart()
        topic, payload = make(messages.unique("thing"))
        broker.client("backoffice").publish(topic, payload, qos=1)
        broker.client("backoffice").publish(*messages.order(messages.unique("ord")), qos=1)
        client = who(broker, client_id, **KEPT)
        assert client.is_session_present
        assert client.message()[:2] == (topic, payload)
        client.ping()  # its acknowledgement is there before the broker stops
        client.disconnect()


def test_reload(new_broker):
    """What a role gains or loses holds at once; without the entry they are disconnected."""
    broker = start(new_broker)
    thing, guest = nameless(broker), unlisted(broker)
    assert guest.subscribe("pets/+/status") == [2]
    assert thing.subscribe("inventory/+/stock") == [2]

    def swap(access):
        access["roles"]["guest"]["scopes"] = ["read:inventory"]
        access["roles"]["visitor"]["scopes"] = ["read:pets"]

    change(broker, swap)
    assert "reloaded" in broker.reload()
    assert guest.subscribe("inventory/+/stock") == [2]
    assert thing.subscribe("inventory/+/stock")[0] >= 0x80
    thing.ping()

    def shut(access):
        del access["default"], access["anonymous"]

    change(broker, shut)
    assert "reloaded" in broker.reload()
    for client in (thing, guest):
        client.wait_closed()
    assert nameless(broker).code == 0x87
    assert broker.try_client("customer-b", broker.password("customer-b")).code == 0x87
    broker.assert_alive()


def test_a_will_of_who_has_no_name(new_broker):
    broker = start(new_broker)
    change(broker, lambda access: access["roles"]["visitor"]["scopes"].append("write:pets"))
    assert "reloaded" in broker.reload()
    topic, payload = messages.availability(messages.unique("pet"), False)
    watcher = broker.client("monitor")
    watcher.subscribe("pets/+/availability")
    thing = nameless(broker, will=(topic, payload, 1, False))
    assert thing.code == 0
    thing.drop()
    assert watcher.message()[:2] == (topic, payload)


def test_the_broker_decides_who_comes_without_a_name(new_broker):
    """allow_anonymous false: refused, and the plugin keeps nothing of it."""
    broker = start(new_broker, lambda text: text)
    before = sessions(broker)
    for number in range(5):
        assert nameless(broker, "x-%d" % number).code == 0x87
    assert unlisted(broker).code == 0
    if "mosquitto version 2.0" not in broker.log():  # 2.1 says which logins succeeded
        assert sessions(broker) <= before + 2
    broker.assert_alive()


def test_one_listener_of_several(new_broker):
    """listener_allow_anonymous of 2.1."""
    def only_plain(text):
        at = text.index("\nlistener %d" % broker_ports["plain"]) + 1
        end = text.index("\n", at) + 1
        return text[:end] + "listener_allow_anonymous true\n" + text[end:]

    version = subprocess.run(["mosquitto", "-h"], stdout=subprocess.PIPE, text=True,
                             check=False).stdout
    if "version 2.0" in version:
        pytest.skip("Mosquitto 2.0 has one allow_anonymous for all listeners of a plugin")
    broker_ports = {}
    broker = new_broker()

    def edit(text):
        broker_ports["plain"] = broker.plain
        return only_plain(text)

    broker.edits.append(edit)
    broker.configure()
    change(broker, open_up)
    broker.start()
    thing = nameless(broker, "kept", **KEPT)
    assert thing.code == 0 and thing.subscribe("$share/g/inventory/#") == [2]
    thing.disconnect()
    assert nameless(broker, "kept", transport="tls").code == 0x87
    thing = nameless(broker, "kept", **KEPT)
    assert thing.is_session_present
    topic, payload = messages.stock(messages.unique("product"))
    broker.client("backoffice").publish(topic, payload, qos=1)
    assert thing.message()[:2] == (topic, payload)


def test_an_entry_missing_is_as_before(new_broker):
    """A file without the entries: allow_anonymous true lets nobody in."""
    broker = new_broker()
    broker.edits.append(allow)
    broker.start()
    assert nameless(broker).code == 0x87


def test_a_user_called_anonymous(new_broker):
    broker = new_broker()
    broker.configure()

    def take_the_name(access):
        open_up(access)
        access["users"]["anonymous"] = {"roles": []}

    change(broker, take_the_name)
    with pytest.raises(harness.StartError) as error:
        broker.start()
    assert "/users/anonymous: with the member `anonymous` this name is that of" in error.value.log
    assert os.path.exists(broker.path("access.json"))


def test_petstorectl(new_broker):
    """may, explain and lint say of them what the broker does."""
    broker = start(new_broker)
    tool = os.path.join(harness.BUILD, "petstorectl")
    config = "--config=" + broker.path("mosquitto.conf")

    def ask(*words):
        return subprocess.run([tool, *words, config], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)

    def give_applications(access):
        access["roles"]["guest"]["talksTo"] = ["Petstore MQTT API"]
        access["roles"]["guest"]["operations"] = ["receivePetStatus"]

    change(broker, give_applications)
    shown = json.loads(ask("may", "customer-b", "--json").stdout)
    assert shown["byDefault"] and shown["roles"] == ["guest"]
    assert shown["applications"] == [{"application": "Petstore MQTT API", "party": "talksTo",
                                      "operations": ["receivePetStatus"]}]
    assert "\ntalks to Petstore MQTT API: receivePetStatus\n" in ask("may", "customer-b").stdout
    assert ask("may", "eva/1").returncode == 1
    shown = json.loads(ask("may", "anonymous", "--json").stdout)
    publish = {each["address"]: each["publish"] for each in shown["channels"]}
    assert COMMAND not in publish and shown["commands"] == [] and not shown["byDefault"]
    assert ask("explain", "publish", "--user", "anonymous", COMMAND, "{}").returncode == 1
    lint = ask("lint").stdout
    assert "allow_anonymous" not in lint and "customer-b" not in lint
    broker.edits[:] = []
    with open(broker.path("mosquitto.conf"), encoding="utf-8") as file:
        text = file.read()
    with open(broker.path("mosquitto.conf"), "w", encoding="utf-8") as file:
        file.write(text.replace("\nallow_anonymous true\n", "\nallow_anonymous false\n"))
    assert "no listener lets clients without a name come" in ask("lint").stdout


def test_away_while_the_files_are_read_again(new_broker):
    """SIGHUP asks for each session: one without a name stays, also while its client is away."""
    broker = start(new_broker)
    thing = nameless(broker, "kept", **KEPT)
    assert thing.subscribe("inventory/+/stock") == [2]
    thing.disconnect()
    assert "reloaded" in broker.reload()
    topic, payload = messages.stock(messages.unique("product"))
    broker.client("backoffice").publish(topic, payload, qos=1)
    thing = nameless(broker, "kept", **KEPT)
    assert thing.is_session_present and thing.message()[:2] == (topic, payload)
