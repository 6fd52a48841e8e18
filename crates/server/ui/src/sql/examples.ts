/** Statements to begin with. */
import { quoted } from "../api/quoted";

export interface Example {
  title: string;
  sql: string;
}

/** The examples, about the projects that are chosen. */
export function examples(projects: string[]): Example[] {
  const only = projects.length > 0 ? `project_id in (${projects.map(quoted).join(", ")})` : "";
  const where = (...conditions: string[]) => {
    const all = [only, ...conditions].filter(Boolean);
    return all.length > 0 ? `\nwhere ${all.join(" and ")}` : "";
  };
  return [
    {
      title: "Events by level and day",
      sql: `select day, level, count(*) as events\nfrom events${where()}\ngroup by day, level\norder by day, level`,
    },
    {
      title: "Events by sync",
      sql: `select payload->>'syncId' as sync_id, count(*) as events\nfrom events${where("payload->>'syncId' is not null")}\ngroup by 1\norder by events desc\nlimit 50`,
    },
    {
      title: "Traces with errors",
      sql: `select trace_id, first, duration_ms, events, errors, types\nfrom traces${where("errors > 0")}\norder by errors desc\nlimit 100`,
    },
    {
      title: "Files by project",
      sql: `select project_id, count(*) as files, sum(bytes) as bytes, sum(rows) as events\nfrom files${where()}\ngroup by project_id\norder by bytes desc`,
    },
    { title: "All tables", sql: "show tables" },
  ];
}
