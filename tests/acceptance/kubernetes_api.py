"""A Kubernetes API server's answers about events, as far as a Collector's receivers ask for them.

In: events. Out: discovery, one list, and watches that tell what is added later. All else is an empty list or a 404.
The answers have the shape of https://kubernetes.io/docs/reference/using-api/api-concepts/.
"""

import json
import queue
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KINDS = {"events": "Event", "pods": "Pod", "nodes": "Node", "namespaces": "Namespace"}
KINDS |= {"services": "Service", "replicationcontrollers": "ReplicationController", "resourcequotas": "ResourceQuota"}
END_OF_LIST = {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}


class KubernetesApi:
    """Serves on loopback while it is entered; `tell` adds an event to every watch."""

    def __init__(self):
        self.watches = []
        self.watched = threading.Semaphore(0)
        """Released once for each watch on events that began."""
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                api.answer(self)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        for watch in self.watches:
            watch.put(None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def kubeconfig(self, folder):
        """Write one that leads here; gives its path."""
        place = {"server": f"http://127.0.0.1:{self._server.server_port}"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": place}],
            "users": [{"name": "fake", "user": {}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def tell(self, kind, event):
        """Tell every watch that an event was ADDED or MODIFIED."""
        for watch in self.watches:
            watch.put({"type": kind, "object": event})

    def answer(self, request):
        """Answer one GET."""
        url = urllib.parse.urlparse(request.path)
        name = url.path.rsplit("/", 1)[-1]
        if url.path == "/api/v1/events" and "watch" in urllib.parse.parse_qs(url.query):
            self._watch(request, initial="sendInitialEvents" in url.query)
        elif url.path == "/api":
            self._send(request, {"kind": "APIVersions", "versions": ["v1"]})
        elif url.path == "/apis":
            self._send(request, {"kind": "APIGroupList", "apiVersion": "v1", "groups": []})
        elif url.path == "/version":
            self._send(request, {"major": "1", "minor": "35", "gitVersion": "v1.35.0"})
        elif url.path == "/api/v1":
            verbs = ["get", "list", "watch"]
            resources = [
                {"name": plural, "singularName": "", "namespaced": True, "kind": kind, "verbs": verbs}
                for plural, kind in KINDS.items()
            ]
            self._send(request, {"kind": "APIResourceList", "groupVersion": "v1", "resources": resources})
        elif url.path.startswith("/api/v1/") and name in KINDS:
            listed = {
                "kind": f"{KINDS[name]}List",
                "apiVersion": "v1",
                "metadata": {"resourceVersion": "1"},
                "items": [],
            }
            self._send(request, listed)
        else:
            self._send(request, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}, 404)

    def _send(self, request, answer, status=200):
        body = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _watch(self, request, *, initial):
        changes = queue.Queue()
        if initial:  # a list as a stream: there is nothing yet, and this is its end
            changes.put({"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "Event", "metadata": END_OF_LIST}})
        self.watches.append(changes)
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.flush()
        self.watched.release()
        while change := changes.get():
            line = json.dumps(change).encode() + b"\n"
            try:
                request.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                request.wfile.flush()
            except OSError:
                return
        request.close_connection = True
