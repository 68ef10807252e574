"""paho 1.6 and 2.1 behind one constructor, with version 1's callbacks."""

import queue
import ssl
import threading

import paho.mqtt.client as mqtt

def new(client_id="", **options):
    if hasattr(mqtt, "CallbackAPIVersion"):
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, client_id, **options)
    return mqtt.Client(client_id, **options)


def tls(client, authority):
    client.tls_set(ca_certs=str(authority), cert_reqs=ssl.CERT_REQUIRED)
    return client


WAIT = 60


class Subscriber:
    """A paho client in its own thread, subscribed once the constructor returns."""

    def __init__(self, client, port, *filters, qos=2, keepalive=60, **connect):
        self.client = client
        self.messages = queue.Queue()
        self.granted = []
        subscribed = threading.Event()

        def on_connect(client, _userdata, _flags, code, *_properties):
            assert code == 0, code
            if filters:
                client.subscribe([(each, qos) for each in filters])
            else:
                subscribed.set()  # it goes on with a session

        def on_subscribe(_client, _userdata, _mid, granted, *_properties):
            self.granted = [getattr(each, "value", each) for each in granted]
            subscribed.set()

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_message = lambda _client, _userdata, message: self.messages.put(message)
        client.connect("localhost", port, keepalive, **connect)
        client.loop_start()
        assert subscribed.wait(WAIT), "no SUBACK"

    def message(self):
        return self.messages.get(timeout=WAIT)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


class Publisher:
    """A paho client in its own thread, connected once the constructor returns."""

    def __init__(self, client, port):
        self.client = client
        connected = threading.Event()
        client.on_connect = lambda *_: connected.set()
        client.connect("localhost", port)
        client.loop_start()
        assert connected.wait(WAIT), "no CONNACK"

    def publish(self, topic, payload, qos, retain=False):
        """Returns once it is acknowledged."""
        info = self.client.publish(topic, payload, qos, retain)
        info.wait_for_publish(WAIT)
        assert info.is_published()

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()
