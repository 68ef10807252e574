"""`log_dest topic`: the log is delivered while a refusal is being told, and asks again."""

import harness
import messages
from rawmqtt import NOT_AUTHORIZED


def test_refusals_are_delivered_as_log(new_broker):
    broker = new_broker()
    broker.edits.append(
        lambda text: text.replace("\nlog_dest stderr\n", "\nlog_dest stderr\nlog_dest topic\n"))
    broker.start()
    watcher = broker.client("monitor")
    watcher.subscribe("$SYS/broker/log/#")
    collar = broker.client("collar-7", client_id="collar")
    topic, payload = messages.order(messages.unique("ord"))
    for _ in range(5):
        assert collar.publish(topic, payload, qos=1) == NOT_AUTHORIZED
        # The log's own deliveries must not turn a refused filter into a granted one.
        assert collar.subscribe("orders/#") == [NOT_AUTHORIZED]
    collar.ping()

    def told():
        watcher.ping()  # twenty lines at a time are on their way to it
        return [sum(text in each.payload.decode() for each in watcher.inbox)
                for text in ("refused publish", "refused subscribe")]

    harness.until(lambda: min(told()) >= 5, "the log")
    assert told() == [5, 5]
