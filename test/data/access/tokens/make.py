#!/usr/bin/python3
"""Writes the keys, tokens and expectations of this folder (needs python3-jwt).

The signatures come from PyJWT, so that our verification is measured against another
implementation. Keys are new at each run and their private halves are thrown away.
"""
import base64
import hashlib
import hmac
import json

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

NOW = 1800000000
SECRET = b"0123456789abcdef0123456789abcdef-hs256"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key, **more):
    n = key.public_key().public_numbers()
    return {"kty": "RSA", "n": number(n.n), "e": number(n.e), **more}


def ec_jwk(key, **more):
    n = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": number(n.x, 32), "y": number(n.y, 32), **more}


def ed_jwk(key, **more):
    raw = key.public_key().public_bytes(serialization.Encoding.Raw,
                                        serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **more}


def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


RSA = rsa.generate_private_key(65537, 2048)
RSA_OLD = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
EC_PEM = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
STRANGER = rsa.generate_private_key(65537, 2048)

JWKS = {"keys": [
    rsa_jwk(RSA_OLD, kid="rsa-0", use="sig", alg="RS256"),
    rsa_jwk(RSA, kid="rsa-1", use="sig"),
    rsa_jwk(STRANGER, kid="enc-1", use="enc"),
    rsa_jwk(STRANGER, kid="rs512", alg="RS512"),
    ec_jwk(EC, kid="ec-1", alg="ES256"),
    {"kty": "EC", "crv": "P-384", "kid": "ec-384", "x": "AA", "y": "AA"},
    ed_jwk(ED, kid="ed-1"),
]}

ACCESS = {
    "roles": {
        "customer": {"scopes": ["read:pets", "write:pets"], "clientIds": ["{name}/*"]},
        "no-orders": {"deny": ["write:orders"]},
        "no-stock": {"deny": ["read:inventory"], "scopes": ["read:sys"]},
        "field": {"requires": "certificate"},
    },
    "users": {
        "ann": {"roles": ["customer", "no-orders"], "attributes": {"petId": "rex"}},
        "bob": {"roles": ["customer"], "disabled": True},
        "fay": {"roles": ["field"]},
    },
    "issuers": [
        {"issuer": "https://id.example", "audience": ["petstore-mqtt", "petstore"],
         "algorithms": ["RS256", "ES256", "EdDSA"], "keys": "keys.jwks.json",
         "principal": "{sub}", "scopes": ["read:*", "write:orders", "write:pets:own"],
         "attributes": {"petId": "pet_ids"}},
        {"issuer": "https://pem.example", "audience": "petstore-mqtt", "algorithms": ["ES256"],
         "keys": "key.pem", "principal": "pem-{sub}", "scopes": ["read:*"],
         "roles": ["no-stock"], "clockSkew": 0, "maxLifetime": 3600},
        {"issuer": "https://hmac.example", "audience": "petstore-mqtt",
         "algorithms": ["HS256"], "keys": "secret.jwk.json", "principal": "{sub}",
         "scopes": ["*"]},
    ],
}

CLAIMS = {"iss": "https://id.example", "aud": "petstore-mqtt", "sub": "zoe",
          "iat": NOW, "exp": NOW + 600, "scope": "openid read:pets"}
cases = []


def claims(**more):
    return {k: v for k, v in {**CLAIMS, **more}.items() if v is not None}


def sign(payload, key=RSA, alg="RS256", **header):
    header.setdefault("kid", "rsa-1")
    return jwt.encode(payload, key, alg, {k: v for k, v in header.items() if v is not None})


def raw(header, payload, signature=b"x"):
    """A token out of texts, whatever they are."""
    texts = [t if isinstance(t, bytes) else json.dumps(t).encode() for t in (header, payload)]
    return ".".join([b64(texts[0]), b64(texts[1]), b64(signature)])


def hs256(header, payload, secret):
    signed = b64(json.dumps(header).encode()) + "." + b64(json.dumps(payload).encode())
    return signed + "." + b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())


def ok(name, token, now=NOW, principal="zoe", full=("read:pets",), own=(), expires=NOW + 660,
       **more):
    cases.append({"name": name, "now": now, "token": token, "principal": principal,
                  "full": list(full), "own": list(own), "expires": expires, **more})


def no(name, token, error, now=NOW):
    cases.append({"name": name, "now": now, "token": token, "error": error})


