//! The words that events are made of: people, firms, integrations, actions, failures. None needs escaping in JSON.

/// An application that projects integrate with.
#[derive(Debug)]
pub(crate) struct Integration {
    pub(crate) id: &'static str,
    pub(crate) host: &'static str,
    /// Collections, with the path of each below the host.
    pub(crate) collections: [(&'static str, &'static str); 3],
    pub(crate) actions: [&'static str; 3],
    pub(crate) events: [&'static str; 2],
}

macro_rules! integrations {
    ($($id:literal $host:literal [$($name:literal $path:literal),*] [$($action:literal),*] [$($event:literal),*])*) => {
        /// Every integration, the more used ones first.
        pub(crate) const INTEGRATIONS: &[Integration] = &[$(Integration {
            id: $id, host: $host, collections: [$(($name, $path)),*], actions: [$($action),*], events: [$($event),*],
        }),*];
    };
}

integrations! {
    "salesforce" "acme.my.salesforce.com"
        ["contacts" "/services/data/v59.0/sobjects/Contact", "accounts" "/services/data/v59.0/sobjects/Account",
         "opportunities" "/services/data/v59.0/sobjects/Opportunity"]
        ["SALESFORCE_CREATE_CONTACT", "SALESFORCE_SEARCH_RECORDS", "SALESFORCE_UPDATE_OPPORTUNITY"]
        ["Contact Created", "Opportunity Stage Changed"]
    "hubspot" "api.hubapi.com"
        ["contacts" "/crm/v3/objects/contacts", "companies" "/crm/v3/objects/companies", "deals" "/crm/v3/objects/deals"]
        ["HUBSPOT_CREATE_CONTACT", "HUBSPOT_GET_CONTACTS", "HUBSPOT_UPDATE_DEAL"]
        ["Contact Updated", "Deal Won"]
    "slack" "slack.com"
        ["channels" "/api/conversations.list", "messages" "/api/conversations.history", "users" "/api/users.list"]
        ["SLACK_SEND_MESSAGE", "SLACK_LIST_MEMBERS", "SLACK_SEND_DIRECT_MESSAGE"]
        ["Message Posted", "Channel Created"]
    "googledrive" "www.googleapis.com"
        ["files" "/drive/v3/files", "permissions" "/drive/v3/permissions", "changes" "/drive/v3/changes"]
        ["GOOGLE_DRIVE_SAVE_FILE", "GOOGLE_DRIVE_LIST_FILES", "GOOGLE_DRIVE_GET_FILE"]
        ["File Uploaded", "File Shared"]
    "jira" "api.atlassian.com"
        ["issues" "/rest/api/3/search", "projects" "/rest/api/3/project/search", "comments" "/rest/api/3/comment/list"]
        ["JIRA_CREATE_ISSUE", "JIRA_SEARCH_ISSUES", "JIRA_UPDATE_ISSUE"]
        ["Issue Created", "Issue Transitioned"]
    "notion" "api.notion.com"
        ["pages" "/v1/search", "databases" "/v1/databases", "blocks" "/v1/blocks"]
        ["NOTION_CREATE_PAGE", "NOTION_SEARCH_PAGES", "NOTION_APPEND_BLOCKS"]
        ["Page Updated", "Database Row Created"]
    "zendesk" "acme.zendesk.com"
        ["tickets" "/api/v2/incremental/tickets", "users" "/api/v2/users", "organizations" "/api/v2/organizations"]
        ["ZENDESK_CREATE_TICKET", "ZENDESK_GET_TICKETS", "ZENDESK_UPDATE_TICKET"]
        ["Ticket Created", "Ticket Solved"]
    "gmail" "gmail.googleapis.com"
        ["messages" "/gmail/v1/users/me/messages", "threads" "/gmail/v1/users/me/threads", "labels" "/gmail/v1/users/me/labels"]
        ["GMAIL_SEND_EMAIL", "GMAIL_SEARCH_EMAILS", "GMAIL_CREATE_DRAFT"]
        ["Email Received", "Label Added"]
    "sharepoint" "graph.microsoft.com"
        ["documents" "/v1.0/sites/root/drive/items", "lists" "/v1.0/sites/root/lists", "sites" "/v1.0/sites"]
        ["SHAREPOINT_UPLOAD_FILE", "SHAREPOINT_LIST_ITEMS", "SHAREPOINT_SEARCH"]
        ["Document Changed", "List Item Created"]
    "quickbooks" "quickbooks.api.intuit.com"
        ["invoices" "/v3/company/invoice", "customers" "/v3/company/customer", "payments" "/v3/company/payment"]
        ["QUICKBOOKS_CREATE_INVOICE", "QUICKBOOKS_GET_CUSTOMERS", "QUICKBOOKS_CREATE_PAYMENT"]
        ["Invoice Paid", "Customer Created"]
    "dynamics" "org.api.crm.dynamics.com"
        ["accounts" "/api/data/v9.2/accounts", "leads" "/api/data/v9.2/leads", "contacts" "/api/data/v9.2/contacts"]
        ["DYNAMICS_CREATE_LEAD", "DYNAMICS_SEARCH_RECORDS", "DYNAMICS_UPDATE_ACCOUNT"]
        ["Lead Qualified", "Account Updated"]
    "asana" "app.asana.com"
        ["tasks" "/api/1.0/tasks", "projects" "/api/1.0/projects", "users" "/api/1.0/users"]
        ["ASANA_CREATE_TASK", "ASANA_GET_TASKS", "ASANA_UPDATE_TASK"]
        ["Task Completed", "Task Created"]
    "custom.ledgerly" "api.ledgerly.example"
        ["entries" "/v2/entries", "books" "/v2/books", "parties" "/v2/parties"]
        ["LEDGERLY_POST_ENTRY", "LEDGERLY_FIND_ENTRIES", "LEDGERLY_CLOSE_BOOK"]
        ["Entry Posted", "Book Closed"]
    "custom.shipwell" "gateway.shipwell.example"
        ["shipments" "/shipments", "carriers" "/carriers", "quotes" "/quotes"]
        ["SHIPWELL_BOOK_SHIPMENT", "SHIPWELL_TRACK", "SHIPWELL_GET_QUOTES"]
        ["Shipment Delivered", "Quote Accepted"]
}

pub(crate) const FIRST_NAMES: &[&str] = &[
    "Ada", "Amir", "Ana", "Anders", "Bianca", "Carlos", "Chen", "Chloe", "Daniel", "Deepa", "Elena", "Emeka", "Emma",
    "Fatima", "Felix", "Grace", "Hana", "Henrik", "Imani", "Ines", "Ivan", "Jamal", "Jonas", "Julia", "Kenji", "Lars",
    "Leila", "Liam", "Lucia", "Mara", "Marco", "Mei", "Nadia", "Noah", "Olga", "Omar", "Priya", "Rafael", "Rosa",
    "Samuel", "Sara", "Sofia", "Tariq", "Theo", "Uma", "Viktor", "Wei", "Yara", "Yusuf", "Zoe",
];

pub(crate) const LAST_NAMES: &[&str] = &[
    "Adeyemi", "Almeida", "Bauer", "Bianchi", "Brown", "Castillo", "Chen", "Costa", "Dubois", "Eriksen", "Fischer",
    "Fontaine", "Garcia", "Gupta", "Haddad", "Hansen", "Hughes", "Ito", "Ivanova", "Jansen", "Johnson", "Kaya", "Khan",
    "Kim", "Kowalski", "Larsen", "Lopez", "Martin", "Mbeki", "Moreau", "Nakamura", "Nguyen", "Novak", "Okafor",
    "Olsen", "Park", "Patel", "Petrov", "Reyes", "Rossi", "Santos", "Sato", "Schmidt", "Silva", "Singh", "Smith",
    "Tanaka", "Torres", "Virtanen", "Weber", "Wong", "Yilmaz", "Young", "Zhang",
];

pub(crate) const COMPANIES: &[(&str, &str)] = &[
    ("Northwind Traders", "northwind.example"),
    ("Blue Harbor Logistics", "blueharbor.example"),
    ("Quantia Health", "quantia.example"),
    ("Fernweh Travel", "fernweh.example"),
    ("Lumen Analytics", "lumen.example"),
    ("Oakridge Capital", "oakridge.example"),
    ("Pixelforge Studio", "pixelforge.example"),
    ("Redwood Systems", "redwood.example"),
    ("Solaria Energy", "solaria.example"),
    ("Tidewater Foods", "tidewater.example"),
    ("Umbra Security", "umbra.example"),
    ("Vela Robotics", "vela.example"),
    ("Wexford Legal", "wexford.example"),
    ("Yonder Media", "yonder.example"),
    ("Zephyr Airlines", "zephyr.example"),
    ("Cobalt Insurance", "cobalt.example"),
    ("Driftwood Retail", "driftwood.example"),
    ("Everline Pharma", "everline.example"),
    ("Granite Construction Partners", "granite.example"),
    ("Helio Telecom", "helio.example"),
];

pub(crate) const STAGES: &[&str] =
    &["new", "qualified", "proposal_sent", "negotiation", "closed_won", "closed_lost", "nurturing", "on_hold"];

pub(crate) const CITIES: &[&str] = &[
    "Amsterdam",
    "Austin",
    "Bengaluru",
    "Berlin",
    "Bogota",
    "Chicago",
    "Dublin",
    "Helsinki",
    "Lagos",
    "Lisbon",
    "London",
    "Los Angeles",
    "Milan",
    "Nairobi",
    "Osaka",
    "Sao Paulo",
    "Seoul",
    "Singapore",
    "Toronto",
    "Warsaw",
];

/// What people type into notes, subjects and titles.
pub(crate) const PHRASES: &[&str] = &[
    "follow up after the renewal call",
    "asked for a copy of the signed agreement",
    "prefers to be reached by e-mail",
    "budget approved for the next quarter",
    "waiting for the security review",
    "moved to the enterprise plan",
    "duplicate of an older record",
    "needs an invoice with a purchase order number",
    "trial ends on Friday",
    "imported from the spring trade fair list",
    "escalated to the regional manager",
    "no answer, try again next week",
    "wants single sign-on before rollout",
    "data export requested",
    "integration test with the staging account",
    "shipment delayed at customs",
    "payment terms changed to 45 days",
    "introduced by an existing customer",
    "migration planned for the weekend",
    "left a voicemail with the front desk",
];

/// Steps that people give their workflow tasks.
pub(crate) const TASK_NAMES: &[&str] = &[
    "Find contact",
    "Create record",
    "Update record",
    "Map fields",
    "Filter inactive users",
    "Send notification",
    "Fetch page",
    "Upsert rows",
    "Look up owner",
    "Format message",
    "Wait for approval",
    "Split batches",
];

pub(crate) const CRONS: &[&str] = &["0 * * * *", "*/15 * * * *", "0 6 * * 1-5", "30 2 * * *", "*/5 * * * *"];

pub(crate) const TIME_ZONES: &[&str] = &["Etc/UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo"];

/// A failure: HTTP status, code, message, whether trying again can help.
pub(crate) const FAILURES: &[(u32, &str, &str, bool)] = &[
    (401, "UNAUTHORIZED", "The access token expired or was revoked", false),
    (403, "INSUFFICIENT_SCOPE", "The credential lacks a scope that this request requires", false),
    (404, "RECORD_NOT_FOUND", "No record matches the given id", false),
    (409, "CONFLICT", "The record was changed by another request", true),
    (422, "VALIDATION_FAILED", "Field email is not a valid address", false),
    (422, "REQUIRED_FIELD_MISSING", "Required fields are missing: LastName", false),
    (429, "RATE_LIMITED", "Too many requests: the daily limit of the account was reached", true),
    (500, "UPSTREAM_ERROR", "The provider answered with an internal error", true),
    (502, "BAD_GATEWAY", "The provider closed the connection before answering", true),
    (504, "UPSTREAM_TIMEOUT", "The provider did not answer within 30000 ms", true),
];

pub(crate) const SYNC_WARNINGS: &[&str] = &[
    "3 records skipped because a required field was empty",
    "field mapping for custom object is out of date",
    "attachment larger than 50 MB was skipped",
    "permission list truncated at 1000 entries",
    "provider returned records out of order",
];

pub(crate) const REGIONS: &[&str] = &["us-east-1", "us-west-2", "eu-central-1", "ap-southeast-1"];

pub(crate) const USER_AGENTS: &[&str] = &["axios/1.7.4", "node-fetch/3.3.2", "python-requests/2.32.3", "okhttp/4.12.0"];
