"""The members of a generated event: their names on the wire, as columns of the peers, and their types in DuckDB."""

# The last three are members that only some events have, and that Annals knows nothing of.
COLUMNS = [
    ("timestamp", "timestamp", "TIMESTAMP"),
    ("level", "level", "VARCHAR"),
    ("type", "type", "VARCHAR"),
    ("message", "message", "VARCHAR"),
    ("projectId", "project_id", "VARCHAR"),
    ("personaId", "persona_id", "VARCHAR"),
    ("endUserId", "end_user_id", "VARCHAR"),
    ("connectCredentialId", "connect_credential_id", "VARCHAR"),
    ("connectCredentialConfigId", "connect_credential_config_id", "VARCHAR"),
    ("workflowId", "workflow_id", "VARCHAR"),
    ("traceId", "trace_id", "VARCHAR"),
    ("integrationId", "integration_id", "VARCHAR"),
    ("webhookId", "webhook_id", "VARCHAR"),
    ("eventId", "event_id", "VARCHAR"),
    ("eventName", "event_name", "VARCHAR"),
    ("status", "status", "VARCHAR"),
    ("error", "error", "JSON"),
    ("payload", "payload", "JSON"),
    ("environment", "environment", "VARCHAR"),
    ("region", "region", "VARCHAR"),
    ("worker", "worker", "VARCHAR"),
]

WIRE_OF = {column: wire for wire, column, _ in COLUMNS}
NAMES = [column for _, column, _ in COLUMNS]
