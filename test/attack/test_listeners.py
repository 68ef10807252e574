"""A configuration that takes listeners out of the plugin's hands: what opens, and what is said."""
import contextlib
import os
import re
import subprocess

import pytest

import harness

OPEN = "listener %d 127.0.0.1\nallow_anonymous true\n"
ONLY_2_0 = pytest.mark.skipif(harness.IS_2_1, reason="2.1 refuses to start with that")
ONLY_2_1 = pytest.mark.skipif(not harness.IS_2_1, reason="new in 2.1")


def plugin_lines(text):
    return re.findall(r"^(?:plugin|plugin_opt_\w+) .*\n", text, re.M)


def in_section(text, lines):
    """The plugin's lines behind the plain listener's own line, and nowhere else."""
    for line in plugin_lines(text):
        text = text.replace(line, "")
    return re.sub(r"^(listener \d+ 127\.0\.0\.1\n)", lambda match: match.group() + "".join(lines),
                  text, flags=re.M)


def started(new_broker, edit):
    """The broker, the port of an additional listener, and what the plugin says of listeners."""
    broker = new_broker()
    (port,) = harness.free_ports(1)
    broker.edits.append(lambda text: edit(text, port))
    broker.start()
    said = [line for line in broker.log().splitlines() if "listeners are" in line]
    return broker, port, said


def is_open(broker, port):
    """Does somebody without an account get in there, and may publish what breaks the contract?"""
    broker.plain = port
    client = broker.try_client(None, None)
    return client.code == 0 and client.publish("orders/x/status", b"{}", qos=1) in (0, 0x10)


def test_enforced_everywhere(new_broker):
    broker, port, said = started(new_broker, lambda text, port: text + "listener %d\n" % port)
    assert said == []
    assert not is_open(broker, port)


@ONLY_2_0
def test_before_the_listeners(new_broker):
    """The plugin is the default listener's alone then."""
    def edit(text, port):
        (default,) = harness.free_ports(1)
        return ("per_listener_settings true\nport %d\nbind_address 127.0.0.1\n" % default + text +
                OPEN % port)

    broker, port, (line,) = started(new_broker, edit)
    assert "5 of 6 listeners are not enforced" in line and "per_listener_settings true" in line
    assert re.search(r"; listener %d 127.0.0.1 \(\S+mosquitto.conf:\d+\): open to everybody by "
                     "allow_anonymous" % port, line)
    assert re.search(r"; listener %d \(\S+:\d+\): refuses every client" % broker.tls, line)
    assert is_open(broker, port)


def test_in_one_section(new_broker):
    def edit(text, port):
        lines = plugin_lines(text)
        return ("per_listener_settings true\n" +
                in_section(text.replace("\nallow_anonymous false", ""), lines) + OPEN % port)

    broker, port, (line,) = started(new_broker, edit)
    assert "4 of 5 listeners are not enforced" in line
    assert "listener %d 127.0.0.1 (" % broker.plain not in line
    assert not is_open(broker, broker.plain)
    assert is_open(broker, port)


def test_other_things_decide(new_broker):
    """A password file in the section of a listener that the plugin has no hold of."""
    def edit(text, port):
        lines = plugin_lines(text)
        path = re.search(r"^plugin_opt_password_file (.*)$", text, re.M).group(1)
        return ("per_listener_settings true\n" +
                in_section(text.replace("\nallow_anonymous false", ""), lines) +
                "listener %d 127.0.0.1\npassword_file %s\n" % (port, path))

    broker, port, (line,) = started(new_broker, edit)
    assert re.search(r"listener %d 127.0.0.1 \(\S+\): another plugin or a password file" % port, line)
    broker.plain = port
    client = broker.try_client("customer-a", broker.password("customer-a"))
    assert client.publish("orders/x/status", b"{}", qos=1) in (0, 0x10)


def test_by_include_dir(new_broker):
    """Files of include_dir are read as the broker reads them."""
    def edit(text, port):
        folder = re.search(r"^plugin_opt_access (.*)/access.json$", text, re.M).group(1) + "/conf.d"
        os.makedirs(folder, exist_ok=True)
        with open(folder + "/more.conf", "w") as file:
            file.write("# more\n" + OPEN % port)
        lines = plugin_lines(text)
        return ("per_listener_settings true\n" +
                in_section(text.replace("\nallow_anonymous false", ""), lines) +
                "include_dir %s\n" % folder)

    broker, port, (line,) = started(new_broker, edit)
    assert re.search(r"listener %d 127.0.0.1 \(\S+/conf.d/more.conf:2\): open to everybody" % port, line)
    assert is_open(broker, port)


@ONLY_2_1
def test_plugin_use(new_broker):
    """2.1: a plugin that is loaded once and used by one listener."""
    def edit(text, port):
        lines = plugin_lines(text)
        load = [lines[0].replace("plugin ", "plugin_load petstore ")] + lines[1:]
        text = in_section(text, ["plugin_use petstore\n"])
        return "".join(load) + text + "listener %d\nlistener_allow_anonymous true\n" % port

    broker, port, (line,) = started(new_broker, edit)
    assert "4 of 5 listeners are not enforced" in line and "per_listener" not in line
    assert is_open(broker, port)


def test_configuration_that_is_gone(new_broker):
    """By a pipe, nothing is left to read: the broker starts, and one line says so."""
    broker = new_broker()
    broker.configure()
    with open(broker.path("mosquitto.conf")) as file:
        text = file.read()
    with open(broker.path("log"), "ab") as log:
        broker.process = subprocess.Popen(["mosquitto", "-c", "/proc/self/fd/0"], cwd=broker.folder,
                                          env=harness.broker_environment(), stdin=subprocess.PIPE,
                                          stdout=log, stderr=log)
    with contextlib.suppress(BrokenPipeError):  # it may have ended by then
        broker.process.stdin.write(text.encode())
        broker.process.stdin.close()
    broker.wait_log(r"running|Unable to open config file")
    if "Unable to open config file" in broker.log():
        pytest.skip("this release takes regular files only")
    broker.wait_log(r"which listeners are enforced is not known: /proc/self/fd/0: expected a regular")
    broker.wait_log(r"mosquitto version \S+ running")
