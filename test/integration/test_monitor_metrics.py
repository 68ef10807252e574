"""The numbers: $SYS, retained and there again after a restart; and the file, as promtool has it."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

import engines
import harness
import messages
import rawmqtt
import watched


def values(text):
    return dict(line.rsplit(" ", 1) for line in text.splitlines()
                if line and not line.startswith("#"))


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def test_metrics_file(new_broker):
    broker = new_broker()
    path = broker.path("petstore.prom")
    broker.edits.append(watched.options(metrics_file=path, metrics_interval=1))
    broker.start()
    client = broker.client("backoffice")
    for number in range(7):
        client.publish(*messages.stock("p", number), qos=1)
    client.publish("weather/today", b"{}", qos=1)
    broker.try_client("backoffice", "wrong", client_id="x")
    wanted = ('petstore_decisions_total{action="publish",channel="inventoryStock",'
              'outcome="allowed",reason="allowed"}')
    text = harness.until(lambda: values(read(path)).get(wanted) == "7" and
                         values(read(path)).get("petstore_journal_records") == "0" and read(path),
                         "the file")
    found = values(text)
    assert found['petstore_decisions_total{action="publish",channel="none",outcome="refused",'
                 'reason="topic-unknown"}'] == "1"
    assert found['petstore_connections_total{method="password",result="refused"}'] == "1"
    assert int(found["petstore_decision_seconds_count"]) >= 8
    assert int(found["petstore_batch_records_sum"]) == 7
    assert found['petstore_alerts_active{kind="takeover"}'] == "0"
    assert text.endswith("# EOF\n")
    assert os.stat(path).st_mode & 0o777 == 0o644
    assert not os.path.exists(path + ".new")


def test_how_many_are_connected(new_broker):
    """Now, by login: who left counts no more, whether its session is kept or not, and a reload changes nothing."""
    broker = new_broker()
    path = broker.path("petstore.prom")
    broker.edits.append(watched.options(metrics_file=path, metrics_interval=1, sys_interval=1))
    broker.start()
    password = 'petstore_sessions_connected{method="password"}'

    def become(count):
        harness.until(lambda: values(read(path)).get(password) == str(count), "%d connected" % count)

    clients = [broker.client("backoffice", client_id="backoffice/%d" % number) for number in range(3)]
    become(3)
    clients[0].disconnect()
    clients[1].drop()
    become(1)
    clients.append(broker.client("backoffice", client_id="backoffice/2"))  # takes the place of another
    kept = broker.client("customer-a", clean=False)
    become(2)
    watched.ask(broker, {"command": "reload"})
    kept.disconnect()
    become(1)
    assert values(read(path))['petstore_sessions_connected{method="certificate"}'] == "0"
    reader = broker.client("monitor")
    reader.subscribe("$SYS/broker/petstore/sessions/connected")
    while reader.message().payload != b"2":
        pass


@pytest.fixture(scope="module")
def busy(tmp_path_factory, template):
    """A broker that writes its numbers every second, and something has happened of each kind."""
    broker = harness.Broker(tmp_path_factory.mktemp("busy") / "run", template)
    os.makedirs(broker.path("metrics"))
    broker.metrics = broker.path("metrics/petstore.prom")
    watched.watch(broker, {"refusal-streak": {"threshold": 3, "windowSeconds": 30}},
                  metrics_file=broker.metrics, metrics_interval=1)
    broker.start()
    work(broker, 0)
    # The last that was done has its number in it, and so has all before.
    last = 'petstore_connections_total{method="password",result="refused"}'
    harness.until(lambda: int(values(read(broker.metrics)).get(last, "0")) > 0, "the file")
    yield broker
    broker.stop()


def work(broker, number):
    """Publishes that pass and do not, logins that pass and do not."""
    client = broker.client("backoffice", client_id=messages.unique("work"))
    client.subscribe("inventory/#")
    client.publish(*messages.stock("p", number), qos=1)
    client.publish(*messages.stock("p", number + 1), qos=2)
    client.publish(*messages.pet_status("pet-1", reason="n%d" % number), qos=1)
    for _ in range(4):
        client.publish("weather/today", b"{}", qos=1)
    client.disconnect()
    payer = broker.client("payments-service")
    with contextlib.suppress(rawmqtt.Closed, ConnectionError):  # where the disk is slow
        payer.publish(*messages.payment(messages.unique("pay")), qos=2)
        payer.disconnect()
    broker.try_client("nobody", "wrong", client_id="x").drop()


def test_promtool_accepts_the_file(busy):
    if not shutil.which("promtool"):
        pytest.skip("promtool (Debian's prometheus) is not installed")
    done = subprocess.run(["promtool", "check", "metrics"], input=read(busy.metrics), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_file_is_openmetrics(busy):
    parser = pytest.importorskip("prometheus_client.openmetrics.parser",
                                 reason="python3-prometheus-client is not installed")
    text = read(busy.metrics)
    families = {each.name: each for each in parser.text_string_to_metric_families(text)}
    assert families["petstore_decision_seconds"].type == "histogram"
    assert families["petstore_sessions"].type == "gauge"
    assert families["petstore_decisions_total"].documentation == \
        "Decisions by action, channel and reason."
    # The same samples by the rules of the other format.
    import prometheus_client.parser
    older = prometheus_client.parser.text_string_to_metric_families(text)
    assert sorted((sample.name, sorted(sample.labels.items()), sample.value)
                  for family in families.values() for sample in family.samples) == \
        sorted((sample.name, sorted(sample.labels.items()), sample.value)
               for family in older for sample in family.samples)


def queries():
    """All; those about brokers that share a database where there may be some."""
    with open(os.path.join(harness.TOP, "docker", "grafana", "petstore.json")) as file:
        asked = [target["expr"] for panel in json.load(file)["panels"]
                 for target in panel["targets"]]
    return [query for query in asked if not engines.IS_SQLITE or
            not re.search("petstore_(broker|strict|database)_", query)]


def test_the_dashboard_shows_what_the_file_has(busy):
    """Both ways: it asks for nothing else, and leaves few things out."""
    asked = {name for query in queries() for name in re.findall(r"petstore_\w+", query)}
    there = {name.split("{")[0] for name in values(read(busy.metrics))}
    assert asked and asked <= there
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    missing = {re.sub("_(bucket|sum|count)$", "", name) for name in there} - shown
    assert missing <= {"petstore_start_time_seconds", "petstore_reloads_total",
                       "petstore_journal_records", "petstore_monitor_clients",
                       "petstore_monitor_clients_evicted_total", "petstore_strict_messages_total"}


class Service:
    """A program that serves HTTP, and ends with the block."""

    def __init__(self, log, *command):
        self.log, self.command = log, command

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def get(url):
    """None where there is no answer (yet)."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def test_the_dashboard_over_prometheus(busy, tmp_path):
    """node_exporter, Prometheus with docker/'s configuration: each query has an answer."""
    for program in ("prometheus", "prometheus-node-exporter"):
        if not shutil.which(program):
            pytest.skip("Debian's %s is not installed" % program)
    exporter, prometheus = harness.free_ports(2)
    with open(os.path.join(harness.TOP, "docker", "prometheus.yml")) as file:
        text = file.read()
    assert "exporter:9100" in text and "scrape_interval: 15s" in text
    text = text.replace("exporter:9100", "127.0.0.1:%d" % exporter)
    (tmp_path / "prometheus.yml").write_text(text.replace("interval: 15s", "interval: 1s"))
    url = "http://127.0.0.1:%d/api/v1/query?query=" % prometheus

    def answers(query):
        found = get(url + urllib.parse.quote(query)) or {}
        return [each for each in found.get("data", {}).get("result", [])
                if each["value"][1] != "NaN"]

    with Service(tmp_path / "exporter.log", "prometheus-node-exporter",
                 "--collector.disable-defaults", "--collector.textfile",
                 "--collector.textfile.directory=" + busy.path("metrics"),
                 "--web.listen-address=127.0.0.1:%d" % exporter), \
         Service(tmp_path / "prometheus.log", "prometheus",
                 "--config.file=%s" % (tmp_path / "prometheus.yml"),
                 "--storage.tsdb.path=%s" % (tmp_path / "data"),
                 "--web.listen-address=127.0.0.1:%d" % prometheus):
        harness.until(lambda: answers("petstore_sessions"), "the first numbers", 180)
        left = queries()
        number = 10

        def are_answered():
            """Once a second: rates need time, and too many wrong passwords lock the address."""
            nonlocal left, number
            time.sleep(1)
            number += 10
            work(busy, number)
            left = [query for query in left if not answers(query)]
            return not left

        try:
            harness.until(are_answered, "answers", 180)
        except AssertionError:
            assert left == [], (tmp_path / "prometheus.log").read_text()[-2000:]


