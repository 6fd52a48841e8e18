//! [`Mapper`]: log records, with the resource and scope they stand in, to NDJSON.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{EntityRef, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::field::{Field, field_of};
use super::record::write_event;
use super::sink::{Place, SinkError};
use super::value::{write_display, write_pairs, write_string};

/// Steps in which room is made for what the records become.
const GROWTH_BYTES: usize = 256 << 10;

/// Most records that cannot be read of a request that is read at all.
const UNREADABLE_MAX: usize = 1_000;

/// Bounds on what is read and made.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapLimits {
    /// Longest record, resource or scope, in bytes of the request.
    pub(super) record_bytes_max: usize,
    /// Most bytes of NDJSON.
    pub(super) body_bytes_max: usize,
}

/// Why a request as a whole cannot be mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MapError {
    /// It is no request of log records.
    Malformed(String),
    /// It is too large, or would become too much.
    TooLarge(String),
    /// There is no room for what it becomes.
    NoRoom(SinkError),
}

/// What a request became.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    /// NDJSON: a line for each record that could be read, in order.
    pub(super) body: Vec<u8>,
    /// How many records there were.
    pub(super) records: u64,
    /// The records that could not be read: index and reason, in order.
    pub(super) unreadable: Vec<(u64, String)>,
}

impl Mapped {
    /// How many lines there are.
    pub(super) fn lines(&self) -> u64 {
        self.records - self.unreadable.len() as u64
    }

    /// Index of the record that became this line.
    pub(super) fn record_of_line(&self, line: u64) -> u64 {
        self.unreadable.iter().fold(line, |record, (index, _)| if *index <= record { record + 1 } else { record })
    }
}

/// What stands around a record, made ready once for all records of a resource and scope.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Whether the request names a project for records that name none.
    pub(super) has_default_project: bool,
    /// The project that the resource names.
    pub(super) project: Option<String>,
    /// The resource's `service.name`, unless an SDK filled it in for want of one.
    pub(super) service: Option<String>,
    /// The resource's attributes as JSON; empty when there are none.
    pub(super) resource: Vec<u8>,
    /// What else there is about the resource, one JSON object; empty when there is nothing.
    pub(super) details: Vec<u8>,
    /// The scope, one JSON object; empty when there is none.
    pub(super) scope: Vec<u8>,
}

/// Takes resources, scopes and records in the order of a request.
pub(super) struct Mapper<'a> {
    limits: MapLimits,
    place: &'a mut dyn Place,
    /// Bytes of the request, which are held besides what it becomes.
    request_bytes: usize,
    /// Bytes of NDJSON for which there is room.
    covered_bytes: usize,
    around: Surroundings,
    mapped: Mapped,
}

impl<'a> Mapper<'a> {
    /// A mapper of a request of `request_bytes`, for which `place` has room and is to have room for more.
    /// `has_default_project`: the request names a project for records that name none.
    pub(super) fn new(
        limits: MapLimits,
        has_default_project: bool,
        place: &'a mut dyn Place,
        request_bytes: usize,
    ) -> Self {
        let around = Surroundings { has_default_project, ..Surroundings::default() };
        Self { limits, place, request_bytes, covered_bytes: 0, around, mapped: Mapped::default() }
    }

    /// The records that follow are of this resource.
    pub(super) fn enter_resource(&mut self, resource: &Resource, schema_url: &str) {
        let project = resource.attributes.iter().position(names_project);
        self.around.project = project.and_then(|at| scalar_text(&resource.attributes[at]));
        self.around.service = resource
            .attributes
            .iter()
            .find(|attribute| attribute.key == "service.name")
            .and_then(scalar_text)
            .filter(|name| !name.starts_with("unknown_service"));
        self.around.resource.clear();
        let others = resource.attributes.iter().enumerate().filter(|(at, _)| Some(*at) != project);
        if others.clone().next().is_some() {
            write_pairs(others.map(|(_, attribute)| attribute), &mut self.around.resource);
        }
        self.around.details.clear();
        write_details(resource, schema_url, &mut self.around.details);
        self.around.scope.clear();
    }

    /// The records that follow are of this scope.
    pub(super) fn enter_scope(&mut self, scope: &InstrumentationScope, schema_url: &str) {
        let out = &mut self.around.scope;
        out.clear();
        for (name, text) in [("name", &*scope.name), ("version", &*scope.version), ("schemaUrl", schema_url)] {
            if !text.is_empty() {
                begin_member(name, out);
                write_string(text, out);
            }
        }
        if !scope.attributes.is_empty() {
            begin_member("attributes", out);
            write_pairs(scope.attributes.iter(), out);
        }
        if scope.dropped_attributes_count != 0 {
            begin_member("droppedAttributesCount", out);
            write_display(scope.dropped_attributes_count, out);
        }
        end_object(out);
    }

