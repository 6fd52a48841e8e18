/**
 * {@link RowWindow}: the rows of a list that may be longer than memory. Pages are fetched as they are scrolled to; of those far
 * from what is seen only the cursor and the number of rows stay, and they are fetched again when they are come back to.
 *
 * Invariant: `pages[i].after` asks for exactly the rows of page i, and rows once counted keep their place.
 */
import type { LogEvent } from "../api/types";

/** Pages whose rows are kept: 60 of 200 rows of about a kilobyte are some 12 MB. */
export const PAGES_KEPT_MAX = 60;

export const PAGE_ROWS = 200;

/** Rows that came by the live tail and are kept in front of the pages. */
export const LIVE_ROWS_MAX = 5_000;

interface Page {
  /** The cursor that asks for it; null for the first one. */
  after: string | null;
  count: number;
  rows: LogEvent[] | null;
}

export class RowWindow {
  private live: LogEvent[] = [];
  private pages: Page[] = [];
  private next: string | null = null;
  private isBegun = false;
  private isLetGo = false;

  /** Rows that have a place. */
  get count(): number {
    return this.live.length + this.pages.reduce((sum, page) => sum + page.count, 0);
  }

  /** Whether there is nothing beyond the last row. */
  get isComplete(): boolean {
    return this.isBegun && this.next === null;
  }

  /** How many rows came by the tail. */
  get liveCount(): number {
    return this.live.length;
  }

  /** Whether rows behind the last one were let go: the list ends, but not the events. */
  get isCut(): boolean {
    return this.isLetGo;
  }

  /** The cursor of the page behind the last one. */
  get nextAfter(): string | null {
    return this.next;
  }

  /** Puts a page behind the last one. */
  append(after: string | null, rows: LogEvent[], next: string | null, seen: number): void {
    this.isBegun = true;
    this.pages.push({ after, count: rows.length, rows });
    this.next = next;
    this.forget(seen);
  }

  /** The row at an index, or the page that must be fetched for it. */
  at(index: number): { row: LogEvent } | { missing: number } | null {
    let rest = index;
    if (rest < this.live.length) return { row: this.live[rest] as LogEvent };
    rest -= this.live.length;
    for (const [number, page] of this.pages.entries()) {
      if (rest < page.count) {
        if (!page.rows) return { missing: number };
        const row = page.rows[rest];
        return row ? { row } : null;
      }
      rest -= page.count;
    }
    return null;
  }

  /** The cursor of a page that is fetched again. */
  afterOf(page: number): string | null {
    return this.pages[page]?.after ?? null;
  }

  /** Gives a forgotten page its rows back. More than it had are left to a new search; fewer leave places empty. */
  refill(page: number, rows: LogEvent[], seen: number): void {
    const held = this.pages[page];
    if (!held) return;
    held.rows = rows.slice(0, held.count);
    this.forget(seen);
  }

  /**
   * Puts events of the tail, oldest first, in front. With `isGap` some before them are missing, so what was there no longer
   * joins on. Where rows are let go the list ends, and says so.
   */
  prepend(events: LogEvent[], isGap: boolean): void {
    this.live = [...events.slice().reverse(), ...(isGap ? [] : this.live)];
    if (isGap || this.live.length > LIVE_ROWS_MAX) {
      this.live.length = Math.min(this.live.length, LIVE_ROWS_MAX);
      this.pages = [];
      this.next = null;
      this.isLetGo = true;
    }
  }

  /** Drops the rows of pages far from the row seen. */
  private forget(seen: number): void {
    const held = this.pages.filter((page) => page.rows);
    if (held.length <= PAGES_KEPT_MAX) return;
    let start = this.live.length;
    const distances = this.pages.map((page) => {
      const middle = start + page.count / 2;
      start += page.count;
      return { page, distance: Math.abs(middle - seen) };
    });
    distances.sort((left, right) => right.distance - left.distance);
    let surplus = held.length - PAGES_KEPT_MAX;
    for (const { page } of distances) {
      if (surplus === 0) return;
      if (page.rows) {
        page.rows = null;
        surplus -= 1;
      }
    }
  }
}
