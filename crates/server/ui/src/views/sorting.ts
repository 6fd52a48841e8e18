/** The order of a table's rows, as its headers choose it. Pure. */

export interface Sorting {
  /** The column. */
  name: string;
  isDescending: boolean;
}

/** What a click on a header makes of the order: numbers largest first, texts from A; then the reverse; then as it came. */
export function toggledSorting(before: Sorting | undefined, name: string, isNumber: boolean): Sorting | undefined {
  if (before?.name !== name) return { name, isDescending: isNumber };
  return before.isDescending === isNumber ? { name, isDescending: !isNumber } : undefined;
}

/** Rows in order; those without a value are last either way, and equal ones stay as they were. */
export function sorted<R>(rows: readonly R[], by: (row: R) => string | number | undefined, { isDescending }: Sorting): R[] {
  const sign = isDescending ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [by(one), by(other)];
    const [hasNone, otherHasNone] = [isNone(a), isNone(b)];
    if (hasNone || otherHasNone) return Number(hasNone) - Number(otherHasNone);
    return sign * compared(a as string | number, b as string | number);
  });
}

function isNone(value: string | number | undefined): boolean {
  return value === undefined || value === "";
}

function compared(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b));
}
