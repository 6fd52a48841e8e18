//! [`Field`]: the members of an event that have a meaning of their own, and the attributes that fill them.

use annals_event::{Level, ProjectId, parse_timestamp};
use opentelemetry_proto::tonic::common::v1::any_value::Value;

/// A member of an event with a meaning of its own, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Id,
    ProjectId,
    Timestamp,
    Level,
    Type,
    Message,
    EventName,
    EventId,
    TraceId,
    EndUserId,
    PersonaId,
    WorkflowId,
    IntegrationId,
    ConnectCredentialId,
    ConnectCredentialConfigId,
    WebhookId,
    Status,
    Error,
    Payload,
}

/// Who may fill a field, the first that does wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// An attribute `annals.…`: said to mean this field.
    Explicit,
    /// The same under another name of the field.
    ExplicitAlias,
    /// What OTLP itself has a place for: time, severity, body, trace id, event name, exception; the resource's project.
    Otlp,
    /// An attribute that has the field's name.
    Named,
    /// One that means the field by another name.
    Alias,
}

impl Field {
    pub(super) const ALL: [Self; 19] = [
        Self::Id,
        Self::ProjectId,
        Self::Timestamp,
        Self::Level,
        Self::Type,
        Self::Message,
        Self::EventName,
        Self::EventId,
        Self::TraceId,
        Self::EndUserId,
        Self::PersonaId,
        Self::WorkflowId,
        Self::IntegrationId,
        Self::ConnectCredentialId,
        Self::ConnectCredentialConfigId,
        Self::WebhookId,
        Self::Status,
        Self::Error,
        Self::Payload,
    ];

    /// The member's name.
    pub(super) fn wire_name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::ProjectId => "projectId",
            Self::Timestamp => "timestamp",
            Self::Level => "level",
            Self::Type => "type",
            Self::Message => "message",
            Self::EventName => "eventName",
            Self::EventId => "eventId",
            Self::TraceId => "traceId",
            Self::EndUserId => "endUserId",
            Self::PersonaId => "personaId",
            Self::WorkflowId => "workflowId",
            Self::IntegrationId => "integrationId",
            Self::ConnectCredentialId => "connectCredentialId",
            Self::ConnectCredentialConfigId => "connectCredentialConfigId",
            Self::WebhookId => "webhookId",
            Self::Status => "status",
            Self::Error => "error",
            Self::Payload => "payload",
        }
    }

    /// Whether an attribute of this value fills the field. What does not stays an attribute, so that the event is not
    /// refused for it; only a project that is named explicitly and wrongly is left to the decoder to refuse.
    pub(super) fn takes(self, rank: Rank, value: &Value) -> bool {
        match (self, value) {
            (Self::Error | Self::Payload, value) => !matches!(value, Value::StringValueStrindex(_)),
            (Self::Level, Value::StringValue(text)) => text.parse::<Level>().is_ok(),
            (Self::Level, value) => matches!(value, Value::IntValue(n) if Level::from_otlp(*n).is_some()),
            (Self::Timestamp, value) => matches!(value, Value::StringValue(text) if parse_timestamp(text).is_ok()),
            (Self::ProjectId, Value::StringValue(text)) if rank > Rank::Otlp => ProjectId::is_valid(text),
            (Self::ProjectId, _) if rank > Rank::Otlp => false,
            (_, Value::StringValue(text)) => !text.is_empty(),
            (_, Value::IntValue(_) | Value::DoubleValue(_) | Value::BoolValue(_)) => true,
            _ => false,
        }
    }
}

