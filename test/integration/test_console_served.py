"""
The console's page, served by the broker: at the port of the websockets (2.0), or at a listener of protocol http_api,
about which the plugin is asked on a thread of its own (2.1). Beyond the page nothing comes out.
"""
import json
import os
import re
import socket

import pytest

import harness
import messages
import rawmqtt

PAGE = os.path.join(harness.TOP, "web", "console.html")
SECRET = b"a secret beside the console"
REFUSED = b"Not authorised"  # what 2.1 says where the plugin says no


class Console(harness.Broker):
    """@page and @sockets: the ports, others where some are taken."""

    def configure(self):
        self.page, self.sockets = harness.free_ports(2)
        self.settings.update(CONSOLE_PORT=self.page, CONSOLE_WS_PORT=self.sockets)
        super().configure()


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    """A broker that serves the console, with things around it that nobody may get."""
    broker = Console(tmp_path_factory.mktemp("console") / "run")
    with harness.running(broker):
        folder = broker.path("console")
        os.mkdir(folder + "-other")
        os.mkdir(os.path.join(folder, "folder"))
        for path in ("secret", "console-other/secret"):
            with open(broker.path(path), "wb") as file:
                file.write(SECRET)
        os.symlink("../secret", os.path.join(folder, "link"))
        os.symlink(broker.path("passwords"), os.path.join(folder, "absolute"))
        os.symlink("..", os.path.join(folder, "up"))
        yield broker


def ask(port, path, method="GET", headers=b"Host: 127.0.0.1\r\n"):
    """Status, headers and body, whatever bytes @path has."""
    with socket.create_connection(("127.0.0.1", port), harness.WAIT) as stream:
        stream.sendall(b"%s %s HTTP/1.1\r\n%s\r\n" % (method.encode(), path, headers))
        data = b""
        while not is_whole(data):
            more = stream.recv(65536)
            if not more:
                break
            data += more
    head, _, body = data.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.[01] (\d+)", head)
    return int(status.group(1)) if status else 0, head, body


def is_whole(data):
    head, end, body = data.partition(b"\r\n\r\n")
    size = re.search(rb"(?i)content-length: (\d+)", head)
    return end and size and len(body) >= int(size.group(1))


def page():
    with open(PAGE, "rb") as file:
        return file.read()


@pytest.mark.parametrize("path", [b"/", b"/index.html", b"/?broker=1", b"/%69ndex.html"])
def test_page(console, path):
    status, _, body = ask(console.page, path)
    assert (status, body) == (200, page())


def test_credentials_do_not_matter(console):
    """A browser that was asked for a password once sends it with each request."""
    headers = b"Host: 127.0.0.1\r\nAuthorization: Basic YmFja29mZmljZTp3cm9uZw==\r\n"
    status, _, body = ask(console.page, b"/index.html", headers=headers)
    assert (status, body) == (200, page())


def brokers(console):
    status, _, body = ask(console.page, b"/brokers.json")
    assert status == 200
    return [each["url"] for each in json.loads(body)["brokers"]]


def test_brokers(console):
    """The page learns where to sign in, and there one can."""
    (url,) = brokers(console)
    port = console.sockets if harness.IS_2_1 else console.page
    assert url == "ws://127.0.0.1:%d/" % port
    stream = rawmqtt.WebsocketStream(("127.0.0.1", port), None)
    client = rawmqtt.RawClient(stream, 5, "backoffice/console", "backoffice",
                               console.password("backoffice"))
    assert client.code == 0
    client.ping()
    stream = rawmqtt.WebsocketStream(("127.0.0.1", port), None)
    assert rawmqtt.RawClient(stream, 5, "", "backoffice", "wrong").code != 0


def test_authority(console):
    """What programs trust is beside the page; its key is not."""
    with open(console.path("ca.crt"), "rb") as file:
        assert ask(console.page, b"/ca.crt")[::2] == (200, file.read())
    assert ask(console.page, b"/ca.key")[0] != 200


def test_no_icon(console):
    """It is not refused, for a browser would ask for a password then."""
    assert ask(console.page, b"/favicon.ico")[0] == 404


