"""What is wrong with the files stops the broker with one line that says what and where."""

import os
import re
import shutil
import sqlite3
import tempfile

import pytest

import engines
import harness


def sub(pattern, replacement):
    return lambda text: re.sub(pattern, replacement, text, count=1, flags=re.M)


# name: (edit of mosquitto.conf, the line)
OPTIONS = {
    "contract missing": (sub(r"^plugin_opt_contract .*\n", ""), r"plugin_opt_contract"),
    "access missing": (sub(r"^plugin_opt_access .*\n", ""), r"plugin_opt_access"),
    "database missing": (sub(r"^plugin_opt_database .*\n", ""), r"plugin_opt_database"),
    "unknown": (sub(r"^(plugin_opt_access .*)", r"\1\nplugin_opt_contrakt x"),
                r"plugin_opt_contrakt"),
    "twice": (sub(r"^(plugin_opt_access .*)", r"\1\n\1"), r"plugin_opt_access.*twice"),
    "not a number": (sub(r"^#plugin_opt_batch_rows .*", "plugin_opt_batch_rows many"),
                     r'plugin_opt_batch_rows.*"many".*1 to 100000'),
    "junk after a number": (sub(r"^#plugin_opt_batch_ms .*", "plugin_opt_batch_ms 50ms"),
                            r"plugin_opt_batch_ms"),
    "out of bounds": (sub(r"^#plugin_opt_journal_size .*", "plugin_opt_journal_size 1"),
                      r"plugin_opt_journal_size"),
    "journal too small for the contract": (
        sub(r"^#plugin_opt_journal_size .*", "plugin_opt_journal_size 131072"),
        r"plugin_opt_journal_size: 131072 .*payloadBytes of 16384 .*at least 196608"),
    "journal that shrinks": (
        sub(r"^plugin_opt_journal_max .*", "plugin_opt_journal_max 16777215"),
        r"plugin_opt_journal_max: 16777215 is less than journal_size, expected at least 16777216"),
    "no such contract": (sub(r"^(plugin_opt_contract .*)", r"\1.gone"),
                         r"petstore.asyncapi.json.gone.*No such file"),
    "no such access file": (sub(r"^(plugin_opt_access .*)", r"\1.gone"),
                            r"access.json.gone.*No such file"),
    "no such password file": (sub(r"^(plugin_opt_password_file .*)", r"\1.gone"),
                              r"passwords.gone.*No such file"),
    "a folder is no contract": (sub(r"^plugin_opt_contract .*", "plugin_opt_contract /"),
                                r"/: "),
    "database in no folder": (sub(r"^(plugin_opt_database .*)", r"\1.gone/petstore.db"),
                              r"petstore.db.gone/petstore.db"),
}

# name: (file, edit, the line)
FILES = {
    "contract not JSON": ("schemas/petstore.asyncapi.json", lambda text: text[:5000],
                          r"petstore.asyncapi.json:\d+:\d+: "),
    "contract empty": ("schemas/petstore.asyncapi.json", lambda text: "",
                       r"petstore.asyncapi.json:\d+:\d+: "),
    "not AsyncAPI": ("schemas/petstore.asyncapi.json", lambda text: '{"openapi": "3.1.0"}',
                     r"petstore.asyncapi.json:\d+:\d+: "),
    "AsyncAPI 1": ("schemas/petstore.asyncapi.json", sub(r'"3\.1\.0"', '"1.2.0"'),
                   r"petstore.asyncapi.json:\d+:\d+: /asyncapi: "),
    "misspelt member": ("schemas/petstore.asyncapi.json", sub('"bindings"', '"bindigns"'),
                        r'petstore.asyncapi.json:\d+:\d+: /operations/sendPetAvailability/bindigns: '
                        r'.*"bindings"'),
    "ref to nowhere": ("schemas/petstore.asyncapi.json",
                       sub(r"pet-status.schema.json", "pet-state.schema.json"),
                       r"pet-state.schema.json"),
    "ref out of the folder": ("schemas/petstore.asyncapi.json",
                              sub(r"pet-status.schema.json", "../access.json"), r"petStatus/payload/\$ref: expected a file in"),
    "state machine without the status": ("schemas/petstore.asyncapi.json",
                                         sub(r'"first": \["PLACED"\]', '"first": ["PLASED"]'),
                                         r"/x-state-machines/order/first/0: .*PLASED"),
    "schema not JSON": ("schemas/common.schema.json", sub(",", ",,"),
                        r"common.schema.json:\d+:\d+: "),
    "schema keyword misused": ("schemas/common.schema.json", sub('"maxLength": 40',
                                                                 '"maxLength": "40"'),
                               r"common.schema.json:\d+:\d+: /\$defs/timestamp/maxLength: "),
    "pattern broken": ("schemas/common.schema.json", sub(r'"\^\[A-Z\]\{3\}\$"', '"^[A-Z{3}$"'),
                       r"common.schema.json:\d+:\d+: /\$defs/orderCurrency/pattern: "),
    "access not JSON": ("access.json", sub(r"\]", ""), r"access.json:\d+:\d+: "),
    "scope unknown": ("access.json", sub("read:orders", "reed:orders"),
                      r'access.json:\d+:\d+: /roles/backoffice/scopes/2: .*"reed:orders"'),
    "role unknown": ("access.json", sub(r'\["monitor"\]', '["monitors"]'),
                     r'access.json:\d+:\d+: /users/monitor/roles/0: .*"monitors"'),
    "member unknown": ("access.json", sub('"users"', '"useres": {}, "users"'),
                       r"access.json:\d+:\d+: .*useres"),
    "user twice": ("access.json", sub('"customer-b"', '"customer-a"'),
                   r"access.json.*customer-a"),
    "password line without a hash": ("passwords", lambda text: text + "eva\n", r"passwords:10: "),
    "password in the clear": ("passwords", lambda text: "eva:secret\n" + text, r"passwords:1: "),
    "password user twice": ("passwords", lambda text: text + text.splitlines()[2] + "\n",
                            r"passwords:10: .*twice"),
    "password hash cut": ("passwords", lambda text: text.rstrip()[:-9] + "\n", r"passwords:9: "),
    "not a database": ("petstore.db", lambda text: "This is a shopping list.\n" * 100,
                       r"petstore.db"),
}


