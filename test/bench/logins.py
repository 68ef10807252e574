"""
Logins a second: the first of each client, and again when its password is known, beside the
stock broker's password_file with the same hashes.

    B=build python3 test/bench/logins.py [CLIENTS]

One connection after the other over plain TCP, so that what is measured is the broker's work
for one login; nothing else is on the broker.
"""

import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
os.environ["PATH"] += ":/usr/sbin"

import harness
import rawmqtt

CTL = os.path.join(harness.BUILD, "petstorectl")
USER = "orders-service"  # one name: what differs is whether its password is remembered
HASHES = [("PBKDF2, 1,000 rounds", ["--iterations", "1000"]),
          ("PBKDF2, 210,000 rounds", []),
          ("argon2id, 46 MiB", ["--hash", "argon2id"])]


def make_password(path, options, password):
    done = subprocess.run([CTL, "passwd", *options, "set", path, USER], input=password + "\n",
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode == 0


def logins(port, password, count):
    """A second, of one client at a time; None where the broker says no."""
    start = time.monotonic()
    for number in range(count):
        stream = rawmqtt.open_stream("tcp", port)
        client = rawmqtt.RawClient(stream, 5, "bench-%d" % number, USER, password)
        if client.code != 0:
            return None
        client.drop()
    return count / (time.monotonic() - start)


def first(broker, password, count, options):
    """Each login with a password that is new: it was changed, and SIGHUP made it known."""
    spent = 0
    for number in range(count):
        make_password(broker.path("passwords"), options, "%s-%d" % (password, number))
        broker.process.send_signal(1)
        stream = rawmqtt.open_stream("tcp", broker.plain)  # served after the reload
        stream.close()
        time.sleep(0.3)
        start = time.monotonic()
        assert logins(broker.plain, "%s-%d" % (password, number), 1)
        spent += time.monotonic() - start
    return count / spent


def stock(folder, options, password, count):
    (port,) = harness.free_ports(1)
    passwords = os.path.join(folder, "stock-passwords")
    make_password(passwords, options, password)
    config = os.path.join(folder, "stock.conf")
    with open(config, "w") as file:
        file.write("user root\nlistener %d 127.0.0.1\npassword_file %s\n" % (port, passwords))
    with open(os.path.join(folder, "stock.log"), "w") as log:
        process = subprocess.Popen(["mosquitto", "-c", config], stdout=log, stderr=log)
    try:
        time.sleep(1)
        return None if process.poll() is not None else logins(port, password, count)
    finally:
        process.terminate()
        process.wait()
        os.unlink(passwords)


def shown(rate):
    return "%10s" % "-" if rate is None else "%10.0f" % rate if rate >= 10 else "%10.1f" % rate


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print("logins a second         %10s %10s %10s" % ("first", "known", "stock"))
    with tempfile.TemporaryDirectory() as folder:
        for name, options in HASHES:
            run = os.path.join(folder, name.replace(" ", "").replace(",", ""))
            broker = harness.Broker(run)
            broker.edits.append(lambda text: text.replace("#plugin_opt_lockout 1",
                                                          "plugin_opt_lockout 0\n"
                                                          "plugin_opt_derivation_share 100"))
            harness.prepare(run)
            if not make_password(broker.path("passwords"), options, "secret"):
                print("%-24s not in this OpenSSL" % name)
                continue
            broker.start()
            try:
                slow = first(broker, "new", count, options)
                make_password(broker.path("passwords"), options, "secret")
                broker.reload()
                logins(broker.plain, "secret", 1)
                fast = logins(broker.plain, "secret", 100)
            finally:
                broker.stop()
            print("%-24s%s %s %s" % (name, shown(slow), shown(fast),
                                     shown(stock(folder, options, "secret", count))))


main()