/// The field that an attribute of this name fills, and with which right. `None` for all others.
pub(super) fn field_of(key: &str) -> Option<(Field, Rank)> {
    let (explicit, name) = match key.strip_prefix("annals.") {
        Some(name) => (true, name),
        None => (false, key),
    };
    let named = if explicit { Rank::Explicit } else { Rank::Named };
    let alias = if explicit { Rank::ExplicitAlias } else { Rank::Alias };
    Some(match name {
        // An id makes of two events one: only an attribute that is sure to mean this may give it.
        "id" if explicit => (Field::Id, named),
        "log.record.uid" if !explicit => (Field::Id, alias),
        "projectId" | "project_id" => (Field::ProjectId, named),
        "timestamp" => (Field::Timestamp, named),
        "level" => (Field::Level, named),
        "type" => (Field::Type, named),
        "message" => (Field::Message, named),
        "eventName" | "event_name" => (Field::EventName, named),
        "event.name" if !explicit => (Field::EventName, alias),
        "eventId" | "event_id" => (Field::EventId, named),
        "traceId" | "trace_id" => (Field::TraceId, named),
        "requestId" | "request_id" => (Field::TraceId, alias),
        "endUserId" | "end_user_id" => (Field::EndUserId, named),
        "userId" | "user_id" => (Field::EndUserId, alias),
        "enduser.id" | "user.id" if !explicit => (Field::EndUserId, alias),
        "personaId" | "persona_id" => (Field::PersonaId, named),
        "workflowId" | "workflow_id" => (Field::WorkflowId, named),
        "integrationId" | "integration_id" => (Field::IntegrationId, named),
        "integration" => (Field::IntegrationId, alias),
        "connectCredentialId" | "connect_credential_id" => (Field::ConnectCredentialId, named),
        "credentialId" | "credential_id" => (Field::ConnectCredentialId, alias),
        "connectCredentialConfigId" | "connect_credential_config_id" => (Field::ConnectCredentialConfigId, named),
        "webhookId" | "webhook_id" => (Field::WebhookId, named),
        "status" => (Field::Status, named),
        "error" => (Field::Error, named),
        "payload" => (Field::Payload, named),
        _ => return None,
    })
}

/// Whether a member of this name means something to the decoder or is written by the encoder, so that no attribute that
/// fills no field may stand under it.
pub(super) fn is_reserved(key: &str) -> bool {
    matches!(key, "receivedAt" | "seq" | "otel") || Field::ALL.iter().any(|field| field.wire_name() == key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use annals_event::TEXT_COLUMNS;

    use super::*;

    #[test]
    fn the_fields_are_those_of_the_event_model() {
        let ours: BTreeSet<_> = Field::ALL.iter().map(|field| field.wire_name()).collect();
        let mut theirs: BTreeSet<_> = TEXT_COLUMNS.iter().map(|(_, wire_name)| *wire_name).collect();
        theirs.remove("attributes");
        theirs.insert("timestamp");
        assert_eq!(ours, theirs);
        for (at, field) in Field::ALL.iter().enumerate() {
            assert_eq!(*field as usize, at, "{field:?}");
        }
    }

    #[test]
    fn wire_names_columns_and_prefixed_names_fill_their_field() {
        for (column, wire_name) in TEXT_COLUMNS.iter().filter(|(column, _)| !["id", "attributes"].contains(column)) {
            let (field, rank) = field_of(wire_name).unwrap();
            assert_eq!((field.wire_name(), rank), (*wire_name, Rank::Named));
            assert_eq!(field_of(column), Some((field, Rank::Named)), "{column}");
            for name in [wire_name, column] {
                assert_eq!(field_of(&format!("annals.{name}")), Some((field, Rank::Explicit)), "{name}");
            }
        }
    }

    #[test]
    fn only_a_name_that_is_sure_to_mean_it_gives_the_id() {
        assert_eq!(field_of("id"), None);
        assert_eq!(field_of("annals.id"), Some((Field::Id, Rank::Explicit)));
        assert_eq!(field_of("log.record.uid"), Some((Field::Id, Rank::Alias)));
        assert!(is_reserved("id"));
    }

    #[test]
    fn the_written_table_names_every_field_and_every_attribute_that_fills_one() {
        let table = include_str!("../../../../data/otlp.md");
        let others = ["requestId", "userId", "credentialId", "integration", "enduser.id", "user.id", "event.name"];
        let names = Field::ALL.iter().map(|field| field.wire_name()).chain(others).chain(["log.record.uid"]);
        for name in names {
            assert!(table.contains(&format!("`{name}`")), "{name} is not in data/otlp.md");
        }
    }
}