PEM_CLAIMS = claims(iss="https://pem.example")
HMAC_CLAIMS = claims(iss="https://hmac.example")

# Algorithms and keys
ok("RS256 by kid", sign(claims()))
ok("RS256 by the older key", sign(claims(), RSA_OLD, kid="rsa-0"))
ok("RS256 without kid", sign(claims(), kid=None))
ok("ES256", sign(claims(), EC, "ES256", kid="ec-1"))
ok("EdDSA", sign(claims(), ED, "EdDSA", kid="ed-1"))
ok("ES256 by PEM", sign(PEM_CLAIMS, EC_PEM, "ES256", kid=None), principal="pem-zoe",
   full=("read:pets", "read:sys"), expires=NOW + 600)
ok("a key without kid fits any kid", sign(PEM_CLAIMS, EC_PEM, "ES256", kid="whatever"),
   principal="pem-zoe", full=("read:pets", "read:sys"), expires=NOW + 600)
ok("HS256", sign(HMAC_CLAIMS, SECRET, "HS256", kid=None))
ok("typ at+jwt", sign(claims(), typ="at+jwt"))
ok("no typ", sign(claims(), typ=None))
no("another kid", sign(claims(), kid="rsa-0"), "the token's signature is wrong")
no("an unknown kid", sign(claims(), kid="rsa-9"),
   "the issuer has no key with the token's algorithm and kid")
no("the kid of another algorithm", sign(claims(), kid="ec-1"),
   "the issuer has no key with the token's algorithm and kid")
no("a key that is for encryption", sign(claims(), STRANGER, kid="enc-1"),
   "the issuer has no key with the token's algorithm and kid")
no("a stranger's key", sign(claims(), STRANGER), "the token's signature is wrong")
no("a stranger's key without kid", sign(claims(), STRANGER, kid=None),
   "the token's signature is wrong")
no("kid that is a number", hs256({"alg": "RS256", "kid": 1}, claims(), SECRET),
   "the token's kid is not a string")

# Confusion of algorithms
ALG = "the token's algorithm is not one that the issuer's entry allows"
no("HS256 with the PEM of a public key", hs256({"alg": "HS256"}, PEM_CLAIMS, pem(EC_PEM)), ALG)
no("HS256 with the JWK of a public key",
   hs256({"alg": "HS256", "kid": "rsa-1"}, claims(), json.dumps(JWKS["keys"][1]).encode()), ALG)
no("RS256 for an HS256 issuer", sign(HMAC_CLAIMS), ALG)
no("RS512", sign(claims(), alg="RS512"), ALG)
no("PS256", sign(claims(), alg="PS256"), ALG)
no("HS512", sign(HMAC_CLAIMS, SECRET, "HS512"), ALG)
for none in ("none", "None", "NONE", "nOnE", ""):
    no(f"alg '{none}'", raw({"alg": none}, claims(), b""), ALG)
no("no alg", raw({"typ": "JWT"}, claims()), ALG)
no("alg that is a list", raw({"alg": ["RS256"]}, claims()), ALG)
no("alg with a NUL", raw({"alg": "RS256\0"}, claims()), ALG)

# Signatures
GOOD = sign(claims())
head, body, sig = GOOD.split(".")
bytes_of_sig = base64.urlsafe_b64decode(sig + "==")
es_head, es_body, es_sig = sign(claims(), EC, "ES256", kid="ec-1").split(".")
no("no signature", f"{head}.{body}.", "the token's signature is wrong")
no("a signature that was cut", f"{head}.{body}.{b64(bytes_of_sig[:-1])}", "the token's signature is wrong")
no("a signature with a byte more", f"{head}.{body}.{b64(bytes_of_sig + b'x')}",
   "the token's signature is wrong")
no("a signature of 2,000 bytes", f"{head}.{body}.{b64(bytes(2000))}",
   "the token's signature is not base64url, or too long")
no("a signature that is no base64url", f"{head}.{body}.{sig[:-1]}!",
   "the token's signature is not base64url, or too long")
no("another payload", f"{head}.{b64(json.dumps(claims(sub='eve')).encode())}.{sig}",
   "the token's signature is wrong")
no("another header", f"{b64(json.dumps({'alg': 'RS256', 'kid': 'rsa-1'}).encode())}.{body}.{sig}",
   "the token's signature is wrong")
