/** The bar on top: where to go, which project, which times, light or dark. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { projectList } from "./api/projects";
import { short } from "./format/numbers";
import { useLoaded } from "./parts/loaded";
import { Popover } from "./parts/popover";
import { Failed, Waiting } from "./parts/states";
import { theme, zone } from "./state/choices";
import { href, path, place, go } from "./state/location";
import { projects, viewHref } from "./state/logs_url";

const VIEWS: [string, string][] = [
  ["/", "Event logs"],
  ["/syncs", "Managed Sync"],
  ["/tools", "ActionKit"],
  ["/workflows", "Workflows"],
  ["/credentials", "Credentials"],
  ["/sql", "SQL"],
  ["/store", "Store"],
];

const THEMES = { auto: "As the system", light: "Light", dark: "Dark" } as const;

export function Header() {
  return (
    <header class="top">
      <a class="brand" href={viewHref("/")}>
        Annals
      </a>
      <nav aria-label="Views">
        {VIEWS.map(([to, name]) => (
          <a key={to} href={viewHref(to)} aria-current={path.value === to ? "page" : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <div class="choices">
        <ProjectChoice />
        <button
          type="button"
          class="quiet"
          title="Times in local time or in UTC"
          aria-label={`Times are in ${zone.value === "utc" ? "UTC" : "local time"}: change`}
          onClick={() => {
            zone.value = zone.value === "utc" ? "local" : "utc";
          }}
        >
          {zone.value === "utc" ? "UTC" : "Local"}
        </button>
        <label class="theme">
          <span class="hidden">Theme</span>
          <select
            value={theme.value}
            onChange={(change) => {
              theme.value = change.currentTarget.value as keyof typeof THEMES;
            }}
          >
            {Object.entries(THEMES).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
    </header>
  );
}

function ProjectChoice() {
  const chosen = projects.value;
  const label = chosen.length === 0 ? "All projects" : chosen.length === 1 ? chosen[0] : `${chosen.length} projects`;
  return (
    <Popover label={label} title="Project" isActive={chosen.length > 0}>
      {(close) => <ProjectList close={close} />}
    </Popover>
  );
}

function choose(project: string): void {
  const params = new URLSearchParams(place.value.params);
  params.delete("project");
  params.delete("event");
  if (project) params.set("project", project);
  go(href(path.value, params));
}

function ProjectList({ close }: { close: () => void }) {
  const [wanted, setWanted] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => input.current?.focus(), []);
  const found = useLoaded("projects", projectList);
  const pick = (project: string) => {
    choose(project);
    close();
  };
  const values = (found.value ?? []).filter(({ value }) => value.includes(wanted.trim()));
  return (
    <div class="values">
      <input
        type="search"
        placeholder="Find a project"
        aria-label="Find a project"
        value={wanted}
        ref={input}
        onInput={(typed) => setWanted(typed.currentTarget.value)}
      />
      {found.error ? <Failed error={found.error} again={found.again} /> : null}
      {!found.value && found.isLoading ? <Waiting what="projects" /> : null}
      <ul>
        <li>
          <button type="button" class="value" aria-pressed={projects.value.length === 0} onClick={() => pick("")}>
            All projects
          </button>
        </li>
        {values.map(({ value, count: events }) => (
          <li key={value}>
            <button type="button" class="value" aria-pressed={projects.value.includes(value)} onClick={() => pick(value)}>
              <span>{value}</span> <span class="dim">{events > 0 ? short(events) : "new"}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
