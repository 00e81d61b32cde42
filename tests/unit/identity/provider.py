"""An identity provider for the tests: keys, JWTs signed with them, and a real HTTP server that publishes the keys."""

import json
import threading
import time
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER = "https://login.example.com"
AUDIENCE = "otelhouse"


@cache
def rsa_key(name="one", bits=2048):
    """A private RSA key; the same one for the same name."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name="one"):
    """A private P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key, key_id="k1", **more):
    """The public part as a provider publishes it."""
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return kind.to_jwk(key.public_key(), as_dict=True) | {"kid": key_id, "use": "sig"} | more


def key_set(*keys):
    return json.dumps({"keys": list(keys)}).encode()


def claims(**more):
    """Good claims of an admin; a claim that is None is left out."""
    now = int(time.time())
    all_of_them = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "iat": now,
        "exp": now + 300,
        "otelhouse_role": "admin",
    }
    return {name: value for name, value in (all_of_them | more).items() if value is not None}


def signed(content=None, key=None, algorithm="RS256", key_id="k1", **headers):
    """A JWT."""
    headers |= {"kid": key_id} if key_id is not None else {}
    return jwt.encode(content or claims(), key or rsa_key(), algorithm=algorithm, headers=headers)


class KeyServer:
    """What is published, and how often it was asked for."""

    def __init__(self):
        self.answer = key_set(jwk(rsa_key()))
        self.status = 200
        self.headers = {}
        self.asked = 0
        self.before_answer = lambda: None
        self.drip = 0
        """Spaces sent before the answer, one each 50 ms."""
        self.done = threading.Event()
        self.url = ""


@contextmanager
def serving():
    """A `KeyServer` on loopback."""
    published = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            published.asked += 1
            published.before_answer()
            self.send_response(published.status)
            for name, value in published.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for _ in range(published.drip):
                    self.wfile.write(b" ")
                    published.done.wait(0.05)
                self.wfile.write(published.answer)
            except OSError:
                pass  # whoever asked has gone

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    published.url = f"http://127.0.0.1:{server.server_port}/keys"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield published
    finally:
        published.done.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
