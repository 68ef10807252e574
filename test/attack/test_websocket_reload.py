"""An account is taken away while it is connected over websockets: nobody else notices."""
import os
from concurrent.futures import ThreadPoolExecutor

from test_reload import edit_json

ROUNDS = 15
PAIRS = 5  # within one second


def take(broker, is_away):
    before = os.path.getsize(broker.path("log"))
    edit_json(broker.path("access.json"),
              lambda access: access["users"]["customer-b"].update(disabled=is_away))
    broker.process.send_signal(1)
    broker.wait_log("petstore: reloaded", before)


def come(broker, number):
    """The first of a pair is to be taken away."""
    return (broker.client("customer-b", transport="wss",
                          client_id="customer-b/web-%d" % number),
            broker.client("orders-service", client_id="orders-service/till-%d" % number))


def test_others_stay(new_broker):
    """Their keepalives stand in lists with those of the ones that leave, by the second."""
    broker = new_broker().start()
    for number in range(ROUNDS):
        numbers = range(PAIRS * number, PAIRS * (number + 1))
        with ThreadPoolExecutor(PAIRS) as pool:
            gone, staying = zip(*pool.map(lambda each: come(broker, each), numbers))
        take(broker, True)
        for client in staying:
            client.ping()
            client.ping()
            client.disconnect()
        for client in gone:
            client.wait_closed()
            client.drop()
            # A SIGHUP while the broker still has the connection ends 2.0.21, also without the
            # plugin: SECURITY.md, "What is not promised".
            broker.wait_log(r"Client %s\b.* (?:closed its connection|disconnected)" % client.client_id)
        take(broker, False)
    broker.assert_alive()
    assert broker.stop() == 0