OUTSIDE = [b"/../secret", b"/..%2fsecret", b"/%2e%2e/secret", b"/%2e%2e%2fsecret", b"/%252e%252e/secret",
           b"/folder/../../secret", b"/./../secret", b"//../secret", b"/..\\secret", b"/..%5csecret",
           b"/../console-other/secret", b"/%2e%2e/console-other/secret", b"-other/secret", b"../secret",
           b"secret", b"/link", b"/absolute", b"/up/secret", b"/up/passwords", b"/link%00.html",
           b"/index.html/../link", b"/index.html/../../secret", b"http://127.0.0.1/../secret",
           b"//etc/passwd", b"/%2fetc/passwd", b"file:///etc/passwd", b"/folder", b"/folder/", b"*",
           b"/brokers.json/../../passwords", b"/mosquitto.conf", b"/console/index.html", b"/%ff%fe",
           b"/" + b"a" * 3000, b"/" + b"../" * 900 + b"etc/passwd"]


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path[:40].decode())
def test_nothing_else(console, path):
    status, _, body = ask(console.page, path)
    assert status != 200
    assert SECRET not in body and b"root:" not in body and b"backoffice:" not in body


@pytest.mark.parametrize("path", [b"/api/v1/systree", b"/api/v1/listeners", b"/api/v1/version", b"/API/v1/version",
                                  b"/api/", b"/%61pi/v1/systree", b"//api/v1/systree", b"/./api/v1/systree"])
def test_api(console, path):
    """The broker's own answers are for nobody, whoever asks."""
    headers = b"Host: 127.0.0.1\r\nAuthorization: Basic YmFja29mZmljZTp3cm9uZw==\r\n"
    for each in (b"Host: 127.0.0.1\r\n", headers):
        status, _, body = ask(console.page, path, headers=each)
        assert status == (401 if harness.IS_2_1 else 404)
        assert b"$SYS" not in body and b"listeners" not in body


@pytest.mark.skipif(not harness.IS_2_1, reason="2.0 asks no plugin for files")
def test_only_the_consoles_files(console):
    """What else lies in the folder is for nobody."""
    with open(console.path("console/notes.txt"), "wb") as file:
        file.write(SECRET)
    status, head, body = ask(console.page, b"/notes.txt")
    assert status == 401 and REFUSED in body and b"WWW-Authenticate" in head
    console.wait_log(r"refused \d+ requests to the broker's HTTP listener")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_methods(console, method):
    """Whatever is asked with: the page stays, and a broker that does not know the word may show it."""
    status, _, body = ask(console.page, b"/index.html", method)
    assert status in (403, 404, 405, 501) or body == page()
    assert ask(console.page, b"/index.html")[2] == page()


def test_named_as_the_listener(console):
    """A client of MQTT called http-api, as the broker calls who asks for files, is one like any other."""
    assert console.try_client(None, None, client_id="http-api").code != 0
    assert console.try_client("backoffice", "wrong", client_id="http-api").code != 0
    client = console.client("backoffice", client_id="http-api")
    for path in ("/", "/index.html", "/brokers.json"):
        assert client.subscribe(path)[0] >= 0x80
        assert client.publish(path, b"x", qos=1) >= 0x80
    client.disconnect()


def works(console):
    """A message goes through the broker."""
    topic, payload = messages.stock(messages.unique("served"))
    client = console.client("backoffice")
    assert client.publish(topic, payload, qos=1) < 0x80
    client.disconnect()


def opened(port):
    stream = socket.create_connection(("127.0.0.1", port), harness.WAIT)
    stream.settimeout(0.5)
    return stream


