"""The examples of README and docs/, taken from there, run against a broker."""

import json
import os
import re
import subprocess

import pytest

import engines
import harness
import messages
import watched
from rawmqtt import NOT_AUTHORIZED

ACCESS = harness.ACCESS


def _read(*name):
    with open(os.path.join(harness.TOP, *name), encoding="utf-8") as file:
        return file.read()


TEXT = _read("README.md") + "".join(
    _read("docs", name) for name in sorted(os.listdir(os.path.join(harness.TOP, "docs")))
    if name.endswith(".md"))


def block(language, containing):
    """The one code block that contains the text."""
    blocks = re.findall(r"^( *)```%s\n(.*?)^ *```$" % language, TEXT, re.S | re.M)
    (found,) = [text.replace("\n" + indent, "\n") for indent, text in blocks if containing in text]
    return found


def here(broker, text):
    """An example with this broker's files and ports in place of `make run`'s, and this build."""
    return (text.replace("build/run/", broker.folder + "/")
            .replace("build/petstorectl", os.path.join(harness.BUILD, "petstorectl"))
            .replace("8883", str(broker.tls)).replace("8084", str(broker.wss))
            .replace("8884", str(broker.mtls)))


def run(*command, wait=300, **options):
    return subprocess.run(command, text=True, timeout=wait, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)


def test_five_minutes(broker):
    """Every command of "The first refusal", pasted; what is shown of it looks like that."""
    def paste(containing):
        return here(broker, block("sh", containing))

    watcher = harness.Shell(paste("-t 'refusals/#'").rstrip() + " -d")
    watcher.line_with("SUBACK")
    publish = paste("publish()")
    done = run("bash", "-c", publish)
    assert (done.returncode, done.stdout) == (0, "")
    assert watcher.line_with('"orderId"').startswith("orders/ord-1/status {")
    refused = run("bash", "-c", publish + paste('publish -t orders/ord-1/status \\\n'
                                                   '  -m \'{"orderId": "ord-1", "status": "DELIVERED"'))
    (warning,) = re.findall(r"prints `(Warning: [^`]*)` No subscriber", TEXT)
    assert refused.stdout == warning + "\n"
    notice = watcher.line_with("transition").strip()
    (shown,) = re.findall(r"^refusals/orders-service/orders-service .*$", TEXT, re.M)
    varies = r'"(decisionId|time)":"[^"]*"'
    assert re.sub(varies, "", notice) == re.sub(varies, "", shown)
    watcher.kill()
    watcher.finish()
    if engines.IS_SQLITE:
        harness.until(lambda: "ord-1|PLACED||customer-a\n" in
                      run("bash", "-c", paste("SELECT id")).stdout, "the order to show")


def test_how_watchful(new_broker):
    """The file that tunes alerts is taken as it stands there."""
    broker = new_broker(access=ACCESS)
    watched.watch(broker, json.loads(block("json", "duplicate-flood")))
    broker.start()


@engines.sqlite_only("its files are copied and put back")
def test_backup(new_broker):
    """Made while the broker writes, and gone back to."""
    broker = new_broker(access=ACCESS)
    broker.start()

    def publish(order, status):
        client = broker.client("orders-service")
        client.publish("orders/%s/status" % order, '{"orderId": "%s", "status": "%s", "userId":'
                       ' "customer-a", "updatedAt": "2026-01-15T10:30:00Z"}' % (order, status), 1)
        client.disconnect()

    publish("before", "PLACED")
    broker.wait_rows([("before", "PLACED")], "SELECT id, status FROM orders")
    done = run("bash", "-c", here(broker, block("sh", ".backup")))
    assert (done.returncode, done.stdout) == (0, "")
    publish("before", "APPROVED")
    publish("after", "PLACED")
    broker.stop()
    done = run("bash", "-c", here(broker, block("sh", "cp build/run/backup.db")))
    assert done.returncode == 0 and "goes on from write 1" in done.stdout
    broker.start()
    assert broker.rows("SELECT id, status FROM orders") == [("before", "PLACED")]
    publish("before", "APPROVED")
    broker.wait_rows([("before", "APPROVED")], "SELECT id, status FROM orders")


def test_refusal_lines(broker):
    """The log lines that are shown look like the real ones."""
    publisher = broker.client("orders-service", client_id="orders-service")
    before = broker.mark()
    for status in ("PLACED", "DELIVERED"):
        publisher.publish(
            "orders/ord-1/status", '{"orderId": "ord-1", "status": "%s", "userId": "customer-a",'
            ' "updatedAt": "2026-01-15T10:30:00Z"}' % status, 1)
    shown = re.search(r"petstore: refused publish .* \[", TEXT).group()  # then an id
    broker.wait_log(re.escape(shown), before)
    before = broker.mark()
    broker.try_client("eva", "x", client_id="app-1")
    shown = re.search(r"^petstore: refused connection .*$", TEXT, re.M).group()
    broker.wait_log(re.escape(shown.replace("192.0.2.7", "127.0.0.1")), before)


