/** From when until when: presets, or two times. */
import { useState } from "preact/hooks";
import { minuteTime, zoneName } from "../format/time";
import { Popover } from "../parts/popover";
import { zone } from "../state/choices";
import { ALL_TIME, type Filters } from "../state/filters";
import { filters, show } from "../state/logs_url";

const PRESETS: [string, string][] = [
  ["15m", "Last 15 minutes"],
  ["1h", "Last hour"],
  ["4h", "Last 4 hours"],
  ["24h", "Last 24 hours"],
  ["3d", "Last 3 days"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
  [ALL_TIME, "All time"],
];

export function timeLabel({ since, until }: Filters): string {
  const preset = PRESETS.find(([value]) => value === since);
  if (preset && !until) return preset[1];
  const from = preset ? preset[1].toLowerCase() : bound(since);
  return until ? `${from} – ${bound(until)}` : `since ${from}`;
}

function bound(text: string): string {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? text : minuteTime(ms);
}

export function TimeChoice() {
  return (
    <Popover label={timeLabel(filters.value)} title="Time range" class="time-choice">
      {(close) => <Times close={close} />}
    </Popover>
  );
}

function Times({ close }: { close: () => void }) {
  const wanted = filters.value;
  const [from, setFrom] = useState(inputText(wanted.since));
  const [until, setUntil] = useState(inputText(wanted.until));
  const pick = (since: string) => {
    show({ ...wanted, since, until: "" });
    close();
  };
  const submit = (sent: Event) => {
    sent.preventDefault();
    show({ ...wanted, since: boundText(from) || ALL_TIME, until: boundText(until) });
    close();
  };
  return (
    <div class="times">
      <ul>
        {PRESETS.map(([value, name]) => (
          <li key={value}>
            <button type="button" class="value" aria-pressed={wanted.since === value && !wanted.until} onClick={() => pick(value)}>
              {name}
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={submit}>
        <label>
          From <input type="datetime-local" step="1" value={from} max={until} onInput={(typed) => setFrom(typed.currentTarget.value)} />
        </label>
        <label>
          Until <input type="datetime-local" step="1" value={until} min={from} onInput={(typed) => setUntil(typed.currentTarget.value)} />
        </label>
        <p class="dim">in {zoneName()}</p>
        <button type="submit" class="primary">
          Show
        </button>
      </form>
    </div>
  );
}

/** A time as the input writes it, in the zone that is chosen; empty for what is no time. */
function inputText(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return "";
  const offset = zone.value === "utc" ? 0 : new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offset).toISOString().slice(0, 19);
}

function boundText(input: string): string {
  if (!input) return "";
  return new Date(zone.value === "utc" ? `${input}Z` : input).toISOString();
}
