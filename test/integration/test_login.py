"""Who gets in: a user with the right password, and nobody else."""

import re
import subprocess

import pytest

import harness
import messages
import rawmqtt

REFUSED = {4: 5, 5: rawmqtt.NOT_AUTHORIZED}


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    """Without lockout (see test_lockout.py): all who fail here come from one address."""
    broker = harness.Broker(tmp_path_factory.mktemp("broker") / "run", template)
    broker.edits.append(lambda text: text.replace("#plugin_opt_lockout 1", "plugin_opt_lockout 0"))
    broker.start()
    yield broker
    broker.stop()


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("transport", ["tcp", "tls", "wss"])
def test_right_password(broker, version, transport):
    broker.client("customer-a", version, transport).ping()


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("transport", ["tcp", "tls", "wss"])
def test_wrong_password(broker, version, transport):
    client = broker.try_client("customer-a", "wrong", version, transport)
    assert client.code == REFUSED[version]


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("user, password", [
    ("nobody-known", "x"), ("customer-a", ""), ("customer-a", None), ("", ""), ("", None),
    (None, None), ("customer-A", "RIGHT"), ("customer-a ", "RIGHT"), ("customer-a", "RIGHT "),
    ("customer-a", "x" * 60000), ("x" * 60000, "x"), ("customer-a", b"\xff\xfe"),
    ("../customer-a", "RIGHT"), ("+", "x"), ("#", "x"), ("customer-a:x", "RIGHT"),
])
def test_refused(broker, version, user, password):
    if isinstance(password, str):
        password = password.replace("RIGHT", broker.password("customer-a"))
    if version == 4 and user is None:
        client = broker.try_client(None, None, 4)
    else:
        client = broker.try_client(user, password, version)
    assert client.code == REFUSED[version]


def test_password_of_another(broker):
    client = broker.try_client("customer-a", broker.password("customer-b"))
    assert client.code == rawmqtt.NOT_AUTHORIZED


def test_nul_in_the_password(broker):
    """What follows a NUL must not be ignored; at least it must open nothing new."""
    client = broker.try_client("customer-a", b"wrong\0" + broker.password("customer-a").encode())
    assert client.code == rawmqtt.NOT_AUTHORIZED


@pytest.mark.parametrize("user", ["customer-a\0", "customer-a\0x", "\0"])
def test_nul_in_the_user_name(broker, user):
    """Malformed in MQTT: the broker closes the connection or says no."""
    try:
        assert broker.try_client(user, broker.password("customer-a")).code != 0
    except rawmqtt.Closed:
        pass


@pytest.mark.parametrize("version", [4, 5])
def test_no_client_id(broker, version):
    """The broker gives one out; the user's scopes hold for it."""
    client = broker.try_client("orders-service", broker.password("orders-service"), version)
    assert client.code == 0
    assert client.publish(*messages.order(messages.unique("ord")), qos=1) in (0, 0x10)
    before = broker.mark()
    client.publish(*messages.stock("x"), qos=1)
    client.ping()
    assert [each[3] for each in broker.refusals(before)] == ["scope-missing"]


def test_long_client_id(broker):
    for size in (1025, 60000):
        refused = broker.try_client("customer-a", broker.password("customer-a"),
                                    client_id="i" * size)
        assert refused.code == rawmqtt.NOT_AUTHORIZED
    client = broker.client("customer-a", client_id="i" * 1024)
    before = broker.mark()
    client.publish(*messages.stock("x"), qos=1)
    client.ping()
    (line,) = [line for line in broker.log(before).splitlines() if "refused publish" in line]
    assert len(line) < 1000


def test_logged_without_the_password(broker):
    before = broker.mark()
    broker.try_client("customer-a", "hunter2-secret", client_id="client-of-eva")
    broker.wait_log(r"petstore: refused connection of customer-a \(client client-of-eva, "
                    r"127.0.0.1\): .", before)
    assert "hunter2" not in broker.log()


def test_user_without_roles_file_entry(broker):
    """A password alone is no leave: the access file must know the user."""
    subprocess.run(["mosquitto_passwd", "-H", "sha512-pbkdf2", "-b", broker.path("passwords"),
                    "stranger", "secret"], check=True)
    broker.reload()
    assert broker.try_client("stranger", "secret").code == rawmqtt.NOT_AUTHORIZED


def test_many_wrong_then_right(broker):
    for number in range(15):  # 20 are free
        assert broker.try_client("customer-b", "wrong-%d" % number).code != 0
    broker.client("customer-b").ping()


def test_garbage_before_login(broker):
    """Bytes that are not MQTT, connections that say nothing: no trouble for the others."""
    for data in (b"", b"\0" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\x7f",
                 b"\x30\x05\0\x01ab", bytes(range(256)), b"\x10\x02\0\0"):
        stream = rawmqtt.open_stream("tcp", broker.plain)
        stream.send(data)
        stream.close()
    broker.client("customer-a").ping()


def costly(broker, rounds):
    """An entry that nobody's password fits, and that takes @rounds to find that out."""
    with open(broker.path("passwords"), "a") as file:
        file.write("costly:$7$%d$%s$%s\n" % (rounds, "A" * 16, "A" * 86 + "=="))


def test_password_that_takes_long(new_broker):
    """The broker stands still for it: that is told, and has an end."""
    broker = new_broker()
    costly(broker, 250001)
    broker.start()
    assert re.search(r"passwords: .*serves no client .* of costly: 250001 rounds", broker.log())
    costly(broker, 1)  # named twice: the reload is refused whole
    assert "stands in the file twice" in broker.reload()
    other = new_broker()
    costly(other, 500001)
    with pytest.raises(harness.StartError) as error:
        other.start()
    assert re.search(r"passwords: the password of costly takes as long as 500001 rounds .*"
                     r"expected 500000 at most", error.value.log)


@pytest.mark.skipif(not harness.can_wait(), reason="needs a Mosquitto newer than 2.1.2")
def test_password_that_takes_long_where_nobody_waits(new_broker):
    broker = new_broker()
    broker.edits.append(lambda text: text.replace("#plugin_opt_delayed_logins 0",
                                                  "plugin_opt_delayed_logins 1"))
    costly(broker, 500001)
    broker.start()
    assert "serves no client" not in broker.log()