def test_access_example(new_broker):
    broker = new_broker(access=ACCESS)
    with open(broker.path("access.json"), "w") as file:
        file.write(block("json", '"orders-service": { "roles"'))
    broker.start()
    broker.try_client("orders-service", broker.password("orders-service")).ping()


def test_applications(new_broker, tmp_path):
    """The control centre and its lamps, as docs/applications.md has them: its table."""
    (tmp_path / "contract").mkdir()
    document, access = tmp_path / "contract" / "lights.yaml", tmp_path / "access.json"
    document.write_text(block("yaml", "title: Streetlights API, version"))
    access.write_text(block("json", '"centre": { "is"').replace(
        '"lamp-7": {', '"lamp-8": {"roles": ["lamp"]}, "stranger": {"roles": []}, "lamp-7": {'))
    broker = new_broker(contract=str(document), access=str(access))
    for user in ("control", "lamp-7", "lamp-8", "stranger"):
        subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "passwd", "set", "--iterations", "10000",
                        broker.path("passwords"), user],
                       input="a long password\n", text=True, check=True, stdout=subprocess.PIPE)
    broker.start()

    def client(user):
        """Again where a busy machine has derived all keys that a second has time for."""
        made = broker.try_client(user, "a long password", client_id=user)
        return made if made.code == 0 else None

    users = {user: harness.until(lambda: client(user), "a login") for user in ("control", "lamp-7", "lamp-8", "stranger")}
    report, command = ("lights/lamp-7/measured", '{"lumens": 3}'), ("lights/lamp-7/turn", '{"command": "on"}')
    taken = {user: [users[user].publish(*each, qos=1) in (0, 0x10) for each in (report, command)] for user in users}
    assert taken == {"control": [False, True], "lamp-7": [True, False], "lamp-8": [False, False],
                     "stranger": [False, False]}
    granted = {user: [users[user].subscribe(each[0]) == [2] for each in (report, command)] for user in users}
    assert granted == {"control": [True, False], "lamp-7": [False, True], "lamp-8": [False, False],
                       "stranger": [False, False]}
    users["lamp-7"].publish(*report, qos=1)
    assert users["control"].message().topic == report[0]


def test_add_a_user(new_broker):
    """The three steps of "Adding a user", as they stand there."""
    broker = new_broker(access=ACCESS)
    broker.start()
    done = run("bash", "-c", here(broker, block("sh", "passwd set build/run")),
               input="some long password\n", cwd=harness.TOP)
    assert done.returncode == 0, done.stdout
    with open(broker.path("access.json")) as file:
        text = file.read()
    assert text.count('"users": {') == 1
    with open(broker.path("access.json"), "w") as file:
        file.write(text.replace('"users": {', '"users": {' + block("json", '"eva": {')))
    with open(broker.path("mosquitto.pid"), "w") as file:
        file.write(str(broker.process.pid))
    before = broker.mark()
    commands = block("sh", "kill -HUP").replace(
        "may eva", "may --config %s eva" % broker.path("mosquitto.conf"))
    done = run("bash", "-c", here(broker, commands), cwd=harness.TOP)
    assert done.returncode == 0 and "orders" in done.stdout, done.stdout
    broker.wait_log("reloaded contract", before)
    broker.try_client("eva", "some long password", client_id="eva").ping()


def test_a_device_more(new_broker):
    """The commands that make a certificate make one that is let in, and may publish."""
    broker = new_broker(access=ACCESS)
    broker.start()
    done = run("bash", "-c", "set -o pipefail; " + here(broker, block("sh", "CAkey")))
    assert done.returncode == 0 and "Warning" not in done.stdout, done.stdout
    broker.wait_rows([(1,)], "SELECT count(*) FROM events WHERE topic = 'pets/collar-9/availability'")


def test_token_example(tmp_path):
    """The issuer and the keys that accounts.md shows are taken as they stand."""
    (issuers,) = re.findall(r'```\n("issuers".*?)```', TEXT, re.S)
    (tmp_path / "id.example.jwks.json").write_text(block("json", '"kty"'))
    (tmp_path / "access.json").write_text('{"roles": {}, "users": {}, %s}' % issuers)
    done = run(os.path.join(harness.BUILD, "petstorectl"), "lint", "--contract",
               os.path.join(harness.TOP, "schemas", "petstore.asyncapi.json"),
               "--access", str(tmp_path / "access.json"))
    assert (done.returncode, done.stdout) == (0, "0 errors, 0 warnings\n")


def step(number):
    """One of the steps of "Bringing a contract into force", with its paragraphs."""
    section = re.search(r"^## Bringing a contract into force.*?(?=^Later changes)", TEXT,
                        re.S | re.M).group()
    return re.search(r"^%d\. .*?(?=^\d\. |\Z)" % number, section, re.S | re.M).group()


def modes(text):
    """The "x-mode" that a step shows, as JSON."""
    return json.loads("{%s}" % re.search(r'"x-mode": (?:"[a-z]+"|\{[^}]*\})', text).group())


