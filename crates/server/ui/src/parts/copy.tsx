import { useState } from "preact/hooks";

/** A button that copies a text and says so. */
export function Copy({ text, what, label = "Copy" }: { text: string; what: string; label?: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      setSaid("Not allowed by the browser");
    }
    setTimeout(() => setSaid(""), 1_500);
  };
  return (
    <button type="button" class="quiet" onClick={copy} title={`Copy ${what}`}>
      <span aria-live="polite">{said || label}</span> <span class="hidden">{what}</span>
    </button>
  );
}
