"""Everything that the HTTP house needs, put together once by `cli`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from memstored.domain.settings import Settings
from memstored.identity.embedded import EmbeddedIssuer
from memstored.identity.protocol import Gatekeeper
from memstored.service.authorities import AuthorityService
from memstored.service.backups import BackupService
from memstored.service.catalogue import CatalogueService
from memstored.service.credentials import CredentialService
from memstored.service.history import HistoryService
from memstored.service.parameter_groups import ParameterGroupService
from memstored.service.passwords import PasswordService
from memstored.service.readiness import Remark, Unready, nothing_amiss
from memstored.service.sets import SetService
from memstored.service.webhooks import WebhookService
from memstored.telemetry.measures import Measures

__all__ = ["Services"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases behind the API.

    `gatekeeper` tells who calls; `issuer` and `credentials` are None when a real Keystone does that.
    `unready` tells why the service can not work at the moment; None: it can. `remark`: what there is to say
    of it all the same.
    """

    settings: Settings
    sets: SetService
    history: HistoryService
    authorities: AuthorityService
    backups: BackupService
    catalogue: CatalogueService
    parameter_groups: ParameterGroupService
    passwords: PasswordService
    webhooks: WebhookService
    gatekeeper: Gatekeeper
    issuer: EmbeddedIssuer | None
    credentials: CredentialService | None
    unready: Callable[[], Awaitable[Unready | None]]
    remark: Callable[[], Remark | None] = nothing_amiss
    measures: Measures = field(default_factory=Measures)
