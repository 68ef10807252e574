"""Mosquitto 2.1's HTTP listener asks the plugin on a thread of its own: beyond the console's files it is told
no, and that is said."""
import http.client

import pytest

import harness

pytestmark = pytest.mark.skipif(not harness.IS_2_1, reason="2.0 has no such listener")


def test_nobody_is_let_in(new_broker):
    broker = new_broker()
    port = harness.free_ports(1)[0]
    broker.edits.append(lambda text: text + "\nlistener %d 127.0.0.1\nprotocol http_api\n" % port)
    broker.start()
    for credential in (None, "Basic YmFja29mZmljZTp4"):
        for path in ("/api/v1/version", "/api/v1/systree", "/api/v1/listeners"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=harness.WAIT)
            connection.request("GET", path, headers={"Authorization": credential}
                               if credential else {})
            assert connection.getresponse().status in (401, 403)
            connection.close()
    broker.wait_log(r"refused \d+ requests to the broker's HTTP listener")
    broker.client("backoffice").ping()
    broker.assert_alive()
