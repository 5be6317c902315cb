"""The method table of the server: every service, registered once."""

from collections.abc import Callable, Sequence

from kairos_native.engine import Engine

from kairos_server.ingest import Writer
from kairos_server.limits import Limits
from kairos_server.plans import Plans
from kairos_server.rpc.audit_service import AuditService
from kairos_server.rpc.call import Method, MethodTable
from kairos_server.rpc.consent_service import ConsentService
from kairos_server.rpc.device_service import DeviceService
from kairos_server.rpc.document_service import DocumentService
from kairos_server.rpc.health import SERVICE as HEALTH_SERVICE
from kairos_server.rpc.health import Health
from kairos_server.rpc.ingest_service import IngestService
from kairos_server.rpc.plan_service import PlanService
from kairos_server.rpc.profile_service import ProfileService
from kairos_server.rpc.read_services import ReadServices
from kairos_server.rpc.reflection import Reflection
from kairos_server.rpc.trigger_service import TriggerService


def method_table(
    engine: Engine,
    writer: Writer,
    plans: Plans,
    limits: Limits,
    tenant_names: Callable[[int], str],
    further: Sequence[Method] = (),
) -> tuple[MethodTable, Health]:
    """Returns the table that all transports serve, and the health that the application sets."""
    own = (
        *IngestService(engine, writer, limits).methods(),
        *ReadServices(engine, writer).methods(),
        *ProfileService(engine, writer, limits, tenant_names).methods(),
        *DeviceService(engine, writer, tenant_names).methods(),
        *ConsentService(engine, writer, limits, tenant_names).methods(),
        *PlanService(plans, limits).methods(),
        *DocumentService(plans, limits).methods(),
        *TriggerService(engine, plans, limits).methods(),
        *AuditService(plans, limits).methods(),
        *further,
    )
    services = MethodTable(*own).services()
    health = Health(services)
    reflection = Reflection([*services, HEALTH_SERVICE])
    return MethodTable(*own, *health.methods(), *reflection.methods()), health
