"""A name that looks like another's, by what does not show or turns the direction of the text."""
import os
import subprocess

import pytest

import harness
from proofs import CN, certificate, token
from rawmqtt import NOT_AUTHORIZED
from test_token import Issuers

HIDDEN = ["collar-\u200b7", "\u202ecollar-7", "collar-7\u2069", "collar-7\ufeff", "co\u00adllar-7",
          "collar-7\U000e0061", "collar-7\ufe0f"]
MARK = "\ufeff"


@pytest.fixture(scope="module")
def at(tmp_path_factory, template):
    issuers = Issuers(tmp_path_factory.mktemp("names"), template)
    issuers.broker.edits.append(lambda text: text.replace("#plugin_opt_lockout 1",
                                                          "plugin_opt_lockout 0"))
    with harness.running(issuers.broker):
        yield issuers


@pytest.mark.parametrize("name", HIDDEN)
def test_of_a_token(at, name):
    assert at.come(token(at.keys["ES256"], at.claims(sub=name))).code == NOT_AUTHORIZED


@pytest.mark.parametrize("name", HIDDEN)
def test_of_a_certificate(at, name):
    shown = certificate(at.broker.folder, [(CN, name)])
    client = at.broker.try_client(None, None, transport="mtls", certificate=shown)
    assert client.code == NOT_AUTHORIZED


@pytest.mark.parametrize("name", HIDDEN)
def test_of_a_user(at, name):
    """In the password file and in the access file: the reload is refused, and named."""
    broker = at.broker
    with open(broker.path("passwords"), encoding="utf-8") as file:
        before = file.read()
    with open(broker.path("passwords"), "a", encoding="utf-8") as file:
        file.write("%s:$6$AAAA$%s\n" % (name, "A" * 86 + "=="))
    line = before.count("\n") + 1
    assert "passwords:%d: the user's name" % line in broker.reload()
    with open(broker.path("passwords"), "w", encoding="utf-8") as file:
        file.write(before)
    assert "reloaded contract" in broker.reload()


@pytest.mark.parametrize("name", HIDDEN)
def test_on_the_log(at, name):
    """What a stranger calls itself is escaped."""
    broker = at.broker
    before = broker.mark()
    broker.try_client(name, "x", client_id="id-" + name)
    broker.wait_log("petstore: refused connection of ", before)
    lines = [line for line in broker.log(before).splitlines() if "petstore: refused" in line]
    assert len(lines) == 1 and lines[0].isascii() and "\\x" in lines[0]


def lint(broker):
    return subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "lint", "--config",
                           broker.path("mosquitto.conf")], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)


@pytest.mark.parametrize("name", ["passwords", "scram", "keys.json", "key.pem"])
def test_file_with_a_byte_order_mark(tmp_path, template, name):
    """It would make a first user that nobody can be: one line says what is wrong."""
    at = Issuers(tmp_path, template)
    broker = at.broker
    broker.edits.append(lambda text: text.replace(
        "#plugin_opt_scram_file /etc/mosquitto/petstore", "plugin_opt_scram_file " + broker.folder))
    with open(broker.path("scram"), "w") as file:
        file.write("# nobody\n")
    broker.configure()
    with open(broker.path(name), encoding="utf-8") as file:
        text = file.read()
    with open(broker.path(name), "w", encoding="utf-8") as file:
        file.write(MARK + text)
    os.chmod(broker.path(name), 0o600)
    with pytest.raises(harness.StartError) as error:
        broker._start()
    lines = [line for line in error.value.log.splitlines() if "byte order mark" in line]
    assert len(lines) == 1 and name in lines[0]
    done = lint(broker)
    assert done.returncode != 0 and "byte order mark" in done.stdout


def test_hashes_of_few_rounds(new_broker):
    """The log and lint name the file, how many, and the line of the first."""
    broker = new_broker()
    broker.configure()
    with open(broker.path("passwords")) as file:
        users = len(file.read().splitlines())
    subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "passwd", "--iterations", "10000",
                    "set", broker.path("passwords"), "monitor"], input="secret\n", text=True,
                   check=True, stdout=subprocess.PIPE)
    broker._start()
    text = "passwords:1: %d of %d users have a hash of fewer than 10000 rounds" % (users - 1, users)
    assert broker.log().count(text) == 1
    assert text in lint(broker).stdout
