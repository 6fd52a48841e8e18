/** Everything that narrows the rows. Each change is a new address, so that Back undoes it and a copy of it shares it. */
import { useEffect, useState } from "preact/hooks";
import { Copy } from "../parts/copy";
import { Popover } from "../parts/popover";
import { problemText } from "../api/client";
import { cleared, countOf, FIELD_LABELS, type Field, toggled } from "../state/filters";
import { filters, show } from "../state/logs_url";
import { FacetList } from "./facet_list";
import { SearchRules } from "./help";
import type { LogList } from "./log_list";
import { TimeChoice } from "./time_choice";

/** Fields with a list of their own, in the order of the bar. */
const LISTED: Field[] = ["level", "type", "status", "user", "integration", "workflow", "event_name", "trace"];

interface Props {
  list: LogList;
  setTail(on: boolean): void;
  showHelp(): void;
}

export function FilterBar({ list, setTail, showHelp }: Props) {
  const wanted = filters.value;
  return (
    <section class="filter-bar" aria-label="Filters">
      <div class="filter-row">
        <Search />
        <TimeChoice />
        <Tail list={list} setTail={setTail} />
        <Copy text={window.location.href} what="the address of this view" label="Share" />
        <button type="button" class="quiet" onClick={showHelp} aria-label="Keys and search rules" title="Keys and search rules ( ? )">
          ?
        </button>
      </div>
      <div class="filter-row">
        {LISTED.map((field) => (
          <FieldChoice key={field} field={field} />
        ))}
      </div>
      {countOf(wanted) > 0 && <Chips />}
    </section>
  );
}

function Search() {
  const given = filters.value.q;
  const [text, setText] = useState(given);
  useEffect(() => setText(given), [given]);
  const submit = (sent: Event) => {
    sent.preventDefault();
    show({ ...filters.value, q: text.trim() });
  };
  return (
    <form class="search" role="search" onSubmit={submit}>
      <label class="hidden" for="search">
        Search messages and payloads
      </label>
      <input
        id="search"
        type="search"
        placeholder="Words in message, payload or error ( / )"
        value={text}
        maxLength={4_096}
        spellcheck={false}
        autocomplete="off"
        onInput={(typed) => setText(typed.currentTarget.value)}
        onKeyDown={(key) => {
          if (key.key === "Escape") key.currentTarget.blur();
        }}
        onSearch={submit}
      />
      <button type="submit">Search</button>
      <Popover label="Rules" title="How search works" class="rules-choice">
        {() => <SearchRules />}
      </Popover>
    </form>
  );
}

function FieldChoice({ field }: { field: Field }) {
  const chosen = filters.value.only[field] ?? [];
  const name = FIELD_LABELS[field];
  const label = chosen.length === 0 ? name : `${name}: ${chosen.length === 1 ? chosen[0] : chosen.length}`;
  return (
    <Popover label={label} title={name} isActive={chosen.length > 0} class="field-choice">
      {() => <FacetList field={field} />}
    </Popover>
  );
}

function Tail({ list, setTail }: { list: LogList; setTail(on: boolean): void }) {
  const state = list.tail.value;
  const words = { off: "Live", connecting: "Connecting…", live: "Live", lost: "Connection lost, trying again…" };
  const problem = list.tailProblem.value;
  return (
    <button
      type="button"
      class={`tail ${state}`}
      aria-pressed={state !== "off"}
      title={problem ? problemText(problem) : "Show events as they come"}
      onClick={() => setTail(state === "off")}
    >
      <span class="dot" aria-hidden="true" /> {words[state]}
    </button>
  );
}

function Chips() {
  const wanted = filters.value;
  const only = Object.entries(wanted.only) as [Field, string[]][];
  return (
    <ul class="chips" aria-label="Filters in effect">
      {wanted.q && <Chip text={`contains ${wanted.q}`} drop={() => show({ ...wanted, q: "" })} />}
      {only.flatMap(([field, values]) =>
        values.map((value) => (
          <Chip key={`${field}:${value}`} text={`${FIELD_LABELS[field]} ${value}`} drop={() => show(toggled(wanted, field, value))} />
        )),
      )}
      {wanted.not.map((left) => (
        <Chip
          key={`not ${left.field}:${left.value}`}
          text={`not ${FIELD_LABELS[left.field]} ${left.value}`}
          drop={() => show({ ...wanted, not: wanted.not.filter((other) => other !== left) })}
        />
      ))}
      <li>
        <button type="button" class="quiet" onClick={() => show(cleared(wanted))}>
          Clear all
        </button>
      </li>
    </ul>
  );
}

function Chip({ text, drop }: { text: string; drop: () => void }) {
  return (
    <li class="chip">
      <span>{text}</span>
      <button type="button" class="quiet" aria-label={`Remove: ${text}`} onClick={drop}>
        ×
      </button>
    </li>
  );
}
