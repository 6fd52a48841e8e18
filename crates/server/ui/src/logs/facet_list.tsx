/** The values of a field among the events that all other filters let through, with counts, and any value typed. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { facets } from "../api/events";
import { short } from "../format/numbers";
import { useLoaded } from "../parts/loaded";
import { Failed, Waiting } from "../parts/states";
import { excluded, FIELD_LABELS, type Field, filterQuery, toggled, without } from "../state/filters";
import { filters, show } from "../state/logs_url";

const VALUES_MAX = 1_000;

export function FacetList({ field }: { field: Field }) {
  const [text, setText] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => input.current?.focus(), []);
  const query = filterQuery(without(filters.value, field));
  const found = useLoaded(JSON.stringify(query), (signal) => facets(query, [field], VALUES_MAX, signal));
  const name = FIELD_LABELS[field];
  const chosen = filters.value.only[field] ?? [];
  const typed = text.trim();
  const values = found.value?.facets[field] ?? [];
  const counted = new Set(values.map(({ value }) => value));
  const uncounted = chosen.filter((value) => !counted.has(value)).map((value) => ({ value, count: 0 }));
  const listed = [...uncounted, ...values].filter(({ value }) => value.toLowerCase().includes(typed.toLowerCase()));
  const toggle = (value: string) => show(toggled(filters.value, field, value));
  const take = () => {
    const only = listed.length === 1 ? listed[0]?.value : typed;
    if (only) toggle(only);
  };
  // Who types faster than the values come means one of them.
  const [isSent, setSent] = useState(false);
  const hasCome = found.value !== undefined || found.error !== undefined;
  useEffect(() => {
    if (isSent && hasCome) {
      setSent(false);
      take();
    }
  }, [isSent, hasCome]);
  const submit = (sent: Event) => {
    sent.preventDefault();
    if (hasCome) take();
    else setSent(true);
  };
  return (
    <form class="values" onSubmit={submit}>
      <input
        type="search"
        placeholder={`Find or type a value`}
        aria-label={`Find or type: ${name}`}
        value={text}
        spellcheck={false}
        autocomplete="off"
        ref={input}
        onInput={(change) => setText(change.currentTarget.value)}
      />
      {found.error ? <Failed error={found.error} again={found.again} /> : null}
      {!found.value && found.isLoading ? <Waiting what="values" /> : null}
      <ul aria-label={`Values of ${name}`}>
        {listed.map(({ value, count }) => (
          <li key={value} class="facet">
            <button type="button" class="value" aria-pressed={chosen.includes(value)} onClick={() => toggle(value)} title={value}>
              <span>{value}</span> <span class="dim">{count > 0 ? short(count) : ""}</span>
            </button>
            <button
              type="button"
              class="quiet"
              title={`Leave ${value} out`}
              aria-label={`Leave ${value} out`}
              onClick={() => show(excluded(filters.value, field, value))}
            >
              ≠
            </button>
          </li>
        ))}
      </ul>
      {typed && !counted.has(typed) && (
        <button type="submit">
          {name} is <b>{listed.length === 1 ? listed[0]?.value : typed}</b>
        </button>
      )}
      {found.value && values.length === 0 && !typed && <p class="dim">No event of this view has one.</p>}
      {values.length === VALUES_MAX && <p class="dim">The {VALUES_MAX} most frequent; type any other.</p>}
    </form>
  );
}
