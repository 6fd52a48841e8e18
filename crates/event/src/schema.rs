//! The columns of an event: their names, their Arrow types, and the one order they stand in.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Column names.
pub mod columns {
    /// This record's own id; assigned when the client gave none.
    pub const ID: &str = "id";
    /// When it occurred, microseconds UTC.
    pub const TIMESTAMP: &str = "timestamp";
    /// When the writer's host accepted it, microseconds UTC.
    pub const RECEIVED_AT: &str = "received_at";
    /// The row's LSN at its writer.
    pub const SEQ: &str = "seq";
    /// `DEBUG`, `INFO`, `WARN` or `ERROR`.
    pub const LEVEL: &str = "level";
    /// The feature that emitted it.
    pub const TYPE: &str = "type";
    /// The message.
    pub const MESSAGE: &str = "message";
    /// The persona or agent that executed the trigger.
    pub const PERSONA_ID: &str = "persona_id";
    /// The end user.
    pub const END_USER_ID: &str = "end_user_id";
    /// The credential used.
    pub const CONNECT_CREDENTIAL_ID: &str = "connect_credential_id";
    /// That credential's configuration.
    pub const CONNECT_CREDENTIAL_CONFIG_ID: &str = "connect_credential_config_id";
    /// The workflow triggered or executed.
    pub const WORKFLOW_ID: &str = "workflow_id";
    /// Groups the events of one execution.
    pub const TRACE_ID: &str = "trace_id";
    /// The integration.
    pub const INTEGRATION_ID: &str = "integration_id";
    /// The webhook.
    pub const WEBHOOK_ID: &str = "webhook_id";
    /// The App Event received.
    pub const EVENT_ID: &str = "event_id";
    /// Name of the App Event.
    pub const EVENT_NAME: &str = "event_name";
    /// The result.
    pub const STATUS: &str = "status";
    /// Error object on failures, JSON text.
    pub const ERROR: &str = "error";
    /// Any JSON value, JSON text.
    pub const PAYLOAD: &str = "payload";
    /// Every other member of the event, one JSON object as text.
    pub const ATTRIBUTES: &str = "attributes";
    /// The project; partition key.
    pub const PROJECT_ID: &str = "project_id";
    /// UTC date of `timestamp`; partition key.
    pub const DAY: &str = "day";
}

use columns::*;

/// Text columns with their wire name (camelCase JSON member), in schema order, `project_id` last.
pub const TEXT_COLUMNS: [(&str, &str); 19] = [
    (ID, "id"),
    (LEVEL, "level"),
    (TYPE, "type"),
    (MESSAGE, "message"),
    (PERSONA_ID, "personaId"),
    (END_USER_ID, "endUserId"),
    (CONNECT_CREDENTIAL_ID, "connectCredentialId"),
    (CONNECT_CREDENTIAL_CONFIG_ID, "connectCredentialConfigId"),
    (WORKFLOW_ID, "workflowId"),
    (TRACE_ID, "traceId"),
    (INTEGRATION_ID, "integrationId"),
    (WEBHOOK_ID, "webhookId"),
    (EVENT_ID, "eventId"),
    (EVENT_NAME, "eventName"),
    (STATUS, "status"),
    (ERROR, "error"),
    (PAYLOAD, "payload"),
    (ATTRIBUTES, "attributes"),
    (PROJECT_ID, "projectId"),
];

/// The two partition columns, in path order. They stand in the path of a data file, not in the file.
pub const PARTITION_COLUMNS: [&str; 2] = [PROJECT_ID, DAY];

/// Arrow type of `timestamp` and `received_at`: microseconds, UTC.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

static EVENT_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    Arc::new(Schema::new(vec![
        text(ID),
        Field::new(TIMESTAMP, timestamp_type(), true),
        Field::new(RECEIVED_AT, timestamp_type(), true),
        Field::new(SEQ, DataType::Int64, true),
        text(LEVEL),
        text(TYPE),
        text(MESSAGE),
        text(PERSONA_ID),
        text(END_USER_ID),
        text(CONNECT_CREDENTIAL_ID),
        text(CONNECT_CREDENTIAL_CONFIG_ID),
        text(WORKFLOW_ID),
        text(TRACE_ID),
        text(INTEGRATION_ID),
        text(WEBHOOK_ID),
        text(EVENT_ID),
        text(EVENT_NAME),
        text(STATUS),
        text(ERROR),
        text(PAYLOAD),
        text(ATTRIBUTES),
        text(PROJECT_ID),
        Field::new(DAY, DataType::Date32, true),
    ]))
});

static FILE_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields: Vec<_> = EVENT_SCHEMA
        .fields()
        .iter()
        .filter(|field| !PARTITION_COLUMNS.contains(&field.name().as_str()))
        .cloned()
        .collect();
    Arc::new(Schema::new(fields))
});

/// The schema of event batches everywhere in the program: 23 columns, text as `Utf8View`, partition columns last.
///
/// All columns are nullable in the type; `timestamp`, `received_at`, `level`, `type`, `project_id`, `day` are never null
/// in a decoded batch, and `id`, `seq` never null once the writer has accepted it.
pub fn event_schema() -> SchemaRef {
    Arc::clone(&EVENT_SCHEMA)
}

/// [`event_schema`] without the partition columns: what a data file holds.
pub fn file_schema() -> SchemaRef {
    Arc::clone(&FILE_SCHEMA)
}
