/** Times for people, in local time or UTC. Stored times are RFC 3339 in UTC with six digits of a second. */
import { zone } from "../state/choices";

const two = (n: number) => String(n).padStart(2, "0");

interface Parts {
  date: string;
  time: string;
  ms: string;
}

function parts(when: Date): Parts {
  const utc = zone.value === "utc";
  const [y, mo, d, h, mi, s] = utc
    ? [when.getUTCFullYear(), when.getUTCMonth(), when.getUTCDate(), when.getUTCHours(), when.getUTCMinutes(), when.getUTCSeconds()]
    : [when.getFullYear(), when.getMonth(), when.getDate(), when.getHours(), when.getMinutes(), when.getSeconds()];
  const ms = String(when.getMilliseconds()).padStart(3, "0");
  return { date: `${y}-${two(mo + 1)}-${two(d)}`, time: `${two(h)}:${two(mi)}:${two(s)}`, ms };
}

/** `2026-05-31 12:00:00.000` */
export function fullTime(text: string): string {
  const when = new Date(text);
  if (Number.isNaN(when.getTime())) return text;
  const { date, time, ms } = parts(when);
  return `${date} ${time}.${ms}`;
}

/** `05-31 12:00:00.000`: the year is left out of rows. */
export function rowTime(text: string): string {
  return fullTime(text).slice(5);
}

/** `2026-05-31 12:00` */
export function minuteTime(ms: number): string {
  const { date, time } = parts(new Date(ms));
  return `${date} ${time.slice(0, 5)}`;
}

/** The name of the zone that times are shown in. */
export function zoneName(): string {
  return zone.value === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** `3 min ago`: by the largest unit, which is enough beside the time itself. */
export function ago(text: string, nowMs = Date.now()): string {
  const ms = nowMs - new Date(text).getTime();
  return ms < 1_000 ? "just now" : `${duration(ms).split(" ").slice(0, 2).join(" ")} ago`;
}

/** `850 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h` */
export function duration(ms: number): string {
  if (ms < 1) return `${ms.toFixed(ms === 0 ? 0 : 1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return pair(minutes, "min", Math.round((ms % 60_000) / 1_000), "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return pair(hours, "h", minutes % 60, "min");
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

function pair(large: number, unit: string, small: number, smallUnit: string): string {
  return small > 0 ? `${large} ${unit} ${small} ${smallUnit}` : `${large} ${unit}`;
}
