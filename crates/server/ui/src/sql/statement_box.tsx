/** Where the statement is written: the editor when its chunk is there, a plain text area until then or without it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Completions } from "./completions";
import type { Editor } from "./editor";

/** A text that comes from elsewhere than the keyboard. A new object each time: typed text never comes back as one. */
export interface Given {
  text: string;
}

interface Props {
  text: string;
  given: Given;
  completions: Completions;
  onText(text: string): void;
  onRun(text: string): void;
}

export function StatementBox(props: Props) {
  const { text, given, completions } = props;
  const host = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const editor = useRef<Editor>(undefined);
  const newest = useRef(props);
  newest.current = props;
  const [isReady, setReady] = useState(false);

  useEffect(() => {
    let isGone = false;
    import("./editor").then(
      ({ mountEditor }) => {
        if (isGone || !host.current) return;
        const wasFocused = document.activeElement === area.current;
        const { text, completions } = newest.current;
        editor.current = mountEditor(host.current, text, completions, {
          onText: (typed) => newest.current.onText(typed),
          onRun: (typed) => newest.current.onRun(typed),
        });
        host.current.hidden = false;
        setReady(true);
        if (wasFocused) editor.current.focus();
      },
      // The text area stays and does the same.
      () => undefined,
    );
    return () => {
      isGone = true;
      editor.current?.destroy();
    };
  }, []);

  // Not on `text`: what was typed meanwhile would be taken back, and that told as typed again, without end.
  useEffect(() => editor.current?.setText(given.text), [given]);
  useEffect(() => editor.current?.setCompletions(completions), [completions]);

  const onKeyDown = (key: KeyboardEvent) => {
    if (key.key !== "Enter" || !(key.ctrlKey || key.metaKey)) return;
    key.preventDefault();
    props.onRun(text);
  };
  return (
    <div class="statement">
      <div ref={host} hidden={!isReady} />
      {!isReady && (
        <textarea
          ref={area}
          class="mono"
          aria-label="SQL statement"
          placeholder="select … from events"
          rows={6}
          spellcheck={false}
          value={text}
          onInput={(typed) => props.onText(typed.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
      )}
    </div>
  );
}
