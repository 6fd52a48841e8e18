/** The address bar as state: where the page is, and the one way to go elsewhere. */
import { computed, signal } from "@preact/signals";

export interface Place {
  path: string;
  params: URLSearchParams;
}

function current(): Place {
  return { path: window.location.pathname, params: new URLSearchParams(window.location.search) };
}

export const place = signal<Place>(current());

/** The path alone, so that what depends on it does not follow every filter. */
export const path = computed(() => place.value.path);

window.addEventListener("popstate", () => {
  place.value = current();
});

export function href(to: string, params?: URLSearchParams): string {
  const query = params?.toString();
  return query ? `${to}?${query}` : to;
}

/** Goes to an address of this page. `replace` leaves no step to come back to. */
export function go(to: string, options: { replace?: boolean } = {}): void {
  const { pathname, search, hash } = window.location;
  // A step that goes nowhere would have to be gone back from.
  if (to === pathname + search + hash) return;
  if (options.replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  place.value = current();
}

/** Makes links of this page go without loading it again; with a modifier key, the browser does what it always does. */
export function followLinks(root: HTMLElement): void {
  root.addEventListener("click", (click) => {
    if (click.defaultPrevented || click.button !== 0 || click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return;
    const link = (click.target as Element).closest("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== window.location.origin) return;
    click.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
