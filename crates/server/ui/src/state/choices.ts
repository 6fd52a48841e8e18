/** What a person chose and keeps over visits: theme, zone, project. In this browser alone. */
import { effect, signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";
export type Zone = "local" | "utc";

function kept<T extends string>(name: string, allowed: readonly T[], fallback: T) {
  const key = `annals.${name}`;
  const found = localStorage.getItem(key) as T | null;
  const choice = signal<T>(found && allowed.includes(found) ? found : fallback);
  effect(() => localStorage.setItem(key, choice.value));
  return choice;
}

export const theme = kept<Theme>("theme", ["auto", "light", "dark"], "auto");
export const zone = kept<Zone>("zone", ["local", "utc"], "local");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});