def test_slow_and_flooding_clients(console):
    """Requests that do not end, headers without end and answers that nobody reads stop no MQTT."""
    slow = []
    try:
        for number in range(150):
            slow.append(opened(console.page))
            slow[-1].sendall((b"GET / HTTP/1.1\r\nHost: x\r\nX-%d: y" % number)[:7 + number])
        for _ in range(10):  # they ask, and do not read
            slow.append(opened(console.page))
            slow[-1].sendall(b"GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        works(console)
        for _ in range(3):
            slow.append(opened(console.page))
            try:
                slow[-1].sendall(b"GET / HTTP/1.1\r\n" + b"X-Flood: 1\r\n" * 200000)
            except OSError:
                pass  # it was told no
        works(console)
        assert ask(console.page, b"/")[2] == page()
    finally:
        for stream in slow:
            stream.close()
    works(console)
    console.assert_alive()


def test_page_of_a_reload(console):
    """SIGHUP changes nothing about it; requests come on meanwhile."""
    for _ in range(5):
        console.reload()
        assert ask(console.page, b"/")[2] == page()


def test_addresses(console):
    """It is on the loopback interface alone."""
    for port in (console.page, console.sockets):
        with open("/proc/net/tcp") as file:
            at = re.findall(r"(?m)^ *\d+: (\w+):%04X \w+:\w+ 0A" % port, file.read())
        assert set(at) <= {"0100007F"}


def test_without_it(tmp_path, template):
    """No port, no listener and no folder; and what is there already is left alone."""
    broker = harness.Broker(tmp_path / "run", template)
    broker.configure()
    with open(broker.path("mosquitto.conf")) as file:
        assert not re.search(r"(?m)^(http_dir|protocol http_api)", file.read())
    assert not os.path.exists(broker.path("console"))


@pytest.mark.parametrize("settings, fault", [
    ({"CONSOLE_PORT": "x"}, "CONSOLE_PORT: expected a port"),
    ({"CONSOLE_PORT": "8080", "CONSOLE_PAGE": "/nowhere"}, "no console at /nowhere"),
    ({"CONSOLE_PORT": "8080", "CONSOLE_BROKERS": 'a=ws://b/"}'}, "CONSOLE_BROKERS: expected"),
    ({"CONSOLE_PORT": "8080", "CONSOLE_BROKERS": "javascript:alert(1)"}, "CONSOLE_BROKERS: expected"),
    ({"CONSOLE_PORT": "8080", "CONSOLE_BROKERS": "ws://b/,http://b:1"}, "CONSOLE_BROKERS: expected"),
    ({"CONSOLE_PORT": "8080", "CONSOLE_MQTT": 'mqtts://b"}:1'}, "CONSOLE_MQTT: mqtts://"),
])
def test_bad_settings(tmp_path, template, settings, fault):
    broker = harness.Broker(tmp_path / "run", template)
    with pytest.raises(AssertionError, match=fault):
        harness.prepare(broker.folder, **settings)


def test_named_brokers(tmp_path, template):
    broker = harness.Broker(tmp_path / "run", template)
    harness.prepare(broker.folder, CONSOLE_PORT="8080",
                    CONSOLE_BROKERS="a=wss://a.example:8084/,mqtts://a.example:8883 ws://[::1]:8081/"
                                    " ws://b/,mqtt://[::1]:1883")
    with open(broker.path("console/brokers.json")) as file:
        assert json.load(file)["brokers"] == [
            {"url": "wss://a.example:8084/", "name": "a", "mqtt": "mqtts://a.example:8883", "ca": "ca.crt"},
            {"url": "ws://[::1]:8081/"}, {"url": "ws://b/", "mqtt": "mqtt://[::1]:1883"}]


@pytest.mark.parametrize("settings, mqtt", [
    ({"TLS_PORT": "18883"}, "mqtts://localhost:18883"),
    ({"CONSOLE_MQTT": "mqtt://127.0.0.1:1999"}, "mqtt://127.0.0.1:1999"),
])
def test_address_for_programs(tmp_path, template, settings, mqtt):
    broker = harness.Broker(tmp_path / "run", template)
    harness.prepare(broker.folder, CONSOLE_PORT="8080", **settings)
    with open(broker.path("console/brokers.json")) as file:
        (only,) = json.load(file)["brokers"]
    assert only["mqtt"] == mqtt
    assert ("ca" in only) == mqtt.startswith("mqtts")


def test_authority_of_another(tmp_path, template):
    """An operator's certificate: whose it is, nobody says here."""
    broker = harness.Broker(tmp_path / "run", template)
    harness.prepare(broker.folder, CONSOLE_PORT="8080")
    assert os.path.exists(broker.path("console/ca.crt"))
    os.remove(broker.path("ca.key"))
    harness.prepare(broker.folder, CONSOLE_PORT="8080")
    assert not os.path.exists(broker.path("console/ca.crt"))
    with open(broker.path("console/brokers.json")) as file:
        assert "ca" not in json.load(file)["brokers"][0]
