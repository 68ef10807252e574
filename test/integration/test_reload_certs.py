"""Certificates and lists of revoked ones are read again at SIGHUP; by websockets of 2.0 they are not."""
import os
import ssl
import subprocess

import harness


def openssl(broker, *arguments):
    work = broker.path("work")
    os.makedirs(work, exist_ok=True)
    with open(work + "/index.txt", "a"), open(work + "/ca.cnf", "w") as file:
        file.write("[ca]\ndefault_ca = demo\n[demo]\ndatabase = index.txt\ndefault_md = sha256\n")
    subprocess.run(["openssl", *arguments], cwd=work, check=True, stderr=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)


def served(broker, port):
    """The certificate that a listener shows."""
    return ssl.get_server_certificate(("127.0.0.1", port))


def may_come(broker, device):
    shown = (broker.path("clients/%s.crt" % device), broker.path("clients/%s.key" % device))
    try:
        return broker.try_client(None, None, transport="mtls", certificate=shown).code == 0
    except (OSError, ssl.SSLError, EOFError, ConnectionError):
        return False


def test_revoked_at_sighup(new_broker):
    broker = new_broker()
    broker.start()
    assert may_come(broker, "collar-7")
    ca = ["-config", "ca.cnf", "-cert", "../ca.crt", "-keyfile", "../ca.key"]
    openssl(broker, "ca", *ca, "-revoke", "../clients/collar-7.crt")
    openssl(broker, "ca", *ca, "-gencrl", "-crldays", "30", "-out", "../ca.crl")
    assert may_come(broker, "collar-7")
    broker.reload()
    assert not may_come(broker, "collar-7")


def test_server_certificate_at_sighup(new_broker):
    broker = new_broker()
    broker.start()
    before = served(broker, broker.tls)
    assert served(broker, broker.wss) == before
    openssl(broker, "req", "-x509", "-key", "../server.key", "-subj", "/CN=localhost", "-days", "9",
            "-CA", "../ca.crt", "-CAkey", "../ca.key", "-out", "../server.crt")
    broker.reload()
    after = served(broker, broker.tls)
    assert after != before
    with open(broker.path("server.crt")) as file:
        assert file.read() == after
    assert served(broker, broker.wss) == (after if harness.IS_2_1 else before)
