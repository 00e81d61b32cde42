"""A connection that was reset before it was taken up has no address any more, and nothing is done for it."""

import socket
import struct
from http.client import HTTPConnection

from door_harness import opened

from identity.sender import Sender
from ingest.http_door import HttpDoor
from ingest.settings import HttpSettings, IngestSettings

REQUEST = b"POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def test_nobody_gets_in_without_an_address_by_resetting_the_connection():
    peers = []

    def admit(_authorization, peer, _subject):
        peers.append(peer)
        return Sender(peer)

    with opened(HttpDoor, IngestSettings(http=HttpSettings(port=0)), admit) as house:
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", house.port)) as stranger:
                stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                stranger.sendall(REQUEST)
        polite = HTTPConnection("127.0.0.1", house.port, timeout=10)
        polite.request("POST", "/v1/logs", b"{}", {"content-type": "application/json"})
        assert polite.getresponse().status == 200
        polite.close()

    assert set(peers) == {"127.0.0.1"}
