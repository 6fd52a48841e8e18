/** The frame around every view, and which view an address means. */
import type { ComponentChild } from "preact";
import { isLocked } from "./api/client";
import { Header } from "./header";
import { LogsPage } from "./logs/logs_page";
import { path } from "./state/location";
import { SqlView } from "./sql/sql_view";
import { StorePage } from "./store/store_page";
import { TracePage } from "./trace/trace_page";
import { Unlock } from "./unlock";
import { CredentialsView } from "./views/credentials";
import { SyncsView } from "./views/syncs";
import { ToolsView } from "./views/tools";
import { WorkflowsView } from "./views/workflows";

function view(at: string): ComponentChild {
  if (at.startsWith("/trace/")) {
    const id = decoded(at.slice("/trace/".length));
    return <TracePage key={id} id={id} />;
  }
  switch (at) {
    case "/":
      return <LogsPage />;
    case "/syncs":
      return <SyncsView />;
    case "/tools":
      return <ToolsView />;
    case "/workflows":
      return <WorkflowsView />;
    case "/credentials":
      return <CredentialsView />;
    case "/sql":
      return <SqlView />;
    case "/store":
      return <StorePage />;
    default:
      return (
        <div class="state" role="alert">
          There is nothing at <code>{at}</code>. <a href="/">Go to the event logs</a>.
        </div>
      );
  }
}

/** A part of an address; one that is not encoded as it should be is taken as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function App() {
  return (
    <>
      <a class="skip" href="#main" onClick={(click) => { click.preventDefault(); document.getElementById("main")?.focus(); }}>
        Skip to the content
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        {isLocked.value ? <Unlock /> : view(path.value)}
      </main>
    </>
  );
}
