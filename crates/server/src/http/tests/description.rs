//! The description at `/openapi.json` says what the router does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::bed::{Bed, request};
use crate::http::health::OPENAPI;
use crate::http::routes::{INGEST, LOGS, ROUTES, Route};

fn description() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// What a `$ref` stands for, or the value itself.
fn resolved<'a>(description: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').unwrap();
            description.pointer(pointer).unwrap_or_else(|| panic!("{reference} is not there"))
        }
        None => value,
    }
}

/// The operations by (path, method).
fn operations(description: &Value) -> BTreeMap<(String, String), &Value> {
    let paths = description["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        item.iter().map(move |(method, operation)| ((path.clone(), method.to_uppercase()), operation))
    });
    operations.collect()
}

#[test]
fn the_description_has_exactly_the_routes_and_their_parameters() {
    let description = description();
    let described = operations(&description);
    let names: BTreeSet<_> = described.keys().cloned().collect();
    let routed: BTreeSet<_> = ROUTES.iter().map(|route| (route.path.to_owned(), route.method.to_string())).collect();
    assert_eq!(names, routed);
    for route in ROUTES {
        let operation = described[&(route.path.to_owned(), route.method.to_string())];
        let parameters = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
        let at = |place: &str| -> BTreeMap<String, bool> {
            let parameters = parameters.iter().map(|parameter| resolved(&description, parameter));
            let parameters = parameters.filter(|parameter| parameter["in"] == place);
            let many = |parameter: &Value| parameter["schema"]["type"] == "array";
            parameters.map(|parameter| (parameter["name"].as_str().unwrap().to_owned(), many(parameter))).collect()
        };
        let taken: BTreeMap<String, bool> =
            route.params.iter().copied().flatten().map(|param| (param.name.to_owned(), param.many)).collect();
        assert_eq!(at("query"), taken, "{} {}", route.method, route.path);
        let in_path: Vec<String> = at("path").into_keys().collect();
        let variable = route.path.split_once('{').map(|(_, rest)| rest.trim_end_matches('}').to_owned());
        assert_eq!(in_path, Vec::from_iter(variable), "{}", route.path);
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    fn collect<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| collect(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let description = description();
    let mut references = BTreeSet::new();
    collect(&description, &mut references);
    for reference in &references {
        assert!(description.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
    for (kind, components) in description["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            let reference = format!("#/components/{kind}/{name}");
            assert!(references.contains(reference.as_str()), "{reference} is not used");
        }
    }
}

#[test]
fn every_operation_has_a_summary_an_id_of_its_own_and_a_good_answer() {
    let description = description();
    let operations = operations(&description);
    let ids: BTreeSet<_> = operations.values().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len());
    for (name, operation) in &operations {
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name:?}");
        assert!(operation["responses"].get("200").is_some(), "{name:?}");
    }
    assert_eq!(description["openapi"], "3.1.0");
}

#[test]
fn every_route_that_reads_is_answered_by_the_router() {
    let bed = Bed::new();
    let is_written = |route: &Route| [INGEST, LOGS].iter().any(|other| other == route);
    for route in ROUTES.into_iter().filter(|route| !is_written(route)) {
        let uri = route.path.replace("{id}", "event-1").replace("{traceId}", "trace-1");
        let status = bed.response(request(route.method.clone(), &uri, &[], "select 1")).status();
        assert_eq!(status, 200, "{} {}", route.method, route.path);
    }
}
