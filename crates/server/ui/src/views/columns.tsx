/** Columns that several feature views have. */
import type { Row } from "../api/types";
import { percent } from "../format/numbers";
import { duration } from "../format/time";
import type { Field } from "../state/filters";
import { Count, NarrowLink, None } from "./cells";
import type { Column } from "./feature_table";
import { countOf, numberOf, textOf } from "./row_values";

/** A number. `isBad`: any but 0 is something that failed. */
export function counted(name: string, column: string, title?: string, isBad?: boolean): Column<Row> {
  const by = (row: Row) => numberOf(row, column);
  return { name, title, isNumber: true, show: (row) => <Count n={by(row)} isBad={isBad} />, by };
}

/** How long something takes, out of milliseconds. */
export function timed(name: string, column: string, title?: string): Column<Row> {
  const by = (row: Row) => numberOf(row, column);
  const show = (row: Row) => {
    const ms = by(row);
    return ms === undefined ? <None /> : duration(ms);
  };
  return { name, title, isNumber: true, show, by };
}

/** A text as it is. */
export function worded(name: string, column: string): Column<Row> {
  const by = (row: Row) => textOf(row, column);
  return { name, show: (row) => by(row) || <None />, by };
}

/** A value that the view can be narrowed by. */
export function narrowing(name: string, field: Field, column: string): Column<Row> {
  const by = (row: Row) => textOf(row, column);
  return { name, show: (row) => <NarrowLink field={field} value={by(row)} />, by };
}

/** Which share of `whole` failed. */
export function failedShare(whole: (row: Row) => number, title: string): Column<Row> {
  const show = (row: Row) => {
    const failures = countOf(row, "failures");
    return <span class={failures > 0 ? "failed-word" : "dim"}>{percent(failures, whole(row))}</span>;
  };
  return { name: "Failed share", title, isNumber: true, show, by: (row) => countOf(row, "failures") / Math.max(1, whole(row)) };
}