def test_a_file_that_cannot_be(new_broker):
    broker = new_broker()
    broker.edits.append(watched.options(metrics_file="/no/such/folder/x.prom"))
    with pytest.raises(harness.StartError) as error:
        broker.start()
    assert "/no/such/folder/x.prom: cannot write metrics" in error.value.log


def test_sys(new_broker):
    broker = new_broker()
    broker.edits.append(watched.options(sys_interval=1))
    broker.start()
    client = broker.client("backoffice")
    client.publish(*messages.stock("p", 1), qos=1)

    def look(user="monitor"):
        reader = broker.client(user)
        assert reader.subscribe("$SYS/broker/petstore/#") == [2]
        found = {}
        while "store/errors" not in found:
            message = reader.message()
            found[message.topic[len("$SYS/broker/petstore/"):]] = message.payload.decode()
        reader.disconnect()
        return found

    harness.until(lambda: look().get("publish/allowed") == "1", "the count")
    found = look()
    assert found["contract"] == "Petstore MQTT API"
    assert found["publish/refused"] == "0" and found["alerts/active"] == "0"
    assert broker.client("customer-a").subscribe("$SYS/broker/petstore/#") == [0x87]
    broker.restart()
    harness.until(lambda: look()["publish/allowed"] == "0", "the new numbers")