def start_fails(broker, *expected):
    with pytest.raises(harness.StartError) as error:
        broker.start()
    lines = [line for line in error.value.log.splitlines() if "petstore: " in line]
    assert len(lines) == len(expected), error.value.log
    for line, pattern in zip(lines, expected):
        assert re.search(pattern, line), line
    assert error.value.status > 0


@pytest.mark.parametrize("name", OPTIONS)
def test_option(new_broker, name):
    if not engines.IS_SQLITE and "database" in name:
        pytest.skip("SQLite's own: where its file lies")
    change, expected = OPTIONS[name]
    broker = new_broker()
    broker.edits.append(change)
    start_fails(broker, expected)


def test_all_faults_of_a_file(new_broker):
    broker = new_broker()
    with open(broker.path("access.json")) as source:
        changed = source.read().replace('"users"', '"useres"').replace("read:orders", "reed:orders")
    with open(broker.path("access.json"), "w") as target:
        target.write(changed)
    start_fails(broker, r'/useres: unknown member; did you mean "users"\?',
                r'expected a member "users"', *[r"no scope .reed:orders"] * changed.count('"reed:orders'))


@pytest.mark.parametrize("name", FILES)
def test_file(new_broker, name):
    if not engines.IS_SQLITE and "database" in name:
        pytest.skip("SQLite's own: its file")
    file, change, expected = FILES[name]
    broker = new_broker()
    text = ""
    if os.path.exists(broker.path(file)):
        with open(broker.path(file)) as source:
            text = source.read()
    changed = change(text)
    assert changed != text
    with open(broker.path(file), "w") as target:
        target.write(changed)
    start_fails(broker, expected)
    with open(broker.path(file)) as target:
        assert target.read() == changed, "a bad file was touched"


@pytest.mark.parametrize("file", ["access.json", "passwords", "schemas/common.schema.json"])
def test_unreadable(template, file):
    """Root reads everything: then the broker runs as nobody, in a folder of nobody's. The plugin is
    there too, since the sources may lie where only root reads."""
    with tempfile.TemporaryDirectory() as folder:
        broker = harness.Broker(os.path.join(folder, "run"), template)
        broker.settings["PLUGIN"] = shutil.copy(harness.PLUGIN, broker.folder)
        if os.geteuid() == 0:
            broker.edits.append(sub("^user .*", "user nobody"))
            broker.edits.append(lambda text: give(folder, "nobody", text))
        broker.edits.append(lambda text: os.chmod(broker.path(file), 0) or text)
        start_fails(broker, os.path.basename(file) + ".*Permission denied")


def give(folder, user, result):
    for parent, _, names in os.walk(folder):
        for name in [parent] + [os.path.join(parent, name) for name in names]:
            shutil.chown(name, user)
    return result


@engines.sqlite_only("its header")
def test_newer_database(new_broker):
    """A database of a later version of this program is left alone."""
    broker = new_broker().start()
    broker.stop()
    database = sqlite3.connect(broker.path("petstore.db"))
    database.execute("PRAGMA user_version = 999")
    database.close()
    start_fails(broker, r"petstore.db.*(999|newer)")


@engines.sqlite_only("its file")
def test_foreign_database(new_broker):
    broker = new_broker()
    database = sqlite3.connect(broker.path("petstore.db"))
    database.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, shoes TEXT)")
    database.commit()
    database.close()
    start_fails(broker, r"petstore.db")
    database = sqlite3.connect(broker.path("petstore.db"))
    assert database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)
    database.close()


def test_plugin_alone(new_broker):
    """No option at all."""
    broker = new_broker()
    broker.edits.append(lambda text: re.sub(r"^plugin_opt_.*\n", "", text, flags=re.M))
    start_fails(broker, r"plugin_opt_contract")
