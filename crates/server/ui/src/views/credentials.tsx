/** Credentials: which integrations' refreshes fail, and which credentials fail now. */
import type { Row } from "../api/types";
import type { Filters } from "../state/filters";
import { filters } from "../state/logs_url";
import { Count, eventsHref, FailureText, Id, When } from "./cells";
import { counted, failedShare, narrowing, worded } from "./columns";
import { failingSql, FAILING_MAX, refreshesSql } from "./credentials_sql";
import { Answer, FeatureFrame } from "./feature_frame";
import { type Column, FeatureTable } from "./feature_table";
import { countOf, textOf } from "./row_values";
import { scopeOf } from "./scope";

const FAILING_COLUMNS: Column<Row>[] = [
  narrowing("User", "user", "end_user_id"),
  narrowing("Integration", "integration", "integration_id"),
  {
    name: "Credential",
    show: (row) => <Id value={textOf(row, "connect_credential_id")} />,
    by: (row) => textOf(row, "connect_credential_id"),
  },
  {
    name: "Failing since",
    title: "The first failure after the last success",
    show: failingSince,
    by: (row) => textOf(row, "failing_since"),
  },
  {
    name: "Last success",
    title: "In this time",
    show: (row) => (textOf(row, "succeeded_at") ? <When at={textOf(row, "succeeded_at")} /> : <span class="dim">none in this time</span>),
    by: (row) => textOf(row, "succeeded_at"),
  },
  counted("Failures", "failures", "Since then", true),
  {
    name: "Last error",
    show: (row) => <FailureText text={textOf(row, "failure")} at={textOf(row, "failed_at")} trace={textOf(row, "failed_trace")} />,
    by: (row) => textOf(row, "failure"),
  },
  worded("Code", "code"),
  {
    name: "Events",
    show: (row) => (
      <a href={eventsHref(holderFilter(row))} aria-label={`Events of the credential of user ${textOf(row, "end_user_id")}`}>
        Events
      </a>
    ),
  },
];

const REFRESH_COLUMNS: Column<Row>[] = [
  narrowing("Integration", "integration", "integration_id"),
  counted("Attempts", "attempts", "Refreshes that began in this time"),
  counted("Refreshed", "refreshed", "Refreshes that succeeded in this time"),
  counted("Failures", "failures", "Refreshes that failed in this time", true),
  failedShare((row) => countOf(row, "failures") + countOf(row, "refreshed"), "Of the refreshes that ended"),
  counted("Credentials affected", "credentials_affected", "Credentials of which a refresh failed in this time"),
  { name: "Last failure", show: (row) => <When at={textOf(row, "failed_at")} />, by: (row) => textOf(row, "failed_at") },
  {
    name: "Events",
    show: (row) => {
      const integration = textOf(row, "integration_id");
      const only: Filters["only"] = { type: ["user_credential"], ...(integration && { integration: [integration] }) };
      return (
        <a href={eventsHref(only)} aria-label={`Credential events of ${integration || "no integration"}`}>
          Events
        </a>
      );
    },
  },
];

export function CredentialsView() {
  const scope = scopeOf(filters.value);
  return (
    <FeatureFrame name="Credentials" says="Which credentials cannot be refreshed now, and how refreshes fare by integration.">
      <h2>Failing now</h2>
      <Answer
        sql={failingSql(scope)}
        what="failing credentials"
        rowsMax={FAILING_MAX}
        nothing="No credential whose last refresh in this time failed."
      >
        {(rows) => (
          <>
            <p>
              <Count n={rows.length} isBad /> credentials whose last refresh <span class="failed-word">failed</span>; those that fail
              longest come first.
            </p>
            <FeatureTable
              label="Credentials that fail now"
              columns={FAILING_COLUMNS}
              rows={rows}
              keyOf={(row) => textOf(row, "holder")}
              words={(row) =>
                ["holder", "end_user_id", "integration_id", "failure", "code"].map((column) => textOf(row, column)).join(" ")
              }
            />
          </>
        )}
      </Answer>
      <h2>Refreshes by integration</h2>
      <Answer
        sql={refreshesSql(scope)}
        what="refreshes"
        nothing="No credential was refreshed here in this time. Try a longer time or another project."
      >
        {(rows) => (
          <FeatureTable
            label="Refreshes by integration"
            columns={REFRESH_COLUMNS}
            rows={rows}
            keyOf={(row) => textOf(row, "integration_id")}
            words={(row) => textOf(row, "integration_id")}
          />
        )}
      </Answer>
    </FeatureFrame>
  );
}

function failingSince(row: Row) {
  return (
    <span class="failed-word">
      {textOf(row, "succeeded_at") ? "" : "at least "}
      <When at={textOf(row, "failing_since")} />
    </span>
  );
}

/** The events of one credential; one without an id is told by its user and integration. */
function holderFilter(row: Row): Filters["only"] {
  const [credential, user, integration] = ["connect_credential_id", "end_user_id", "integration_id"].map((column) => textOf(row, column));
  if (credential) return { type: ["user_credential"], credential: [credential] };
  return {
    type: ["user_credential"],
    ...(user && { user: [user] }),
    ...(integration && { integration: [integration] }),
  };
}