    /// Takes a record.
    ///
    /// # Errors
    /// `TooLarge` when the request becomes too much, `NoRoom` when it does for now.
    pub(super) fn push(&mut self, record: &LogRecord) -> Result<(), MapError> {
        let body = &mut self.mapped.body;
        write_event(record, &self.around, body);
        body.push(b'\n');
        self.mapped.records += 1;
        if body.len() > self.limits.body_bytes_max {
            return Err(MapError::TooLarge(format!(
                "the records become more than {} bytes of events: send them in smaller requests",
                self.limits.body_bytes_max
            )));
        }
        if body.len() > self.covered_bytes {
            self.covered_bytes = body.len() + GROWTH_BYTES.min(body.len());
            self.place.cover(self.request_bytes, self.covered_bytes).map_err(MapError::NoRoom)?;
        }
        Ok(())
    }

    /// Counts a record that cannot be read.
    ///
    /// # Errors
    /// `Malformed` when there are so many that the request is better refused as a whole.
    pub(super) fn refuse(&mut self, reason: impl Into<String>) -> Result<(), MapError> {
        self.mapped.unreadable.push((self.mapped.records, reason.into()));
        self.mapped.records += 1;
        match self.mapped.unreadable.len() {
            ..=UNREADABLE_MAX => Ok(()),
            _ => {
                let (index, reason) = &self.mapped.unreadable[0];
                Err(MapError::Malformed(format!(
                    "more than {UNREADABLE_MAX} of the records cannot be read; record {index}: {reason}"
                )))
            }
        }
    }

    /// Why a record of this many bytes is refused unread, if it is.
    pub(super) fn too_long(&self, bytes: usize) -> Option<String> {
        let max = self.limits.record_bytes_max;
        (bytes > max).then(|| format!("it has {bytes} bytes, more than the limit of {max}"))
    }

    /// Checks the size of a resource or scope.
    ///
    /// # Errors
    /// `TooLarge` when it has more bytes than a record may have.
    pub(super) fn check(&self, what: &str, bytes: usize) -> Result<(), MapError> {
        self.too_long(bytes)
            .map_or(Ok(()), |reason| Err(MapError::TooLarge(format!("a {what} is too large: {reason}"))))
    }

    /// All that was taken.
    pub(super) fn finish(self) -> Mapped {
        self.mapped
    }
}

/// Whether an attribute of a resource names the project of its records.
fn names_project(attribute: &KeyValue) -> bool {
    attribute.key.starts_with("annals.")
        && field_of(&attribute.key).is_some_and(|(field, _)| field == Field::ProjectId)
        && scalar_text(attribute).is_some()
}

/// The text, or the number as text, that an attribute has; `None` for an empty one.
fn scalar_text(attribute: &KeyValue) -> Option<String> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) if !text.is_empty() => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Writes what is known of a resource besides its attributes.
fn write_details(resource: &Resource, schema_url: &str, out: &mut Vec<u8>) {
    if !schema_url.is_empty() {
        begin_member("schemaUrl", out);
        write_string(schema_url, out);
    }
    if resource.dropped_attributes_count != 0 {
        begin_member("droppedAttributesCount", out);
        write_display(resource.dropped_attributes_count, out);
    }
    if !resource.entity_refs.is_empty() {
        begin_member("entityRefs", out);
        for (at, entity) in resource.entity_refs.iter().enumerate() {
            out.push(if at == 0 { b'[' } else { b',' });
            write_entity(entity, out);
        }
        out.push(b']');
    }
    end_object(out);
}

fn write_entity(entity: &EntityRef, out: &mut Vec<u8>) {
    let object = serde_json::json!({
        "schemaUrl": entity.schema_url, "type": entity.r#type,
        "idKeys": entity.id_keys, "descriptionKeys": entity.description_keys,
    });
    out.extend_from_slice(object.to_string().as_bytes());
}

/// Begins a member of the object that is all of `out`.
fn begin_member(name: &str, out: &mut Vec<u8>) {
    out.push(if out.is_empty() { b'{' } else { b',' });
    write_string(name, out);
    out.push(b':');
}

fn end_object(out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests;
