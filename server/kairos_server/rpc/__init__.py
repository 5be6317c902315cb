"""The services, the table that names them, and the transport that carries them."""

from kairos_server.rpc.auth import KeyRing, key_hash, key_new
from kairos_server.rpc.call import Call, Kind, Method, MethodTable
from kairos_server.rpc.gate import Gate
from kairos_server.rpc.grpcio_engine import GrpcioEngine, PortBusy, port_probe
from kairos_server.rpc.health import Health
from kairos_server.rpc.services import method_table

__all__ = [
    "Call", "Gate", "GrpcioEngine", "Health", "KeyRing", "Kind", "Method", "MethodTable",
    "PortBusy", "key_hash", "key_new", "method_table", "port_probe",
]  # fmt: skip
