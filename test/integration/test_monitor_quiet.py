"""Twenty clients that do what clients do raise nothing, with the settings as they ship."""

import threading
import time

import messages
import watched

SECONDS = 20


def work(broker, number, stop, failures):
    try:
        user = ("backoffice", "inventory-service", "orders-service", "customer-a",
                "payments-service")[number % 5]
        client = broker.client(user, client_id=messages.unique("quiet"))
        client.subscribe("inventory/#" if user != "payments-service" else "payments/#")
        turn = 0
        while not stop.is_set():
            turn += 1
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            if user in ("backoffice", "inventory-service"):
                client.publish(*messages.stock("p%d" % number, turn, updatedAt=now), qos=1)
            elif user == "orders-service":
                client.publish(*messages.order(messages.unique("ord"), updatedAt=now), qos=1)
            elif user == "payments-service":
                client.publish(*messages.payment(messages.unique("pay"), updatedAt=now), qos=2)
            else:
                client.ping()
            if turn % 40 == 0:  # comes back now and then
                client.disconnect()
                client = broker.client(user, client_id=messages.unique("quiet"))
            stop.wait(0.1 + 0.01 * (number % 7))
    except Exception as error:  # told by the test
        failures.append(repr(error))


def test_a_quiet_mixed_load_raises_nothing(broker):
    listener = watched.Listener(broker)
    stop, failures = threading.Event(), []
    threads = [threading.Thread(target=work, args=(broker, number, stop, failures))
               for number in range(20)]
    for thread in threads:
        thread.start()
    stop.wait(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    listener.client.ping()
    assert broker.rows("SELECT kind, document FROM alerts") == []
    assert "alert raised" not in broker.log()
