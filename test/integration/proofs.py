"""Certificates and tokens of every kind, the impossible ones too: DER and JWS by hand.

OpenSSL's command line signs; what is signed is up to the test.
"""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import tempfile
import time


def openssl(*arguments, data=b""):
    return subprocess.run(("openssl",) + arguments, input=data, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


# ---- certificates -----------------------------------------------------------------------

CN, OU = "2.5.4.3", "2.5.4.11"
EMAIL, DNS, URI = 0x81, 0x82, 0x86  # GeneralName, RFC 5280
ECDSA_SHA256 = "1.2.840.10045.4.3.2"


def tlv(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + body


def oid(text):
    numbers = [int(part) for part in text.split(".")]
    out = bytes([40 * numbers[0] + numbers[1]])
    for number in numbers[2:]:
        digits = [number & 0x7F]
        while number > 127:
            number >>= 7
            digits.append(0x80 | number & 0x7F)
        out += bytes(reversed(digits))
    return tlv(6, out)


def name(parts):
    """@parts: [(attribute type, bytes or text)]"""
    return tlv(0x30, *(tlv(0x31, tlv(0x30, oid(kind), tlv(0x0C, as_bytes(value))))
                       for kind, value in parts))


def as_bytes(value):
    return value.encode() if isinstance(value, str) else value


def instant(days):
    when = time.gmtime(time.time() + 86400 * days)
    return tlv(0x17, time.strftime("%y%m%d%H%M%SZ", when).encode())


def extensions(alternatives):
    client = tlv(0x30, oid("2.5.29.37"), tlv(4, tlv(0x30, oid("1.3.6.1.5.5.7.3.2"))))
    if not alternatives:
        return tlv(0xA3, tlv(0x30, client))
    names = tlv(0x30, *(tlv(tag, as_bytes(value)) for tag, value in alternatives))
    return tlv(0xA3, tlv(0x30, client, tlv(0x30, oid("2.5.29.17"), tlv(4, names))))


def certificate(folder, subject, alternatives=(), days=(-1, 30), key=None,
                issuer="Petstore demo CA"):
    """
    (file, key file) of a client certificate in a new folder, signed by the authority in
    @folder or by @key.
    """
    made = tempfile.mkdtemp(dir=folder)
    own = os.path.join(made, "client.key")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-out", own)
    algorithm = tlv(0x30, oid(ECDSA_SHA256))
    body = tlv(0x30, tlv(0xA0, tlv(2, b"\2")), tlv(2, b"\1" + os.urandom(15)), algorithm,
               name([(CN, issuer)]), tlv(0x30, *map(instant, days)), name(subject),
               openssl("pkey", "-in", own, "-pubout", "-outform", "DER"),
               extensions(alternatives))
    signature = openssl("dgst", "-sha256", "-sign", key or os.path.join(folder, "ca.key"),
                        data=body)
    whole = tlv(0x30, body, algorithm, tlv(3, b"\0", signature))
    path = os.path.join(made, "client.crt")
    with open(path, "w") as file:
        file.write("-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n"
                   % base64.encodebytes(whole).decode())
    return path, own


# ---- tokens -----------------------------------------------------------------------------


def base64url(data):
    return base64.urlsafe_b64encode(as_bytes(data)).rstrip(b"=").decode()


class Key:
    """A signing key with its JWK; @kind as in `alg`."""

    def __init__(self, folder, kind, kid=None):
        self.kind, self.kid = kind, kid or "key-" + kind
        self.path = os.path.join(folder, self.kid + ".key")
        self.secret = os.urandom(32)
        arguments = {
            "RS256": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
            "ES256": ("EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            "EdDSA": ("ED25519",),
        }
        if kind != "HS256":
            openssl("genpkey", "-algorithm", *arguments[kind], "-out", self.path)

    def public_pem(self):
        return openssl("pkey", "-in", self.path, "-pubout").decode()

    def jwk(self):
        jwk = {"kid": self.kid, "alg": self.kind, "use": "sig"}
        if self.kind == "HS256":
            return dict(jwk, kty="oct", k=base64url(self.secret))
        der = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")
        if self.kind == "ES256":
            return dict(jwk, kty="EC", crv="P-256", x=base64url(der[-64:-32]),
                        y=base64url(der[-32:]))
        if self.kind == "EdDSA":
            return dict(jwk, kty="OKP", crv="Ed25519", x=base64url(der[-32:]))
        modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode()
        return dict(jwk, kty="RSA", e="AQAB",
                    n=base64url(bytes.fromhex(modulus.strip().split("=")[1])))

    def sign(self, data):
        if self.kind == "HS256":
            return hmac_of(self.secret, data)
        if self.kind == "EdDSA":
            with tempfile.NamedTemporaryFile() as file:  # OpenSSL 3.0 wants a size beforehand
                file.write(data)
                file.flush()
                return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in",
                               file.name)
        signature = openssl("dgst", "-sha256", "-sign", self.path, data=data)
        return raw_of_der(signature) if self.kind == "ES256" else signature


def hmac_of(secret, data):
    return hmac.new(as_bytes(secret), data, hashlib.sha256).digest()


def raw_of_der(signature):
    """r and s, 32 bytes each (RFC 7518, 3.4)."""
    at, out = 2, b""
    for _ in range(2):
        size = signature[at + 1]
        out += signature[at + 2 : at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return out


def token(key, claims, **header):
    """@key may be a function from the signing input to a signature."""
    head = {} if callable(key) else {"alg": key.kind, "kid": key.kid, "typ": "JWT"}
    head.update(header)
    head = {member: value for member, value in head.items() if value is not None}
    text = "%s.%s" % (base64url(json.dumps(head)), base64url(json.dumps(claims)))
    sign = key if callable(key) else key.sign
    return "%s.%s" % (text, base64url(sign(text.encode())))
