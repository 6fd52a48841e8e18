/** The rows of an answer. Only those in sight are in the document, each on one line; one row at a time is shown in full. */
import type { RefObject } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Json, Row, SqlAnswer } from "../api/types";
import { count } from "../format/numbers";
import { fullTime, zoneName } from "../format/time";
import { Copy } from "../parts/copy";
import { useVirtual } from "../parts/virtual";
import { cellText, type Column, type Kind, kindOf, widths } from "./answer";

const ROW_PX = 28;
/** Browsers end elements at some ten million pixels. */
const ROWS_SHOWN_MAX = 400_000;
/** Of a cell on one line; in full there is the row's own box. */
const CELL_CHARS = 300;

export function AnswerTable({ answer }: { answer: SqlAnswer }) {
  const scroller = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<number>();
  const shown = Math.min(answer.rows.length, ROWS_SHOWN_MAX);
  const { rows, totalSize, measure } = useVirtual({ count: shown, rowHeight: () => ROW_PX, scroller });
  const sizes = useMemo(() => widths(answer), [answer]);
  useEffect(() => {
    setOpen(undefined);
    scroller.current?.scrollTo(0, 0);
    measure();
  }, [answer]);
  const above = rows[0]?.start ?? 0;
  const last = rows.at(-1);
  const below = last ? totalSize - last.start - last.size : 0;
  const openRow = open === undefined ? undefined : answer.rows[open];
  return (
    <>
      <div class="table-box sql-answer" ref={scroller} tabIndex={0} role="region" aria-label={`Answer, times in ${zoneName()}`}>
        <table class="data" aria-rowcount={answer.rows.length + 1}>
          <colgroup>
            <col class="place" />
            {sizes.map((chars, at) => (
              <col key={at} style={{ width: `${chars + 3}ch` }} />
            ))}
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              <th scope="col">
                <span class="hidden">Row</span>
              </th>
              {answer.columns.map(({ name, type }) => (
                <th key={name} scope="col" title={`${name}: ${type}`} class={kindOf(type) === "number" ? "number" : ""}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {above > 0 && <Gap height={above} />}
            {rows.map(({ index }) => (
              <AnswerRow
                key={index}
                index={index}
                row={answer.rows[index] ?? {}}
                columns={answer.columns}
                isOpen={index === open}
                toggle={() => setOpen(index === open ? undefined : index)}
              />
            ))}
            {below > 0 && <Gap height={below} />}
          </tbody>
        </table>
      </div>
      {shown < answer.rows.length && (
        <p class="dim">The first {count(shown)} rows are shown. An export has them all.</p>
      )}
      {openRow && open !== undefined && (
        <RowBox index={open} row={openRow} columns={answer.columns} close={() => close(setOpen, open, scroller)} />
      )}
    </>
  );
}

/** Focus goes back to the row, where it is still in sight. */
function close(setOpen: (open: undefined) => void, index: number, scroller: RefObject<HTMLDivElement | null>): void {
  setOpen(undefined);
  (scroller.current?.querySelector<HTMLElement>(`[data-row="${index}"]`) ?? scroller.current)?.focus();
}

function Gap({ height }: { height: number }) {
  return (
    <tr class="gap" aria-hidden="true">
      <td style={{ height: `${height}px` }} />
    </tr>
  );
}

interface RowProps {
  index: number;
  row: Row;
  columns: Column[];
  isOpen: boolean;
  toggle(): void;
}

function AnswerRow({ index, row, columns, isOpen, toggle }: RowProps) {
  return (
    <tr aria-rowindex={index + 2} class={isOpen ? "open" : ""}>
      <td class="number">
        <button
          type="button"
          class="quiet dim"
          data-row={index}
          aria-expanded={isOpen}
          aria-label={`Row ${index + 1} in full`}
          onClick={toggle}
        >
          {count(index + 1)}
        </button>
      </td>
      {columns.map(({ name, type }) => {
        const kind = kindOf(type);
        return (
          <td key={name} class={kind === "number" ? "number" : ""}>
            <Cell name={name} value={row[name]} kind={kind} />
          </td>
        );
      })}
    </tr>
  );
}

function Cell({ name, value, kind }: { name: string; value: Json | undefined; kind: Kind }) {
  const text = cellText(value, kind, fullTime);
  if (text === undefined) return <span class="dim">null</span>;
  if (name === "trace_id" && text) return <a href={`/trace/${encodeURIComponent(text)}`}>{text}</a>;
  return <>{text.length > CELL_CHARS ? `${text.slice(0, CELL_CHARS)}…` : text}</>;
}

function RowBox({ index, row, columns, close }: { index: number; row: Row; columns: Column[]; close: () => void }) {
  const box = useRef<HTMLElement>(null);
  // All other rows stand between the row and this box for those who go by keyboard.
  useEffect(() => box.current?.focus(), [index]);
  const onKeyDown = (key: KeyboardEvent) => {
    if (key.key === "Escape") close();
  };
  return (
    <section class="row-box" ref={box} tabIndex={-1} aria-label={`Row ${index + 1}`} onKeyDown={onKeyDown}>
      <h2>
        Row {count(index + 1)} <Copy text={JSON.stringify(row, null, 2)} what="the row as JSON" />{" "}
        <button type="button" class="quiet" onClick={close}>
          Close
        </button>
      </h2>
      <dl>
        {columns.map(({ name, type }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <pre>{pretty(row[name], kindOf(type)) ?? <span class="dim">null</span>}</pre>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** A value in full; text that is a JSON object or list is laid out as one. */
function pretty(value: Json | undefined, kind: Kind): string | undefined {
  const text = cellText(value, kind, fullTime);
  if (text === undefined || !/^[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
