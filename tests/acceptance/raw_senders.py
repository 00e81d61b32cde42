"""Connections on which any bytes can be sent to a house's OTLP doors, over HTTP and over gRPC, one connection each."""

import http.client
import json
from dataclasses import dataclass, field
from typing import ClassVar

import grpc
from google.rpc import status_pb2
from running_house import WAIT

PROTOBUF, JSON = "application/x-protobuf", "application/json"


@dataclass
class Said:
    """An answer, in the words that HTTP and gRPC share."""

    code: int
    """google.rpc.Code; 0 for success."""
    message: str = ""
    details: list = field(default_factory=list)
    body: bytes = b""
    http_status: int = 0
    content_type: str = ""
    headers: dict = field(default_factory=dict)

    def detail(self, kind):
        """The one detail of this kind, None where there is none."""
        for packed in self.details:
            unpacked = kind()
            if packed.Unpack(unpacked):
                return unpacked
        return None


class HttpSender:
    """One keep-alive connection."""

    PATHS: ClassVar = {"logs": "/v1/logs", "traces": "/v1/traces", "metrics": "/v1/metrics"}

    def __init__(self, house):
        self.connection = http.client.HTTPConnection("127.0.0.1", house.ports["OTLP/HTTP"], timeout=WAIT)
        self.connection.connect()
        self.socket = self.connection.sock

    def send(self, body, signal="logs", content_type=PROTOBUF, *, method="POST", path=None, **headers):
        headers = {"content-type": content_type} | {name.replace("_", "-"): text for name, text in headers.items()}
        self.connection.request(method, path or self.PATHS[signal], body, headers)
        answer = self.connection.getresponse()
        said = Said(0, body=answer.read(), http_status=answer.status, content_type=answer.headers["content-type"])
        said.headers = {name.lower(): text for name, text in answer.headers.items()}
        if answer.status != http.client.OK:
            self._read_status(said)
        assert self.connection.sock is self.socket, "the house closed the connection"
        return said

    @staticmethod
    def _read_status(said):
        """Every refusal carries a google.rpc.Status in the encoding that it names."""
        if said.content_type == JSON:
            told = json.loads(said.body)
            said.code, said.message = told["code"], told["message"]
        else:
            status = status_pb2.Status.FromString(said.body)
            said.code, said.message, said.details = status.code, status.message, list(status.details)

    def close(self):
        self.connection.close()


class GrpcSender:
    """One channel, which is one connection as long as the house does not end it."""

    METHODS: ClassVar = {
        "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    }

    def __init__(self, house):
        options = [("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{house.ports['OTLP/gRPC']}", options)
        grpc.channel_ready_future(self.channel).result(WAIT)
        self.states = []
        self.channel.subscribe(self.states.append)

    def send(self, body, signal="logs", *, method=None, compression=grpc.Compression.NoCompression):
        call = self.channel.unary_unary(method or self.METHODS[signal])
        try:
            said = Said(0, body=call(body, timeout=WAIT, compression=compression))
        except grpc.RpcError as error:
            said = self._read_status(error)
        assert set(self.states) <= {grpc.ChannelConnectivity.READY}, "the house closed the connection"
        return said

    @staticmethod
    def _read_status(error):
        trailers = dict(error.trailing_metadata())
        status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
        if status.code:  # the one in the trailers and gRPC's own must say the same
            assert (status.code, status.message) == (error.code().value[0], error.details())
        return Said(error.code().value[0], error.details(), list(status.details))

    def close(self):
        self.channel.close()
