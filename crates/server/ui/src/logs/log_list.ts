/**
 * {@link LogList}: the rows that some filters let through, fetched as they are scrolled to, and the live tail in front of them.
 *
 * Between the first page and the tail nothing is missed: the tail is opened first, then the page is asked for again, and what both
 * bring is shown once.
 */
import { signal } from "@preact/signals";
import { isAborted } from "../api/client";
import { events, type Query } from "../api/events";
import { follow } from "../api/tail";
import type { EventPage, LogEvent, Stats } from "../api/types";
import { LIVE_ROWS_MAX, PAGE_ROWS, RowWindow } from "./row_window";

/** How often rows of the tail are shown; more often is not seen. */
const TAIL_SHOWN_MS = 200;

/** Whether an event stands before another in a list of the newest. */
function isAfter(event: LogEvent, other: LogEvent): boolean {
  if (event.timestamp !== other.timestamp) return event.timestamp > other.timestamp;
  return (event.seq ?? 0) > (other.seq ?? 0);
}

export type TailState = "off" | "connecting" | "live" | "lost";

export class LogList {
  /** Changes with everything below that is no signal. */
  readonly version = signal(0);
  readonly tail = signal<TailState>("off");
  readonly tailProblem = signal<unknown>(undefined);
  /** Rows of the tail that wait until the list is at its top. */
  readonly waiting = signal(0);
  rows = new RowWindow();
  stats?: Stats;
  error?: unknown;
  isLoading = false;
  /** The row in the middle of what is seen. */
  seen = 0;
  /** Ends when the first page has come, or will not. What is nice to have beside the rows is asked for after them. */
  readonly first: Promise<void>;

  private readonly stop = new AbortController();
  private tailStop?: AbortController;
  private readonly refilling = new Set<number>();
  private pending: LogEvent[] = [];
  private joining = false;
  private timer?: ReturnType<typeof setInterval>;
  private holds = false;
  private hasDropped = false;

  /** Told by how many places all rows moved down. */
  onMoved: (rows: number) => void = () => {};

  private firstIsThrough: () => void = () => {};

  constructor(private readonly query: Query) {
    this.first = new Promise((resolve) => {
      this.firstIsThrough = resolve;
    });
  }

  /** Fetches the page behind the last row, unless there is none or one is on its way. */
  async more(): Promise<void> {
    if (this.isLoading || this.error || this.rows.isComplete || this.stop.signal.aborted) return;
    await this.fetch(this.rows.nextAfter);
  }

  async retry(): Promise<void> {
    this.error = undefined;
    await this.more();
  }

  /** Fetches a page again that was forgotten. */
  async refill(page: number): Promise<void> {
    if (this.refilling.has(page)) return;
    this.refilling.add(page);
    try {
      const rows = this.rows;
      const answer = await events(this.pageQuery(rows.afterOf(page)), this.stop.signal);
      rows.refill(page, answer.events, this.seen);
      this.changed();
    } catch (error) {
      if (!isAborted(error)) this.error = error;
    } finally {
      this.refilling.delete(page);
    }
  }

  /** Follows the log from now on. */
  startTail(): void {
    if (this.tailStop) return;
    this.tailStop = new AbortController();
    this.tail.value = "connecting";
    this.joining = true;
    const query = this.query.filter(([name]) => name !== "since" && name !== "until");
    const onState = (isConnected: boolean, problem?: unknown) => {
      this.tailProblem.value = problem;
      this.tail.value = isConnected ? "live" : "lost";
      if (isConnected && this.joining) void this.join();
    };
    void follow(query, { onState, onEvents: (found) => this.take(found) }, this.tailStop.signal);
    this.timer = setInterval(() => this.flush(), TAIL_SHOWN_MS);
  }

  stopTail(): void {
    clearInterval(this.timer);
    this.tailStop?.abort();
    this.tailStop = undefined;
    this.tail.value = "off";
    this.joining = false;
    this.flush();
  }

  /** Whether rows of the tail wait, because what is read must not move away. */
  hold(holds: boolean): void {
    this.holds = holds;
    if (!holds) this.flush();
  }

  /** Shows the rows that wait. */
  flush(): void {
    if (this.joining) return;
    if (this.holds) {
      if (this.waiting.value !== this.pending.length) this.waiting.value = this.pending.length;
      return;
    }
    this.waiting.value = 0;
    if (this.pending.length === 0) return;
    this.rows.prepend(this.pending, this.hasDropped);
    this.onMoved(this.pending.length);
    this.pending = [];
    this.hasDropped = false;
    this.changed();
  }

  /** Ends everything under way. */
  end(): void {
    this.stopTail();
    this.stop.abort();
  }

  /** Asks for the first page anew, now that the tail stands, and leaves out of the tail what the page has. */
  private async join(): Promise<void> {
    this.rows = new RowWindow();
    this.error = undefined;
    await this.fetch(null);
  }

  /** What the tail brought that the first page does not have: nothing older than its last row, which later pages will bring. */
  private joined(page: EventPage): void {
    const shown = new Set(page.events.map(({ id }) => id));
    const last = page.next === null ? undefined : page.events.at(-1);
    const isNew = (event: LogEvent) => !shown.has(event.id) && (!last || isAfter(event, last));
    this.pending = this.pending.filter(isNew);
    this.joining = false;
    this.flush();
  }

  private take(found: LogEvent[]): void {
    this.pending.push(...found);
    const surplus = this.pending.length - LIVE_ROWS_MAX;
    if (surplus <= 0) return;
    this.pending.splice(0, surplus);
    this.hasDropped = true;
  }

  private async fetch(after: string | null): Promise<void> {
    const { rows } = this;
    this.isLoading = true;
    this.changed();
    try {
      const answer = await events(this.pageQuery(after), this.stop.signal);
      // The tail began meanwhile, and with it another list.
      if (rows !== this.rows) return;
      rows.append(after, answer.events, answer.next, this.seen);
      this.stats = answer.stats;
      if (after === null && this.joining && this.tail.value === "live") this.joined(answer);
    } catch (error) {
      if (!isAborted(error) && rows === this.rows) this.error = error;
    } finally {
      this.firstIsThrough();
      if (rows === this.rows) {
        this.isLoading = false;
        this.changed();
      }
    }
  }

  private pageQuery(after: string | null): Query {
    const page: Query = [["limit", String(PAGE_ROWS)]];
    if (after) page.push(["after", after]);
    return [...this.query, ...page];
  }

  private changed(): void {
    this.version.value += 1;
  }
}