no("ES256 of zeros", f"{es_head}.{es_body}.{b64(bytes(64))}", "the token's signature is wrong")
no("ES256 in 63 bytes", f"{es_head}.{es_body}.{b64(bytes(63))}", "the token's signature is wrong")
no("ES256 in 65 bytes", f"{es_head}.{es_body}.{b64(bytes(65))}", "the token's signature is wrong")

# The form
PARTS = "the token has not three parts"
no("empty", "", PARTS)
no("one part", "eyJhbGciOiJub25lIn0", PARTS)
no("two parts", f"{head}.{body}", PARTS)
no("four parts", f"{GOOD}.x", PARTS)
no("five parts", f"{GOOD}..", PARTS)
no("only dots", "..", "the token's header is not a JSON object in base64url")
no("a header that is a list", raw([], claims()),
   "the token's header is not a JSON object in base64url")
no("a header that is no JSON", raw(b"{", claims()),
   "the token's header is not a JSON object in base64url")
no("a header with alg twice", raw(b'{"alg":"RS256","alg":"none"}', claims()),
   "the token's header is not a JSON object in base64url")
no("a header with padding", f"{head}=.{body}.{sig}",
   "the token's header is not a JSON object in base64url")
no("a payload that is a text", raw({"alg": "RS256"}, "x"),
   "the token's payload is not a JSON object in base64url")
no("a payload with sub twice", raw({"alg": "RS256"}, b'{"sub":"a","sub":"b"}'),
   "the token's payload is not a JSON object in base64url")
no("a payload in standard base64", f"{head}.{body}+/.{sig}",
   "the token's payload is not a JSON object in base64url")
no("crit", sign(claims(), crit=["exp"], exp=1),
   "the token has critical header members, of which none is known here")
no("typ of something else", sign(claims(), typ="dpop+jwt"),
   "the token's typ is neither JWT nor at+jwt")
no("too large", sign(claims(x="x" * 8192)), "the token is larger than 8192 bytes")

# Issuer and audience
no("no issuer", sign(claims(iss=None)), "the token has no iss")
no("an issuer that is a number", sign(claims(iss=7)), "the token has no iss")
no("a stranger", sign(claims(iss="https://evil.example")),
   'the token\'s issuer "https://evil.example" is not trusted')
no("an issuer with a slash more", sign(claims(iss="https://id.example/")),
   'the token\'s issuer "https://id.example/" is not trusted')
no("an issuer with another's key", sign(PEM_CLAIMS, EC, "ES256", kid="ec-1"),
   "the token's signature is wrong")
ok("the other audience", sign(claims(aud="petstore")))
ok("several audiences", sign(claims(aud=["x", "petstore-mqtt"])))
no("another audience", sign(claims(aud="x")), "the token is for another audience")
no("audiences without ours", sign(claims(aud=["x", 7])), "the token is for another audience")
no("an audience with a NUL", sign(claims(aud="petstore-mqtt\0x")),
   "the token is for another audience")
no("no audience", sign(claims(aud=None)), "the token is for another audience")
no("an empty list of audiences", sign(claims(aud=[])), "the token is for another audience")

# Dates: the clock may be wrong by 60 seconds, and for the PEM issuer by none
ok("in the last second of grace", sign(claims()), now=NOW + 659)
no("expired", sign(claims()), "the token has expired", now=NOW + 660)
ok("in its last second", sign(PEM_CLAIMS, EC_PEM, "ES256", kid=None), now=NOW + 599,
   principal="pem-zoe", full=("read:pets", "read:sys"), expires=NOW + 600)
no("expired without grace", sign(PEM_CLAIMS, EC_PEM, "ES256", kid=None),
   "the token has expired", now=NOW + 600)
ok("exp with a fraction", sign(claims(exp=NOW + 600.9)))
no("no exp", sign(claims(exp=None)), "the token has no valid exp")
no("exp that is a text", sign(claims(exp=str(NOW + 600))), "the token has no valid exp")
no("exp below zero", sign(claims(exp=-1)), "the token has no valid exp")
no("exp beyond any date", sign(claims(exp=10 ** 18)), "the token has no valid exp")
no("exp too far ahead", sign(claims(exp=NOW + 86400 + 61)),
   "the token is valid for longer than the issuer's entry allows")
no("exp too far ahead of the PEM issuer",
   sign({**PEM_CLAIMS, "exp": NOW + 3601}, EC_PEM, "ES256", kid=None),
   "the token is valid for longer than the issuer's entry allows")