def test_into_force(new_broker):
    """The five steps, with the commands and the modes that stand in them."""
    broker = new_broker(access=ACCESS)
    tools = dict(os.environ, PATH=harness.BUILD + ":" + os.environ["PATH"])

    def edit(change, channel=None):
        with open(broker.contract) as file:
            contract = json.load(file)
        place = contract["channels"][channel] if channel else contract
        place.pop("x-mode", None)
        place.update(change)
        with open(broker.contract, "w") as file:
            json.dump(contract, file)
        if broker.process:
            broker.reload()

    def refused_by(what):
        (command,) = re.findall(r"`(petstorectl refusals [^`]*)`", step(3))
        done = run(*command.replace("reason", what).split(), "--json", "--config",
                   broker.path("mosquitto.conf"), env=tools)
        assert done.returncode == 0, done.stdout
        return {next(iter(each.values())): each["count"] for each in json.loads(done.stdout)}

    edit(modes(step(2)))
    broker.start()
    lint = re.search(r"`(petstorectl lint [^`]*)`", step(1)).group(1)
    done = run(*lint.replace("new.asyncapi.json", broker.contract).split(), env=tools,
               cwd=broker.folder)
    assert done.returncode == 0 and "only observed" in done.stdout, done.stdout

    # 2: all passes, and is told in all three places
    stranger = broker.client("customer-a")
    assert stranger.subscribe("refusals/+/+") == [2]
    before = broker.mark()
    bad = messages.stock("xyz789", -1)
    assert stranger.publish(*bad, qos=1) in (0, 0x10)
    notice = json.loads(stranger.message().payload)
    assert notice["observed"] is True
    broker.wait_log(r"observed publish .*\[%s\]" % notice["decisionId"], before)
    broker.wait_rows([(1,)], "SELECT observed FROM refusals WHERE decision_id = ?",
                     notice["decisionId"])

    # 3: what is to be mended; the status that was said is taken over
    writer = broker.client("orders-service")
    order = messages.unique("ord")
    assert writer.publish(*messages.order(order, "SHIPPED"), qos=0) == 0
    broker.wait_rows([(2,)], "SELECT count(*) FROM refusals")
    assert refused_by("reason") == {"scope-missing": 1, "qos-too-low": 1}
    assert refused_by("client") == {stranger.client_id: 1, writer.client_id: 1}
    assert refused_by("topic") == {bad[0]: 1, "orders/%s/status" % order: 1}
    broker.wait_rows([("SHIPPED", 0)], "SELECT status, adopted_at IS NULL FROM orders")

    # 4: who may do what is enforced, the rest is watched
    edit(modes(step(4)))
    assert stranger.publish(*bad, qos=1) == NOT_AUTHORIZED
    assert writer.publish(*messages.order(order, "SHIPPED"), qos=1) in (0, 0x10)

    # 5: channel by channel, then all of them
    edit(modes(step(5)), "orderStatus")
    assert writer.publish(*messages.order(order, "PLACED"), qos=1) == NOT_AUTHORIZED
    service = broker.client("inventory-service")
    assert service.publish(*bad, qos=1) in (0, 0x10)
    edit({}, "orderStatus")
    edit({})
    assert service.publish(*bad, qos=1) == NOT_AUTHORIZED
    done = run(*lint.replace("new.asyncapi.json", broker.contract).split(), env=tools,
               cwd=broker.folder)
    assert done.stdout == "0 errors, 0 warnings\n"


def test_notice(broker):
    """One's own notice of what one published, as it is shown; then what petstorectl says of it."""
    password = here(broker, re.search(r"^password\(\) .*\n", TEXT, re.M).group())
    broker.client("orders-service").publish(
        *messages.order("ord-1", "PLACED", userId="customer-a"), qos=1)
    shown = json.loads(block("json", '"decisionId"'))
    told = run("bash", "-c", password + here(broker, block("sh", "-e refusals/orders-service")))
    notice = json.loads(told.stdout)
    assert list(notice) == list(shown)
    varies = ("decisionId", "time", "errors")
    assert [notice[name] for name in notice if name not in varies] == [
        shown[name] for name in shown if name not in varies]
    commands = here(broker, block("sh", "petstorectl explain publish")).replace(
        shown["decisionId"], notice["decisionId"])
    path = harness.BUILD + ":" + os.environ["PATH"]
    harness.until(lambda: notice["decisionId"] in run(
        "bash", "-c", commands, env=dict(os.environ, PATH=path)).stdout, "the row to show")
    done = run("bash", "-c", commands, env=dict(os.environ, PATH=path))
    assert re.search(r"^\d+ +transition-illegal ", done.stdout, re.M), done.stdout
    assert done.stdout.endswith("not DELIVERED\n") and done.returncode == 1, done.stdout


def test_command(broker):
    """A command by mosquitto_rr, as it is shown."""
    password = here(broker, re.search(r"^password\(\) .*\n", TEXT, re.M).group())
    broker.client("orders-service").publish(
        *messages.order("ord-1", "PLACED", userId="customer-a"), qos=1)
    asks = password + here(broker, block("sh", "backoffice/rr"))

    def answer():
        return json.loads(run("bash", "-c", asks).stdout)["responses"][0]
    harness.until(lambda: "data" in answer(), "the order to be found")
    assert answer()["data"]["row"]["id"] == "ord-1"
