//! [`Step`]: one kind of event of the catalogue, with its type, level and message.

/// Severity of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Debug,
    Info,
    Warn,
    Error,
}

impl Severity {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

macro_rules! steps {
    ($($step:ident $kind:literal $severity:ident $message:literal)*) => {
        /// What one event says. `{}` in a message stands for the step's parameter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Step { $($step),* }

        impl Step {
            /// All steps.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$step),*];

            /// Type, level and message.
            pub(crate) fn words(self) -> (&'static str, Severity, &'static str) {
                match self { $(Self::$step => ($kind, Severity::$severity, $message)),* }
            }
        }
    };
}

steps! {
    CredentialAttempted "user_credential" Info "Attempted to refresh credential"
    CredentialFailed "user_credential" Error "Failed to refresh credential"
    CredentialRefreshed "user_credential" Info "Successfully refreshed credential"

    AppEventStarted "app_event" Info "App Event Trigger Started"
    AppEventUnsubscribed "app_event" Info "App Event Trigger No workflows subscribed for trigger"
    AppEventSubmitting "app_event" Info "App Event Trigger Submitting workflows for execution"
    AppEventSubmitted "app_event" Info "App Event Trigger Workflows submitted successfully"
    AppEventSubmissionFailed "app_event" Error "App Event Trigger Workflow submission failures"
    AppEventPreparationFailed "app_event" Error "Error preparing workflow for event trigger"
    AppEventUnconfigured "app_event" Warn "App Event Trigger No workflow configured with event {}"

    RequestStarted "request_trigger" Info "Request Trigger Started"
    RequestSubmitted "request_trigger" Info "Request Trigger workflow submitted for execution"
    RequestTimedOut "request_trigger" Warn "Request Trigger execution response timeout occurred"
    RequestFailed "request_trigger" Error "Request Trigger Failed"

    EnabledStarted "integration_enabled_trigger" Info "Integration Enabled Trigger Started"
    EnabledSubmitted "integration_enabled_trigger" Info "Integration Enabled Trigger workflow submitted for execution"
    EnabledFailed "integration_enabled_trigger" Error "Integration Enabled Trigger Failed"

    SchedulerSubmitting "scheduler_trigger" Info "Scheduler Trigger submitting workflow for execution"
    SchedulerFailed "scheduler_trigger" Error "Scheduler Trigger failed to submit execution for workflow"

    WebhookReceived "webhook_trigger" Info "Webhook Trigger request received"
    WebhookUser "webhook_trigger" Info "Webhook Trigger processing record for user"
    WebhookRecordsSubmitting "webhook_trigger" Info "Webhook Trigger submitting workflows for processed records"
    WebhookApp "webhook_trigger" Info "Webhook Trigger processing record for app"
    WebhookAppSubmitting "webhook_trigger" Info "Webhook Trigger submitting workflows for app users"
    WebhookUserFailed "webhook_trigger" Error "Webhook trigger failed to process record"
    WebhookResource "webhook_trigger" Info "Webhook Trigger processing record for resource"
    WebhookResourceSubmitting "webhook_trigger" Info "Webhook Trigger Submitting workflow for resource"
    WebhookResourceFailed "webhook_trigger" Error "Webhook trigger failed to process record for resource"
    WebhookAppFailed "webhook_trigger" Error "Webhook Trigger failed to process record"

    ActionStarted "actionkit" Info "Start {}"
    ActionCompleted "actionkit" Info "Completed {}"
    ActionFailed "actionkit" Error "Failed {}"

    InitialSyncStarted "managed_sync" Info "Initial sync started"
    InitialSyncCompleted "managed_sync" Info "Initial sync completed"
    IncrementalSyncStarted "managed_sync" Info "Incremental sync started"
    IncrementalSyncCompleted "managed_sync" Info "Incremental sync completed"
    FullSyncStarted "managed_sync" Info "Full sync started"
    FullSyncCompleted "managed_sync" Info "Full sync completed"
    SyncRateLimited "managed_sync" Warn "Sync rate limited, backing off for {} seconds..."
    SyncTimedOut "managed_sync" Warn "Sync encountered timeout, backing off for {} seconds..."
    SyncWarned "managed_sync" Warn "Sync warning: {}"
    FullSyncInterrupted "managed_sync" Warn "Full sync interrupted, record deletion was not performed"
    SyncPipelineInvalid "managed_sync" Error "Sync creation failed: Invalid pipeline configuration"
    SyncDuplicate "managed_sync" Error "Sync creation failed: Duplicate sync detected"
    SyncAuthenticationFailed "managed_sync" Error "Sync error: Authentication Failed"
    SyncFailed "managed_sync" Error "Sync error: {}"
    SyncWebhookUndelivered "managed_sync" Error "Unable to deliver sync webhook"

    WorkflowStarted "workflow_task" Info "Workflow execution started"
    WorkflowCompleted "workflow_task" Info "Workflow execution completed"
    WorkflowFailed "workflow_task" Error "Workflow execution failed"
    TaskStarted "workflow_task" Debug "Task {} started"
    TaskCompleted "workflow_task" Info "Task {} completed"
    TaskFailed "workflow_task" Error "Task {} failed"
    ApiRequest "workflow_task" Info "API request {}"
    ApiRequestRetried "workflow_task" Warn "API request will be retried: {}"
    ApiRequestFailed "workflow_task" Error "API request failed: {}"

    ResourceReceived "resource_request" Info "Resource request received"
    ResourceCompleted "resource_request" Info "Resource request completed"
    ResourceFailed "resource_request" Error "Resource request failed"

    UserConnected "connected_user" Info "Connected user added integration"
    UserUpdated "connected_user" Info "Connected user updated settings"
    UserDisconnected "connected_user" Info "Connected user removed integration"

    DeliveryStarted "destination" Debug "Destination delivery started"
    DeliveryCompleted "destination" Info "Destination delivery completed"
    DeliveryRetried "destination" Warn "Destination delivery will be retried"
    DeliveryFailed "destination" Error "Destination delivery failed"
}