ok("nbf within grace", sign(claims(nbf=NOW + 60)))
no("not yet", sign(claims(nbf=NOW + 61)), "the token is not valid yet")
no("nbf that is a text", sign(claims(nbf="x")), "the token's nbf is not a date")
no("issued in the future", sign(claims(iat=NOW + 61)), "the token was issued in the future")
no("iat that is a list", sign(claims(iat=[])), "the token's iat is not a date")
ok("no iat", sign(claims(iat=None)))

# Subjects
SUB = "the token has no sub of 1 to 256 bytes"
no("no sub", sign(claims(sub=None)), SUB)
no("an empty sub", sign(claims(sub="")), SUB)
no("sub that is a number", sign(claims(sub=7)), SUB)
no("sub with a NUL", sign(claims(sub="ann\0x")), SUB)
no("sub of 257 bytes", sign(claims(sub="x" * 257)), SUB)
no("sub of 129 bytes", sign(claims(sub="x" * 129)), "the name that the token gives is too long")
for bad in ("a+b", "#", "a/b", "*", "{name}"):
    no(f"sub {bad}", sign(claims(sub=bad)),
       "the name that the token gives has one of + # / * { }")
no("sub with a newline", sign(claims(sub="a\nb")),
   "the name that the token gives has a control character")

# Scopes, cut to what the issuer may give
ok("no scopes", sign(claims(scope=None)), full=())
ok("empty scopes", sign(claims(scope="")), full=())
ok("spaces", sign(claims(scope="  read:pets   read:orders ")), full=("read:pets", "read:orders"))
ok("a scope beyond the issuer", sign(claims(scope="write:payments write:inventory")), full=())
ok("a full scope where own is the most", sign(claims(scope="write:pets")), full=(),
   own=("write:pets",))
ok("own of a full scope", sign(claims(scope="write:orders:own")), full=(), own=("write:orders",))
ok("own and full", sign(claims(scope="read:orders:own read:orders")), full=("read:orders",))
ok("a token has no wildcards", sign(claims(scope="* read:* *:own")), full=())
ok("scp as a text", sign(claims(scope=None, scp="read:orders read:pets")),
   full=("read:orders", "read:pets"))
ok("scp as a list", sign(claims(scope=None, scp=["read:orders", "read:pets"])),
   full=("read:orders", "read:pets"))
ok("scope before scp", sign(claims(scope="read:pets", scp=["read:orders"])))
no("scopes that are a number", sign(claims(scope=7)),
   "the token's scopes are neither text nor a list of texts")
no("scp with a number", sign(claims(scope=None, scp=["read:pets", 7])),
   "the token's scopes are neither text nor a list of texts")
ok("a denial of the issuer's role", sign({**PEM_CLAIMS, "scope": "read:inventory read:orders"},
                                         EC_PEM, "ES256", kid=None),
   principal="pem-zoe", full=("read:orders", "read:sys"), expires=NOW + 600)

# Users of the same name: what they may not, and what they are, but not what they may
ok("a known user", sign(claims(sub="ann", scope="read:orders write:orders")),
   principal="ann", full=("read:orders",), attributes={"petId": ["rex"]}, client="ann/1")
ok("a known user's attributes and the token's", sign(claims(sub="ann", pet_ids=["ada", "rex"])),
   principal="ann", attributes={"petId": ["rex", "ada"]}, client="ann/1")
ok("a disabled user", sign(claims(sub="bob")), principal="bob", disabled=True, client="bob/1")
ok("a user whose role demands a certificate", sign(claims(sub="fay")), principal="fay",
   certificate=True)
ok("attributes of the token", sign(claims(pet_ids="ada")), attributes={"petId": ["ada"]})
no("an attribute that is a number", sign(claims(pet_ids=7)),
   "the token's claim pet_ids is neither text nor a list of texts")

for name, text in (("keys.jwks.json", json.dumps(JWKS, indent=2) + "\n"),
                   ("secret.jwk.json", json.dumps({"kty": "oct", "k": b64(SECRET)}) + "\n"),
                   ("key.pem", pem(EC_PEM).decode()),
                   ("access.json", json.dumps(ACCESS, indent=2) + "\n"),
                   ("cases.json", json.dumps(cases, indent=1) + "\n")):
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
