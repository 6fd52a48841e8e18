/** The SQL behind a view: shown, copied, opened in the SQL view. Nothing on these views is known by any other way. */
import { href } from "../state/location";
import { Copy } from "./copy";

export function sqlHref(sql: string): string {
  return href("/sql", new URLSearchParams({ sql }));
}

export function SqlNote({ sql }: { sql: string }) {
  return (
    <details class="sql-note">
      <summary>Its SQL</summary>
      <pre>{sql}</pre>
      <p>
        <a class="button" href={sqlHref(sql)}>
          Open in the SQL view
        </a>{" "}
        <Copy text={sql} what="the statement" />
      </p>
    </details>
  );
}
