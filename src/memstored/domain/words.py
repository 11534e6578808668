"""The closed sets of words: their values are the API's words, letter for letter (API.md 9 and 10)."""

from enum import StrEnum
from typing import NewType

SetId = NewType("SetId", str)
NodeId = NewType("NodeId", str)
BackupId = NewType("BackupId", str)
GroupId = NewType("GroupId", str)
AuthorityId = NewType("AuthorityId", str)
WebhookId = NewType("WebhookId", str)


class SetState(StrEnum):
    """What a set is doing, as its users see it."""

    INIT = "Init"
    PROVISIONING = "Provisioning"
    REPLICATING = "Replicating"
    RUNNING = "Running"
    SCALING_HORIZONTAL = "Scaling(horizontal)"
    SCALING_VERTICAL = "Scaling(vertical)"
    SWITCHING_OVER = "SwitchingOver"
    RECOVERING = "Recovering"
    SCALING_OUT = "ScalingOut"
    MODIFYING = "Modifying"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"
    WARNING = "Warning"
    FAILED = "Failed"


class NodeState(StrEnum):
    """What one node is doing, as its users see it."""

    INIT = "Init"
    PROVISIONING = "Provisioning"
    STARTING = "Starting"
    RUNNING = "Running"
    MODIFYING = "Modifying"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"
    WARNING = "Warning"
    FAILED = "Failed"


class ApplyStatus(StrEnum):
    """How far the values of its parameter group have come to a set (API.md 7)."""

    PENDING = "Pending"
    APPLYING = "Applying"
    IN_SYNC = "In-Sync"
    ERROR_SYNC = "Error-Sync"
    SUSPENDED = "Suspended"


class Role(StrEnum):
    """A node's part in its set."""

    PRIMARY = "primary"
    REPLICA = "replica"


class OperationKind(StrEnum):
    """The long changes of a set; the last two are the service's own, `RENEW_CERTIFICATES` may be."""

    CREATE = "create"
    ADD_REPLICA = "add_replica"
    DELETE_NODE = "delete_node"
    PROMOTE = "promote"
    MODIFY = "modify"
    APPLY_PARAMETERS = "apply_parameters"
    RENEW_CERTIFICATES = "renew_certificates"
    DELETE = "delete"
    FAILOVER = "failover"
    HEAL = "heal"


class OperationState(StrEnum):
    """How far an operation is; a step uses the same words and `PENDING`."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class BackupState(StrEnum):
    """What a backup is doing, as its users see it (API.md 4).

    `RESTORING`, `COPYING` and `EXPORTING` are never stored: an `AVAILABLE` one that is in use shows them.
    """

    PENDING = "Pending"
    CREATING = "Creating"
    AVAILABLE = "Available"
    RESTORING = "Restoring"
    COPYING = "Copying"
    EXPORTING = "Exporting"
    ERROR = "Error"
    DELETING = "Deleting"


class BackupType(StrEnum):
    """Who wanted a backup: a caller, or the schedule of its set."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


class UseKind(StrEnum):
    """What an available backup is used for at the moment."""

    RESTORE = "restore"
    COPY = "copy"
    EXPORT = "export"
    VERIFY = "verify"


class EventName(StrEnum):
    """The audit words for sets, backups, parameter groups, certificate authorities and webhooks."""

    CREATE = "Cluster Create"
    CREATE_COMPLETE = "Cluster Create Complete"
    CREATE_FAILED = "Cluster Create Failed"
    UPDATE = "Cluster Update"
    DELETE = "Cluster Delete"
    DELETE_COMPLETE = "Cluster Delete Complete"
    NODE_ADD = "Cluster Node Add"
    NODE_DELETE = "Cluster Node Delete"
    NODE_DOWN = "Cluster Node Down"
    FAILOVER = "Cluster Failover"
    FAILOVER_COMPLETE = "Cluster Failover Complete"
    NODE_RECOVERY = "Node Recovery"
    RECOVERY_COMPLETE = "Cluster Recovery Complete"
    SWITCHOVER = "Cluster Switchover"
    RECOVERY_UPDATE = "Cluster High Availability Update"
    BACKUP_SCHEDULE_UPDATE = "Cluster Backup Schedule Update"
    BACKUP_CREATE = "Backup Create"
    BACKUP_CREATE_COMPLETE = "Backup Create Complete"
    BACKUP_CREATE_FAILED = "Backup Create Failed"
    SCHEDULED_BACKUP_CREATE = "Scheduled Backup Create"
    SCHEDULED_BACKUP_CREATE_COMPLETE = "Scheduled Backup Create Complete"
    SCHEDULED_BACKUP_CREATE_FAILED = "Scheduled Backup Create Failed"
    SCHEDULED_BACKUP_FAILED = "Scheduled Backup Failed"
    BACKUP_COPY = "Backup Copy"
    BACKUP_COPY_COMPLETE = "Backup Copy Complete"
    BACKUP_COPY_FAILED = "Backup Copy Failed"
    BACKUP_EXPORT = "Backup Export"
    BACKUP_EXPORT_COMPLETE = "Backup Export Complete"
    BACKUP_EXPORT_FAILED = "Backup Export Failed"
    BACKUP_DELETE = "Backup Delete"
    BACKUP_DELETE_COMPLETE = "Backup Delete Complete"
    SCHEDULED_BACKUP_DELETE = "Scheduled Backup Delete"
    SCHEDULED_BACKUP_DELETE_COMPLETE = "Scheduled Backup Delete Complete"
    GROUP_CREATE = "Parameter Group Create"
    GROUP_DELETE = "Parameter Group Delete"
    GROUP_APPLY_COMPLETE = "Parameter Group Apply Complete"
    GROUP_APPLY_FAILED = "Parameter Group Apply Failed"
    PARAMETERS_UPDATE = "Parameters Update"
    PARAMETERS_ROLLBACK = "Parameters Rollback"
    PARAMETERS_RESET = "Parameters Reset"
    CERTIFICATES_RENEW = "Cluster Certificates Renew"
    CERTIFICATES_RENEW_COMPLETE = "Cluster Certificates Renew Complete"
    CERTIFICATES_RENEW_FAILED = "Cluster Certificates Renew Failed"
    AUTHORITY_RENEW = "Certificate Authority Renew"
    ENDPOINT_DOWN = "Cluster Endpoint Down"
    ENDPOINT_RECOVERY_COMPLETE = "Cluster Endpoint Recovery Complete"
    WEBHOOK_CREATE = "Webhook Create"
    WEBHOOK_UPDATE = "Webhook Update"
    WEBHOOK_ROTATE = "Webhook Secret Rotate"
    WEBHOOK_DISABLED = "Webhook Disabled"
    WEBHOOK_DELETE = "Webhook Delete"


class Outcome(StrEnum):
    """How an event ended."""

    SUCCESS = "success"
    FAILURE = "failure"
