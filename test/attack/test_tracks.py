"""What a peer is told, and what is told of it, is its own: nobody reads or removes another's."""
import json
import re

import pytest

import harness
import messages
import unbound
import watched
from rawmqtt import NOT_AUTHORIZED, field, length


@pytest.fixture(scope="module")
def open_broker(tmp_path_factory, template):
    """Client ids are whose they want: what is promised here must hold all the same."""
    folder = tmp_path_factory.mktemp("tracks")
    broker = harness.Broker(folder / "run", template, access=unbound.access(folder))
    with harness.running(broker):
        yield broker


@pytest.mark.parametrize("version", [4, 5])
def test_a_borrowed_client_id_reads_no_notices(open_broker, version):
    name = messages.unique("till")
    victim = open_broker.client("inventory-service", version, client_id=name, clean=False,
                                expiry=600)
    own = "refusals/inventory-service/" + name
    assert victim.subscribe(own, qos=1) == [1]
    thief = open_broker.client("customer-a", version, client_id=name, clean=False, expiry=600)
    refused = NOT_AUTHORIZED if version == 5 else 0x80
    assert thief.subscribe(own, "refusals/inventory-service/+") == [refused, refused]
    assert thief.subscribe("refusals/+/" + name, "refusals/#") == [2, 2]
    other = open_broker.client("inventory-service", version, client_id=messages.unique("till"))
    assert other.subscribe("refusals/inventory-service/+") == [2]
    # A refused message of the very client id whose notices were asked for, by its own principal.
    victim = open_broker.client("inventory-service", version, client_id=name)
    assert victim.subscribe(own) == [2]
    victim.publish(*messages.stock("xyz789", -1), qos=1)
    assert victim.message().topic == own
    thief = open_broker.client("customer-a", version, client_id=name)
    assert thief.subscribe("refusals/#") == [2]
    thief.publish(*messages.stock("xyz789", -1), qos=1)
    assert json.loads(thief.message().payload)["reason"] == "scope-missing"
    other.ping()
    assert not thief.inbox and not other.inbox


# ---- floods hide nobody --------------------------------------------------------------------


def flood_of(topic, count):
    body = field(topic) + b"\0{}"
    return (b"\x30" + length(len(body)) + body) * count


@pytest.fixture
def flooded(new_broker, tmp_path):
    """A broker with a small table, whose alerts come soon."""
    broker = new_broker(access=unbound.access(tmp_path))
    watched.watch(broker, {"refusal-streak": {"threshold": 4, "windowSeconds": 60}},
                  refusals_keep_rows=300)
    return broker.start()


def test_a_flood_of_one_account(flooded):
    """Row, notice, log line and alert of another's few refusals are there while it lasts."""
    victim = flooded.client("orders-service", client_id="victim")
    assert victim.subscribe("refusals/orders-service/victim", qos=1) == [1]
    listener = watched.Listener(flooded)
    floods = [flooded.client("customer-a", client_id="flood-%d" % n) for n in range(80)]
    before = flooded._log_size()
    told = 0
    for number in range(4):
        for each in floods:
            each.stream.send(flood_of("x/%d" % number, 30))
        for each in floods:
            each.ping()
        assert victim.publish("weather/%d" % number, b"{}", qos=1) == NOT_AUTHORIZED
        told += json.loads(victim.message().payload)["topic"] == "weather/%d" % number
    assert told == 4
    alert = listener.wait("refusal-streak", "raised", clientId="victim")
    assert alert["principal"] == "orders-service"
    log = flooded.log(before)
    assert len(re.findall("refused publish weather/. by orders-service", log)) == 4
    harness.until(lambda: re.search(r"more refusals were not logged one by one: .*"
                                    r"of user customer-a \d+", flooded.log(before)), "who it was")
    harness.until(lambda: flooded.rows("SELECT count(*) FROM refusals")[0][0] >= 300, "rows")
    flooded.wait_rows([(4,)], "SELECT count(*) FROM refusals WHERE client_id = 'victim'")


def test_a_flood_of_strangers(flooded):
    """CONNECTs without an account, under the victim's name and client id."""
    victim = flooded.client("orders-service", client_id="victim")
    for number in range(5):
        assert victim.publish("weather/%d" % number, b"{}", qos=1) == NOT_AUTHORIZED
    flooded.wait_rows([(5,)], "SELECT count(*) FROM refusals WHERE topic LIKE 'weather/%'")
    for _ in range(500):
        flooded.try_client("orders-service", "guess", client_id="victim").drop()
    before = flooded._log_size()
    assert victim.publish("weather/5", b"{}", qos=1) == NOT_AUTHORIZED
    assert "refused publish weather/5 by orders-service" in flooded.log(before)
    flooded.wait_rows([(6,)], "SELECT count(*) FROM refusals WHERE topic LIKE 'weather/%'")
    harness.until(lambda: flooded.rows("SELECT count(*) FROM refusals")[0][0] <= 300, "the trim")
    flooded.wait_rows([(6,)], "SELECT count(*) FROM refusals WHERE topic LIKE 'weather/%'")


def test_what_was_held_back_is_said_at_stop_too(flooded):
    flood = flooded.client("customer-a", client_id="flood")
    flood.stream.send(flood_of("x/y", 20000))
    flood.ping()
    flooded.stop()
    log = flooded.log()
    counts = [int(number) for number in re.findall(
        r"(\d+) more refusals were not logged one by one: of user customer-a", log)]
    shown = len(re.findall("refused publish x/y by customer-a", log))
    assert shown + sum(counts) == 20000
