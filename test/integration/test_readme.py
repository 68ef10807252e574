"""The README's examples, taken from the README, run against a broker."""

import os
import re
import subprocess

import pytest

import harness

with open(os.path.join(harness.TOP, "README.md"), encoding="utf-8") as _file:
    TEXT = _file.read()


def block(language, containing):
    """The one code block that contains the text."""
    blocks = re.findall(r"^( *)```%s\n(.*?)^ *```$" % language, TEXT, re.S | re.M)
    (found,) = [text.replace("\n" + indent, "\n") for indent, text in blocks if containing in text]
    return found


def here(broker, text):
    """An example with this broker's files and ports in place of `make run`'s."""
    return (text.replace("build/run/", broker.folder + "/")
            .replace("8883", str(broker.tls)).replace("8084", str(broker.wss)))


def run(*command, wait=30, **options):
    return subprocess.run(command, text=True, timeout=wait, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)


def test_five_minutes(broker):
    """Every command of the first section, pasted."""
    def paste(containing):
        return here(broker, block("sh", containing))

    watcher = harness.Shell(paste("-t 'refusals/#'").rstrip() + " -d")
    watcher.line_with("SUBACK")
    publish = paste("publish()")
    done = run("bash", "-c", publish)
    assert (done.returncode, done.stdout) == (0, "")
    assert watcher.line_with('"orderId"').startswith("orders/ord-1/status {")
    refused = run("bash", "-c", publish + paste("DELIVERED"))
    assert "Not authorized" in refused.stdout
    assert "order is PLACED: APPROVED, CANCELLED may follow" in watcher.line_with("transition")
    watcher.kill()
    watcher.finish()
    harness.until(lambda: "ord-1|PLACED||customer-a\n" in run("bash", "-c", paste("SELECT id")).stdout,
                  "the order to show")


def test_backup(new_broker):
    """Made while the broker writes, and gone back to."""
    broker = new_broker()
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
    assert (done.returncode, done.stdout) == (0, "")
    broker.start()
    assert broker.rows("SELECT id, status FROM orders") == [("before", "PLACED")]
    publish("before", "APPROVED")
    broker.wait_rows([("before", "APPROVED")], "SELECT id, status FROM orders")


def test_refusal_lines(broker):
    """The log lines that the README shows look like the real ones."""
    publisher = broker.client("orders-service", client_id="x")
    before = broker.mark()
    for status in ("PLACED", "DELIVERED"):
        publisher.publish(
            "orders/ord-1/status", '{"orderId": "ord-1", "status": "%s", "userId": "customer-a",'
            ' "updatedAt": "2026-01-15T10:30:00Z"}' % status, 1)
    shown = re.search(r"^petstore: refused publish .* \[", TEXT, re.M).group()  # then an id
    broker.wait_log(re.escape(shown), before)
    before = broker.mark()
    broker.try_client("eva", "x", client_id="app-1")
    shown = re.search(r"^petstore: refused connection .*$", TEXT, re.M).group()
    broker.wait_log(re.escape(shown.replace("192.0.2.7", "127.0.0.1")), before)


def test_access_example(new_broker):
    broker = new_broker()
    with open(broker.path("access.json"), "w") as file:
        file.write(block("json", '"roles"'))
    broker.start()
    broker.try_client("orders-service", broker.password("orders-service")).ping()
