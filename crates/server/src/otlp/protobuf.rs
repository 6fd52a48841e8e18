//! The records of a request in protobuf, found one by one.
//!
//! A message decoded as a whole may take a hundred times its bytes (two bytes are an empty record), so only one record is
//! decoded at a time; here is read what is around them. Fields may stand in any order: a resource is read before its
//! records wherever it stands.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::map::{MapError, Mapped, Mapper};

/// Maps an `ExportLogsServiceRequest`.
///
/// # Errors
/// When it is none, or too large.
pub(super) fn map_protobuf(request: &[u8], mut mapper: Mapper<'_>) -> Result<Mapped, MapError> {
    each_field(request, |tag, field| match tag {
        1 => resource_logs(field, &mut mapper),
        _ => Ok(()),
    })?;
    Ok(mapper.finish())
}

fn resource_logs(message: &[u8], mapper: &mut Mapper<'_>) -> Result<(), MapError> {
    let mut resource = Resource::default();
    let mut schema_url = "";
    each_field(message, |tag, field| {
        match tag {
            1 => {
                mapper.check("resource", field.len())?;
                resource.merge(field).map_err(|error| malformed("a resource", &error))?;
            }
            3 => schema_url = text(field)?,
            _ => {}
        }
        Ok(())
    })?;
    mapper.enter_resource(&resource, schema_url);
    each_field(message, |tag, field| match tag {
        2 => scope_logs(field, mapper),
        _ => Ok(()),
    })
}

fn scope_logs(message: &[u8], mapper: &mut Mapper<'_>) -> Result<(), MapError> {
    let mut scope = InstrumentationScope::default();
    let mut schema_url = "";
    each_field(message, |tag, field| {
        match tag {
            1 => {
                mapper.check("scope", field.len())?;
                scope.merge(field).map_err(|error| malformed("a scope", &error))?;
            }
            3 => schema_url = text(field)?,
            _ => {}
        }
        Ok(())
    })?;
    mapper.enter_scope(&scope, schema_url);
    each_field(message, |tag, field| match tag {
        2 => match mapper.too_long(field.len()) {
            Some(reason) => mapper.refuse(reason),
            None => match LogRecord::decode(field) {
                Ok(record) => mapper.push(&record),
                Err(error) => mapper.refuse(format!("it cannot be read: {error}")),
            },
        },
        _ => Ok(()),
    })
}

/// Tells of each length-delimited field of a message, by tag and bytes; numbers are passed over.
fn each_field<'a>(
    message: &'a [u8],
    mut visit: impl FnMut(u64, &'a [u8]) -> Result<(), MapError>,
) -> Result<(), MapError> {
    let mut rest = message;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        match key & 7 {
            0 => {
                varint(&mut rest)?;
            }
            1 => {
                take(&mut rest, 8)?;
            }
            2 => {
                let bytes = varint(&mut rest)?;
                visit(key >> 3, take(&mut rest, bytes)?)?;
            }
            5 => {
                take(&mut rest, 4)?;
            }
            kind => return Err(MapError::Malformed(format!("the request is not protobuf: a field of kind {kind}"))),
        }
    }
    Ok(())
}

fn take<'a>(rest: &mut &'a [u8], bytes: u64) -> Result<&'a [u8], MapError> {
    let taken = usize::try_from(bytes).ok().and_then(|bytes| rest.split_at_checked(bytes));
    let (taken, behind) = taken.ok_or_else(ends_early)?;
    *rest = behind;
    Ok(taken)
}

fn varint(rest: &mut &[u8]) -> Result<u64, MapError> {
    let mut value = 0;
    for (at, byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            *rest = &rest[at + 1..];
            return Ok(value);
        }
    }
    Err(ends_early())
}

fn text(field: &[u8]) -> Result<&str, MapError> {
    std::str::from_utf8(field).map_err(|error| malformed("a schema URL", &error))
}

fn ends_early() -> MapError {
    MapError::Malformed("the request is not protobuf: it ends inside a field".to_owned())
}

fn malformed(what: &str, error: &dyn std::fmt::Display) -> MapError {
    MapError::Malformed(format!("{what} cannot be read: {error}"))
}
