//! The records of a request in OTLP/JSON, found one by one.
//!
//! As in `protobuf`: the text around the records is split first, without building anything of it, and one record at a
//! time is read. Members that OTLP does not know are passed over.

use std::fmt;

use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::lenient::{Any, Hex, List, Pair, Severity, Text, Unsigned32, Unsigned64, read};
use super::map::{MapError, Mapped, Mapper};

/// Maps an `ExportLogsServiceRequest` in JSON.
///
/// # Errors
/// When it is none, or too large.
pub(super) fn map_json(request: &[u8], mut mapper: Mapper<'_>) -> Result<Mapped, MapError> {
    let request = std::str::from_utf8(request).map_err(|error| malformed("the request", &error))?;
    let request: RequestText<'_> = object(request).map_err(|error| malformed("the request", &error))?;
    each_element("resourceLogs", request.resource_logs, |text| resource_logs(text, &mut mapper))?;
    Ok(mapper.finish())
}

fn resource_logs(text: &RawValue, mapper: &mut Mapper<'_>) -> Result<(), MapError> {
    let parts: ResourceText<'_> =
        object(text.get()).map_err(|error| malformed("an element of resourceLogs", &error))?;
    let resource = match parts.resource {
        Some(text) => {
            mapper.check("resource", text.get().len())?;
            object(text.get()).map_err(|error| malformed("a resource", &error))?
        }
        None => JsonResource::default(),
    };
    mapper.enter_resource(&resource.into(), &parts.schema_url);
    each_element("scopeLogs", parts.scope_logs, |text| scope_logs(text, mapper))
}

fn scope_logs(text: &RawValue, mapper: &mut Mapper<'_>) -> Result<(), MapError> {
    let parts: ScopeText<'_> = object(text.get()).map_err(|error| malformed("an element of scopeLogs", &error))?;
    let scope = match parts.scope {
        Some(text) => {
            mapper.check("scope", text.get().len())?;
            object(text.get()).map_err(|error| malformed("a scope", &error))?
        }
        None => JsonScope::default(),
    };
    mapper.enter_scope(&scope.into(), &parts.schema_url);
    each_element("logRecords", parts.log_records, |text| match mapper.too_long(text.get().len()) {
        Some(reason) => mapper.refuse(reason),
        None => match object::<JsonRecord>(text.get()) {
            Ok(record) => mapper.push(&record.into()),
            Err(error) => mapper.refuse(format!("it cannot be read: {error}")),
        },
    })
}

/// Reads an object. An array would do for serde as well, its elements taken for the fields.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    if text.trim_ascii_start().starts_with('[') {
        return Err(serde::de::Error::invalid_type(serde::de::Unexpected::Seq, &"an object"));
    }
    serde_json::from_str(text)
}

/// Tells of each element of an array, in order; none for an absent one.
fn each_element<'a>(
    what: &str,
    array: Option<&'a RawValue>,
    visit: impl FnMut(&'a RawValue) -> Result<(), MapError>,
) -> Result<(), MapError> {
    struct Elements<F> {
        visit: F,
        stopped: Result<(), MapError>,
    }

    impl<'de, F: FnMut(&'de RawValue) -> Result<(), MapError>> Visitor<'de> for &mut Elements<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
            while let Some(element) = elements.next_element()? {
                if let Err(error) = (self.visit)(element) {
                    self.stopped = Err(error);
                    // Any error will do: `stopped` is what is told.
                    return Err(serde::de::Error::custom("stopped"));
                }
            }
            Ok(())
        }
    }

    let Some(array) = array else { return Ok(()) };
    let mut elements = Elements { visit, stopped: Ok(()) };
    let read = serde_json::Deserializer::from_str(array.get()).deserialize_seq(&mut elements);
    elements.stopped?;
    read.map_err(|error| malformed(what, &error))
}

fn malformed(what: &str, error: &dyn fmt::Display) -> MapError {
    MapError::Malformed(format!("{what} cannot be read: {error}"))
}

