"""A browser's EventSource at `/notifications/`, as far as a test needs one: it is connected once, and keeps what came.

In: the REST window's address. Out: messages in their order, each its topic and its data. What is no message (a gap, a
status) is kept as well, under its own event name: a test that asks for topics alone would not miss it.
"""

import http.client
import json
import socket
import threading
import urllib.parse
from collections import Counter

from running_house import WAIT


class LiveStream:
    """Connected from `open` until `close`."""

    def __init__(self, address, path="/notifications/"):
        place = urllib.parse.urlparse(address)
        self.messages = []
        self._told = threading.Condition()  # reentrant: who waits may ask
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=WAIT)
        self._path = path
        self._ended = False
        self._reader = threading.Thread(target=self._read)

    def open(self):
        """Return once the house has said that it is connected."""
        self._connection.request("GET", self._path, headers={"accept": "text/event-stream"})
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()
        assert self._answer.readline() == b": connected\n"
        self._reader.start()
        return self

    def _read(self):
        topic, data = "", ""
        try:
            for line in self._lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    topic = value
                elif name == "data":
                    data += value
                elif not line and (topic or data):
                    with self._told:
                        self.messages.append((topic, json.loads(data)))
                        self._told.notify_all()
                    topic, data = "", ""
        except (OSError, http.client.HTTPException):
            # Closing a connection that is being read from ends it so, and no other way.
            if not self._ended:
                raise

    def _lines(self):
        while line := self._answer.readline():
            yield line.decode().rstrip("\n")

    def until(self, done, seconds=WAIT):
        """Wait until `done()`, for so long at most; gives what it gave."""
        with self._told:
            self._told.wait_for(done, seconds)
            return done()

    def told(self, topic):
        """How often each (name of the object, reason, count) came on a topic."""
        with self._told:
            return Counter(
                (data["metadata"]["name"], data["reason"], data["count"])
                for its_topic, data in self.messages
                if its_topic == topic
            )

    def close(self):
        self._ended = True
        # Another thread reads from it: a shutdown wakes that up, which closing alone does not.
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._reader.join(WAIT)
        self._connection.close()
