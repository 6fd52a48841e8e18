use serde_json::json;

use super::super::export::Wire;
use super::super::testing::{lines, mapped_bytes};

/// The example that OTLP's definition gives.
const EXAMPLE: &str = r#"{"resourceLogs": [{
  "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
  "scopeLogs": [{
    "scope": {
      "name": "my.library", "version": "1.0.0",
      "attributes": [{"key": "my.scope.attribute", "value": {"stringValue": "some scope attribute"}}]
    },
    "logRecords": [{
      "timeUnixNano": "1544712660300000000", "observedTimeUnixNano": "1544712660300000000",
      "severityNumber": 10, "severityText": "Information",
      "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174",
      "body": {"stringValue": "Example log record"},
      "attributes": [
        {"key": "string.attribute", "value": {"stringValue": "some string"}},
        {"key": "boolean.attribute", "value": {"boolValue": true}},
        {"key": "int.attribute", "value": {"intValue": "10"}},
        {"key": "double.attribute", "value": {"doubleValue": 637.704}},
        {"key": "array.attribute", "value": {"arrayValue": {"values": [
          {"stringValue": "many"}, {"stringValue": "values"}]}}},
        {"key": "map.attribute", "value": {"kvlistValue": {"values": [
          {"key": "some.map.key", "value": {"stringValue": "some value"}}]}}}
      ]
    }]
  }]
}]}"#;

#[test]
fn the_example_of_otlp_is_read_in_full() {
    let mapped = mapped_bytes(Wire::Json, EXAMPLE.as_bytes(), true).unwrap();
    assert_eq!(
        lines(&mapped),
        [json!({
            "timestamp": "2018-12-13T14:51:00.300000Z", "level": "INFO", "type": "my.service",
            "message": "Example log record",
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
            "severityNumber": 10, "severityText": "Information",
            "resource": {"service.name": "my.service"},
            "scope": {
                "name": "my.library", "version": "1.0.0",
                "attributes": {"my.scope.attribute": "some scope attribute"},
            },
            "string.attribute": "some string", "boolean.attribute": true, "int.attribute": 10,
            "double.attribute": 637.704, "array.attribute": ["many", "values"],
            "map.attribute": {"some.map.key": "some value"},
        })]
    );
}

#[test]
fn names_of_the_definition_and_nulls_are_read_too() {
    let text = r#"{"resource_logs":[{"resource":null,"scope_logs":[{"scope":null,"schema_url":"urn:s","log_records":[
        {"time_unix_nano":1544712660300000000,"severity_number":"SEVERITY_NUMBER_ERROR","body":null,
         "attributes":null,"trace_id":null,"span_id":"","event_name":"e","dropped_attributes_count":"2","flags":1,
         "a_field_to_come":{"x":[1]}}]}]}]}"#;
    let mapped = mapped_bytes(Wire::Json, text.as_bytes(), true).unwrap();
    assert_eq!(
        lines(&mapped),
        [json!({
            "timestamp": "2018-12-13T14:51:00.300000Z", "level": "ERROR", "message": "e", "eventName": "e",
            "flags": 1, "droppedAttributesCount": 2, "scope": {"schemaUrl": "urn:s"},
        })]
    );
}

#[test]
fn a_field_of_the_wrong_kind_spoils_its_record_alone() {
    let text = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[
        {"timeUnixNano":"soon"},{"timeUnixNano":-1},{"body":"text"},{"body":{"stringValue":"read"}}]}]}]}"#;
    let mapped = mapped_bytes(Wire::Json, text.as_bytes(), true).unwrap();
    assert_eq!(lines(&mapped), [json!({"message": "read"})]);
    assert_eq!(mapped.unreadable.len(), 3);
}