/// The request before its parts are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestText<'a> {
    #[serde(borrow, default, alias = "resource_logs")]
    resource_logs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceText<'a> {
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "scope_logs")]
    scope_logs: Option<&'a RawValue>,
    #[serde(default, alias = "schema_url", deserialize_with = "read::<_, Text, _>")]
    schema_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeText<'a> {
    #[serde(borrow, default)]
    scope: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "log_records")]
    log_records: Option<&'a RawValue>,
    #[serde(default, alias = "schema_url", deserialize_with = "read::<_, Text, _>")]
    schema_url: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonResource {
    #[serde(deserialize_with = "read::<_, List<Pair, KeyValue>, _>")]
    attributes: Vec<KeyValue>,
    #[serde(alias = "dropped_attributes_count", deserialize_with = "read::<_, Unsigned32, _>")]
    dropped_attributes_count: u32,
    #[serde(alias = "entity_refs", deserialize_with = "read::<_, List<JsonEntity, EntityRef>, _>")]
    entity_refs: Vec<EntityRef>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonEntity {
    #[serde(alias = "schema_url", deserialize_with = "read::<_, Text, _>")]
    schema_url: String,
    #[serde(deserialize_with = "read::<_, Text, _>")]
    r#type: String,
    #[serde(alias = "id_keys", deserialize_with = "read::<_, List<Text, String>, _>")]
    id_keys: Vec<String>,
    #[serde(alias = "description_keys", deserialize_with = "read::<_, List<Text, String>, _>")]
    description_keys: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonScope {
    #[serde(deserialize_with = "read::<_, Text, _>")]
    name: String,
    #[serde(deserialize_with = "read::<_, Text, _>")]
    version: String,
    #[serde(deserialize_with = "read::<_, List<Pair, KeyValue>, _>")]
    attributes: Vec<KeyValue>,
    #[serde(alias = "dropped_attributes_count", deserialize_with = "read::<_, Unsigned32, _>")]
    dropped_attributes_count: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonRecord {
    #[serde(alias = "time_unix_nano", deserialize_with = "read::<_, Unsigned64, _>")]
    time_unix_nano: u64,
    #[serde(alias = "observed_time_unix_nano", deserialize_with = "read::<_, Unsigned64, _>")]
    observed_time_unix_nano: u64,
    #[serde(alias = "severity_number", deserialize_with = "read::<_, Severity, _>")]
    severity_number: i32,
    #[serde(alias = "severity_text", deserialize_with = "read::<_, Text, _>")]
    severity_text: String,
    #[serde(deserialize_with = "read::<_, Any, _>")]
    body: Option<AnyValue>,
    #[serde(deserialize_with = "read::<_, List<Pair, KeyValue>, _>")]
    attributes: Vec<KeyValue>,
    #[serde(alias = "dropped_attributes_count", deserialize_with = "read::<_, Unsigned32, _>")]
    dropped_attributes_count: u32,
    #[serde(deserialize_with = "read::<_, Unsigned32, _>")]
    flags: u32,
    #[serde(alias = "trace_id", deserialize_with = "read::<_, Hex, _>")]
    trace_id: Vec<u8>,
    #[serde(alias = "span_id", deserialize_with = "read::<_, Hex, _>")]
    span_id: Vec<u8>,
    #[serde(alias = "event_name", deserialize_with = "read::<_, Text, _>")]
    event_name: String,
}

impl From<JsonResource> for Resource {
    fn from(json: JsonResource) -> Self {
        let JsonResource { attributes, dropped_attributes_count, entity_refs } = json;
        Self { attributes, dropped_attributes_count, entity_refs }
    }
}

impl From<JsonEntity> for EntityRef {
    fn from(json: JsonEntity) -> Self {
        let JsonEntity { schema_url, r#type, id_keys, description_keys } = json;
        Self { schema_url, r#type, id_keys, description_keys }
    }
}

impl From<JsonScope> for InstrumentationScope {
    fn from(json: JsonScope) -> Self {
        let JsonScope { name, version, attributes, dropped_attributes_count } = json;
        Self { name, version, attributes, dropped_attributes_count }
    }
}

impl From<JsonRecord> for LogRecord {
    fn from(json: JsonRecord) -> Self {
        Self {
            time_unix_nano: json.time_unix_nano,
            observed_time_unix_nano: json.observed_time_unix_nano,
            severity_number: json.severity_number,
            severity_text: json.severity_text,
            body: json.body,
            attributes: json.attributes,
            dropped_attributes_count: json.dropped_attributes_count,
            flags: json.flags,
            trace_id: json.trace_id,
            span_id: json.span_id,
            event_name: json.event_name,
        }
    }
}

#[cfg(test)]
mod tests;
