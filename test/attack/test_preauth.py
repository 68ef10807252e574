"""What comes in one segment with CONNECT, before the broker knows who it is from."""
import struct

import pytest

import harness
import messages
import rawmqtt
from rawmqtt import NOT_AUTHORIZED, field, length

ROUNDS = 40
SERVER_BUSY = 0x89
EXPIRY = 1  # seconds, of the stranger's session


def packet(first, body=b""):
    return bytes([first]) + length(len(body)) + body


def connect(client_id, user, password, expiry=0):
    properties = struct.pack("!BI", 0x11, expiry)
    return packet(0x10, field("MQTT") + bytes([5, 0xC0]) + struct.pack("!H", 60) +
                  length(len(properties)) + properties + field(client_id) + field(user) +
                  field(password))


def stream_of(broker, transport, data):
    stream = rawmqtt.open_stream(transport, broker.port(transport), broker.authority)
    stream.send(data)
    return stream


def answers(stream, count):
    """The first @count packets, [(kind, body)]."""
    client = object.__new__(rawmqtt.RawClient)
    client.stream, client.version, client.buffer = stream, 5, b""
    client.inbox, client.replies, client.is_auto_ack = rawmqtt.collections.deque(), [], False
    deadline = rawmqtt.time.monotonic() + rawmqtt.WAIT
    while len(client.replies) < count:
        client._take(deadline)
    return client.replies


@pytest.mark.parametrize("transport", ["tcp", "tls", "wss"])
def test_right_password_and_more_in_one_segment(new_broker, transport):
    """MQTT 3.1.4: a client need not wait for CONNACK. Nobody logged in before."""
    broker = new_broker().start()
    topic, payload = messages.stock("shelf-1", 3)
    subscribe = packet(0x82, b"\0\1\0" + field("inventory/#") + b"\1")
    publish = packet(0x32, field(topic) + b"\0\2\0" + payload)
    stream = stream_of(broker, transport, connect("early", "inventory-service", broker.password(
        "inventory-service")) + subscribe + publish)
    (first, connack), (second, suback), (third, puback) = answers(stream, 3)
    assert (first, connack[1]) == (rawmqtt.CONNACK, 0)
    assert (second, suback[-1]) == (rawmqtt.SUBACK, 1)
    assert third == rawmqtt.PUBACK and (len(puback) == 2 or puback[2] < 0x80)
    stream.close()


def test_wrong_password_and_more_in_one_segment(broker):
    """Bystanders stay, whatever becomes of the stranger's memory once its session is over."""
    log = broker.mark()
    bystanders = []
    more = packet(0xE0) + packet(0x32, field("a") + b"\0\1\0{}")
    for number in range(ROUNDS):
        stream = stream_of(broker, "tcp", connect("evil-%d" % number, "user-%d" % number, "x",
                                                  EXPIRY) + more)
        bystanders.append(broker.client("monitor", client_id="by-%d" % number, clean=False,
                                        expiry=100))
        bystanders[-1].subscribe("inventory/#")
        stream.close()
    # One that goes after them, and is over: so are all of theirs.
    broker.client("monitor", client_id="sentinel", clean=False, expiry=EXPIRY).drop()
    broker.wait_log("Expiring client sentinel", log)
    for bystander in bystanders:
        bystander.ping()
    assert "before session is active" not in broker.log(log)
    assert "Expiring client by-" not in broker.log(log)
    for bystander in bystanders:
        bystander.disconnect()


def test_delayed_logins_are_refused_where_they_do_harm(new_broker):
    broker = new_broker()
    broker.edits.append(lambda text: text.replace("#plugin_opt_delayed_logins 0",
                                                  "plugin_opt_delayed_logins 1"))
    if harness.can_wait():
        broker.start()
        return
    with pytest.raises(harness.StartError) as error:
        broker.start()
    lines = [line for line in error.value.log.splitlines() if "petstore" in line]
    assert len([line for line in lines if "plugin_opt_delayed_logins" in line]) == 1
    assert ("frees a client twice" if harness.IS_2_1 else "can't answer a login later") in \
        "".join(lines)


def test_first_logins_have_a_share_of_the_time(new_broker):
    """A stranger's guesses use up what checks may take: who is known gets in all the same."""
    broker = new_broker()
    broker.edits.append(lambda text: text.replace("#plugin_opt_derivation_share 50",
                                                  "plugin_opt_derivation_share 1"))
    with open(broker.path("passwords"), "a") as file:
        file.write("costly:$7$%d$%s$%s\n" % (500000, "A" * 16, "A" * 86 + "=="))
    broker.start()
    broker.client("customer-a").disconnect()
    before = broker.mark()

    def is_checked():
        assert broker.try_client("nobody", "guess").code == NOT_AUTHORIZED
        return "unknown user or wrong password" in broker.log(before)

    harness.until(is_checked, "a guess, which owes 10 s and more")
    busy = SERVER_BUSY if harness.IS_2_1 else NOT_AUTHORIZED
    log = broker.mark()
    assert broker.try_client("customer-b", broker.password("customer-b")).code == busy
    assert broker.try_client("nobody", "guess").code == busy
    broker.client("customer-a").ping()
    assert broker.log(log).count("too many passwords to check at once") == 2
