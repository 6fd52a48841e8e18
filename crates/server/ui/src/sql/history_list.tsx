/** Earlier statements and examples, to take one up again. */
import { Popover } from "../parts/popover";
import { projects } from "../state/logs_url";
import { examples } from "./examples";
import { forgetAll, statements } from "./history";

/** A statement is told by its beginning. */
const SHOWN_CHARS = 200;

export function HistoryList({ take }: { take: (sql: string) => void }) {
  return (
    <Popover label="History" title="Statements that ran here" class="sql-history">
      {(close) => (
        <>
          {statements.value.length === 0 && <p class="dim">No statement ran in this browser yet. To begin with:</p>}
          <ul>
            {statements.value.map((sql) => (
              <Item key={sql} sql={sql} take={() => taken(sql, take, close)} />
            ))}
            {statements.value.length === 0 &&
              examples(projects.value).map(({ title, sql }) => (
                <Item key={title} title={title} sql={sql} take={() => taken(sql, take, close)} />
              ))}
          </ul>
          {statements.value.length > 0 && (
            <button type="button" class="quiet" onClick={forgetAll}>
              Clear the history
            </button>
          )}
        </>
      )}
    </Popover>
  );
}

function taken(sql: string, take: (sql: string) => void, close: () => void): void {
  take(sql);
  close();
}

function Item({ title, sql, take }: { title?: string; sql: string; take: () => void }) {
  const line = sql.replaceAll(/\s+/g, " ");
  return (
    <li>
      <button type="button" class="quiet" onClick={take} title={sql}>
        {title && <strong>{title}</strong>}
        <code>{line.length > SHOWN_CHARS ? `${line.slice(0, SHOWN_CHARS)}…` : line}</code>
      </button>
    </li>
  );
}

/** The examples as a part of the page, for those who have asked nothing yet. */
export function Examples({ take }: { take: (sql: string) => void }) {
  return (
    <section class="sql-examples" aria-labelledby="examples">
      <h2 id="examples">To begin with</h2>
      <ul>
        {examples(projects.value).map(({ title, sql }) => (
          <Item key={title} title={title} sql={sql} take={() => take(sql)} />
        ))}
      </ul>
    </section>
  );
}
