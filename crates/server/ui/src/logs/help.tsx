import { useEffect, useRef } from "preact/hooks";

const KEYS: [string, string][] = [
  ["/", "search"],
  ["j, k", "next and previous row (also ↓ ↑)"],
  ["Enter", "expand the row, or fold it"],
  ["t", "the row's trace"],
  ["Esc", "close what is open"],
  ["?", "this help"],
];

/** The keys, and how words are searched for. */
export function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog class="help" ref={dialog} onClose={close} aria-labelledby="help-title">
      <h2 id="help-title">Keys</h2>
      <dl>
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h2>Search</h2>
      <SearchRules />
      <form method="dialog">
        <button type="submit" class="primary">
          Close
        </button>
      </form>
    </dialog>
  );
}

export function SearchRules() {
  return (
    <ul class="rules">
      <li>
        <code>rate limited</code> finds events in which both words stand, in message, payload or error.
      </li>
      <li>
        <code>"rate limited"</code> finds them together, in this order.
      </li>
      <li>
        A word matches whole: <code>limit</code> does not find <i>limited</i>, <code>limit*</code> does.
      </li>
      <li>Letters match in either case. Ids, numbers and e-mail addresses are found fastest.</li>
    </ul>
  );
}
