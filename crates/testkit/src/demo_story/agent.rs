//! Plot: a sales assistant, an agent, brings a lead from HubSpot to Salesforce in one trace. Its first try to create the contact
//! lacks a required field; it reads the answer and tries again.

use serde_json::{Value, json};

use super::sheet::{Actor, Execution, Failure, Sheet, exchange, letters, uuid};
use super::{DemoStory, HOUR_US, MINUTE_US};
use crate::chance::Chance;

const USER: &str = "user-yuki-tanaka";
pub(super) const PERSONA: &str = "agent-sales-assistant";

const PLOT: u64 = 3;
const TRACE_ID: u64 = 1;

/// How long before the end it begins.
const BEFORE_END_US: i64 = 3 * HOUR_US + 20 * MINUTE_US;

const FIELD_MISSING: Failure = Failure {
    status: 400,
    code: "REQUIRED_FIELD_MISSING",
    message: "Required fields are missing: [LastName]",
    recoverable: false,
};

/// A tool call: what it is given, and what comes of it.
struct Call<'a> {
    actor: &'a Actor,
    action: &'static str,
    method: &'static str,
    path: &'static str,
    parameters: Value,
    /// Status and result, or what is wrong with the parameters.
    outcome: Result<(u32, Value), Failure>,
}

/// The one trace of the plot.
pub(super) fn trace(story: &DemoStory) -> u128 {
    story.id([PLOT, TRACE_ID])
}

pub(super) fn tell(story: &DemoStory, sheet: &mut Sheet) {
    let actor = |integration: &str| {
        let mut actor = story.actor(USER, integration);
        actor.persona = PERSONA.to_owned();
        actor
    };
    let (salesforce, hubspot, slack) = (actor("salesforce"), actor("hubspot"), actor("slack"));
    let mut chance = story.chance(PLOT);
    let mut at_us = story.end_us - BEFORE_END_US;
    for call in calls(&salesforce, &hubspot, &slack, trace(story)) {
        at_us = tell_call(sheet, &call, trace(story), at_us, &mut chance);
        // The agent thinks.
        at_us += i64::from(chance.between(1_200, 4_800)) * 1_000;
    }
}

fn calls<'a>(salesforce: &'a Actor, hubspot: &'a Actor, slack: &'a Actor, trace: u128) -> [Call<'a>; 5] {
    const CONTACT_PATH: &str = "/services/data/v59.0/sobjects/Contact";
    let email = "lena.fischer@northwind.example";
    let (lead, contact) = (letters(trace >> 5, 12), letters(trace >> 3, 18));
    [
        Call {
            actor: salesforce,
            action: "SALESFORCE_SEARCH_RECORDS",
            method: "GET",
            path: "/services/data/v59.0/query",
            parameters: json!({ "objectType": "Contact", "filter": { "field": "Email", "equals": email } }),
            outcome: Ok((200, json!({ "success": true, "matches": 0, "records": [] }))),
        },
        Call {
            actor: hubspot,
            action: "HUBSPOT_GET_CONTACTS",
            method: "POST",
            path: "/crm/v3/objects/contacts/search",
            parameters: json!({ "filter": { "property": "email", "equals": email }, "limit": 1 }),
            outcome: Ok((
                200,
                json!({ "success": true, "matches": 1, "records": [
                    { "id": lead, "firstname": "Lena", "lastname": "Fischer", "company": "Northwind Traders" },
                ]}),
            )),
        },
        Call {
            actor: salesforce,
            action: "SALESFORCE_CREATE_CONTACT",
            method: "POST",
            path: CONTACT_PATH,
            parameters: json!({ "Name": "Lena Fischer", "Email": email, "LeadSource": "HubSpot" }),
            outcome: Err(FIELD_MISSING),
        },
        Call {
            actor: salesforce,
            action: "SALESFORCE_CREATE_CONTACT",
            method: "POST",
            path: CONTACT_PATH,
            parameters: json!({
                "FirstName": "Lena", "LastName": "Fischer", "Email": email, "LeadSource": "HubSpot",
            }),
            outcome: Ok((201, json!({ "success": true, "id": contact }))),
        },
        Call {
            actor: slack,
            action: "SLACK_SEND_MESSAGE",
            method: "POST",
            path: "/api/chat.postMessage",
            parameters: json!({ "channel": "#sales", "text": "Lena Fischer (Northwind Traders) is in Salesforce now." }),
            outcome: Ok((200, json!({ "success": true, "channel": "C04SALES" }))),
        },
    ]
}

/// Start, request and end of a call. Answers when it was over.
fn tell_call(sheet: &mut Sheet, call: &Call<'_>, trace: u128, started_us: i64, chance: &mut Chance) -> i64 {
    let Call { actor, action, method, path, parameters, outcome } = call;
    let run = Execution { actor: call.actor, trace };
    let mut payload = json!({
        "action": action,
        "tool": "actionkit",
        "meta": { "requestId": uuid(trace), "client": "annals-demo-agent/1.0" },
        "parameters": parameters,
    });
    sheet.tell(&run, started_us, "actionkit", &format!("Start {action}"), payload.clone());
    let took_ms = chance.between(180, 900);
    let url = format!("https://{}{path}", actor.integration.host);
    let status = match outcome {
        Ok((status, _)) => *status,
        Err(failure) => failure.status,
    };
    let mut sent = exchange(method, &url, status, took_ms);
    if *method == "POST" {
        sent["request"]["body"] = parameters.clone();
    }
    let sent_us = started_us + i64::from(took_ms + chance.between(20, 60)) * 1_000;
    sheet.tell(&run, sent_us, "workflow_task", &format!("Task {action} sent {method} {url}"), sent);
    let ended_us = sent_us + i64::from(chance.between(8, 40)) * 1_000;
    payload["status"] = json!(status);
    payload["durationMs"] = json!((ended_us - started_us) / 1_000);
    match outcome {
        Ok((_, result)) => {
            payload["result"] = result.clone();
            sheet.tell(&run, ended_us, "actionkit", &format!("Completed {action}"), payload);
        }
        Err(failure) => {
            payload["retryable"] = json!(failure.recoverable);
            payload["response"] = json!({
                "errors": [{ "errorCode": failure.code, "message": failure.message, "fields": ["LastName"] }],
            });
            sheet.fail(&run, ended_us, "actionkit", &format!("Failed {action}"), *failure, payload);
        }
    }
    ended_us
}
