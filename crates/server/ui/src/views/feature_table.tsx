/** A table that is sorted by its headers, searched by its words, and whose rows can open. */
import { type ComponentChildren, Fragment } from "preact";
import { useId, useState } from "preact/hooks";
import { count } from "../format/numbers";
import { type Sorting, sorted, toggledSorting } from "./sorting";

/** Rows drawn at first, and more at each asking: a thousand rows of links are slow to draw. */
const ROWS_STEP = 200;
/** Fewer rows than this are found by eye. */
const FIND_MIN = 8;

export interface Column<R> {
  name: string;
  /** Says more of the name. */
  title?: string;
  isNumber?: boolean;
  show: (row: R) => ComponentChildren;
  /** What rows are sorted by; a column without it cannot be sorted. */
  by?: (row: R) => string | number | undefined;
}

interface Props<R> {
  /** What the table is, for people who do not see it. */
  label: string;
  columns: Column<R>[];
  rows: R[];
  keyOf: (row: R) => string;
  /** The words of a row that it is found by; without them the table has no search. */
  words?: (row: R) => string;
  /** What a row opens to, and what its button is called. */
  detail?: { label: (row: R) => string; show: (row: R) => ComponentChildren; isThere?: (row: R) => boolean };
}

export function FeatureTable<R>({ label, columns, rows, keyOf, words, detail }: Props<R>) {
  const [sorting, setSorting] = useState<Sorting>();
  const [wanted, setWanted] = useState("");
  const [shown, setShown] = useState(ROWS_STEP);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const id = useId();

  const needle = wanted.trim().toLowerCase();
  const found = needle && words ? rows.filter((row) => words(row).toLowerCase().includes(needle)) : rows;
  const by = columns.find(({ name }) => name === sorting?.name)?.by;
  const drawn = (sorting && by ? sorted(found, by, sorting) : found).slice(0, shown);
  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  return (
    <div class="feature-table">
      {words && rows.length >= FIND_MIN && (
        <p class="find">
          <input
            type="search"
            aria-label={`Find in: ${label}`}
            placeholder="Find in these rows"
            value={wanted}
            onInput={(typed) => setWanted(typed.currentTarget.value)}
          />{" "}
          <span class="dim" role="status">
            {needle ? `${count(found.length)} of ${count(rows.length)}` : `${count(rows.length)} rows`}
          </span>
        </p>
      )}
      <div class="table-box" tabIndex={0} role="region" aria-label={label}>
        <table class="data">
          <thead>
            <tr>
              {columns.map((column) => (
                <Head key={column.name} column={column} sorting={sorting} sort={setSorting} />
              ))}
            </tr>
          </thead>
          <tbody>
            {drawn.map((row, place) => {
              const key = keyOf(row);
              const opens = detail && (detail.isThere?.(row) ?? true) ? detail : undefined;
              const isOpen = opens !== undefined && open.has(key);
              return (
                <Fragment key={key}>
                  <tr>
                    {columns.map((column, nth) => (
                      <td key={column.name} class={column.isNumber ? "number" : undefined}>
                        {nth === 0 && opens ? (
                          <button
                            type="button"
                            class="quiet expander"
                            aria-expanded={isOpen}
                            aria-controls={isOpen ? `${id}-${place}` : undefined}
                            aria-label={opens.label(row)}
                            onClick={() => toggle(key)}
                          >
                            <span aria-hidden="true">{isOpen ? "▾" : "▸"}</span>
                          </button>
                        ) : null}
                        {column.show(row)}
                      </td>
                    ))}
                  </tr>
                  {isOpen && (
                    <tr class="detail" id={`${id}-${place}`}>
                      <td colSpan={columns.length}>
                        <div class="detail-body">{opens.show(row)}</div>
                      </td>
                    </tr>
                  )}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      </div>
      {found.length > shown && (
        <p>
          <button type="button" onClick={() => setShown(shown + ROWS_STEP)}>
            Show {count(Math.min(ROWS_STEP, found.length - shown))} more of {count(found.length)}
          </button>
        </p>
      )}
    </div>
  );
}

interface HeadProps<R> {
  column: Column<R>;
  sorting: Sorting | undefined;
  sort: (sorting: Sorting | undefined) => void;
}

function Head<R>({ column, sorting, sort }: HeadProps<R>) {
  const { name, title, isNumber, by } = column;
  const isSorted = sorting?.name === name;
  const order = isSorted ? (sorting.isDescending ? "descending" : "ascending") : undefined;
  return (
    <th scope="col" class={isNumber ? "number" : undefined} title={title} aria-sort={order}>
      {by ? (
        <button type="button" class="quiet sort" onClick={() => sort(toggledSorting(sorting, name, isNumber ?? false))}>
          {name}
          <span class="arrow" aria-hidden="true">
            {isSorted ? (sorting.isDescending ? " ↓" : " ↑") : ""}
          </span>
        </button>
      ) : (
        name
      )}
    </th>
  );
}
