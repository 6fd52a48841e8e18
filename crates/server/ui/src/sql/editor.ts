/**
 * {@link mountEditor}: the statement's editor, CodeMirror in a shadow root. A chunk of its own, loaded when it is wanted.
 *
 * The shadow root is there for the page's Content-Security-Policy: in it, CodeMirror adopts constructed style sheets where it
 * would otherwise put a <style> into the document. Tab is not bound, so the keyboard can leave.
 */
import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { PostgreSQL, sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, type Extension, Prec } from "@codemirror/state";
import { EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { minimalSetup } from "codemirror";
import type { Completions } from "./completions";
import { namedIn } from "./tables";

export interface EditorHandlers {
  onText(text: string): void;
  onRun(text: string): void;
}

export interface Editor {
  setText(text: string): void;
  setCompletions(completions: Completions): void;
  focus(): void;
  destroy(): void;
}

const THEME = EditorView.theme({
  "&": { color: "var(--fg)", backgroundColor: "var(--bg)", maxHeight: "40vh", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5", overflow: "auto" },
  ".cm-content": { minHeight: "7.5em", caretColor: "var(--fg)" },
  ".cm-cursor": { borderLeftColor: "var(--fg)" },
  ".cm-gutters": { backgroundColor: "var(--panel)", color: "var(--dim)", borderRight: "1px solid var(--line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 30%, var(--bg))",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--hover)", outline: "1px solid var(--line)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "transparent", outline: "1px solid var(--error)" },
  ".cm-placeholder": { color: "var(--dim)" },
  ".cm-tooltip": { backgroundColor: "var(--bg)", color: "var(--fg)", border: "1px solid var(--line)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxWidth: "min(90vw, 640px)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--accent-fg)",
  },
  ".cm-completionDetail": { fontStyle: "normal", opacity: "0.85" },
});

const COLOURS = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--info)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: [tags.lineComment, tags.blockComment], color: "var(--dim)", fontStyle: "italic" },
  { tag: tags.typeName, color: "var(--warn)" },
]);

/** Puts an editor into `host`, which has no shadow root yet or one of an editor that was destroyed. */
export function mountEditor(host: HTMLElement, text: string, completions: Completions, handlers: EditorHandlers): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const language = new Compartment();
  const run = ({ state }: EditorView) => {
    handlers.onRun(state.doc.toString());
    return true;
  };
  const state = EditorState.create({
    doc: text,
    extensions: [
      // Before the default keys, which have a blank line for it.
      Prec.highest(keymap.of([{ key: "Mod-Enter", run }])),
      minimalSetup,
      lineNumbers(),
      bracketMatching(),
      autocompletion({ maxRenderedOptions: 60, icons: false }),
      syntaxHighlighting(COLOURS),
      THEME,
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ "aria-label": "SQL statement" }),
      placeholder("select … from events"),
      language.of(dialect(completions)),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) handlers.onText(update.state.doc.toString());
      }),
    ],
  });
  const view = new EditorView({ state, parent: root, root });
  return {
    setText(wanted) {
      if (wanted === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: wanted } });
    },
    setCompletions(found) {
      view.dispatch({ effects: language.reconfigure(dialect(found)) });
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

function dialect(completions: Completions): Extension {
  return [
    sql({ dialect: PostgreSQL, schema: completions.tables }),
    PostgreSQL.language.data.of({ autocomplete: columnSource(completions) }),
    PostgreSQL.language.data.of({ autocomplete: pathSource(completions) }),
  ];
}

/** Columns without a table before them: those of the tables that the statement names. */
function columnSource({ tables }: Completions) {
  return (context: CompletionContext): CompletionResult | null => {
    const word = context.matchBefore(/[\w]+$/);
    if (!word && !context.explicit) return null;
    const from = word?.from ?? context.pos;
    // After a dot the schema's own source knows better; inside quotes there are no columns.
    if (/[.'"]/.test(context.state.sliceDoc(from - 1, from))) return null;
    const options = new Map<string, Completion>();
    for (const table of namedIn(context.state.doc.toString(), tables)) {
      for (const label of tables[table] ?? []) {
        if (!options.has(label)) options.set(label, { label, type: "property", detail: table });
      }
    }
    return { from, options: [...options.values()], validFor: /^\w*$/ };
  };
}

/** Members of payloads, as expressions. They go on matching while the arrows and quotes of one are typed. */
function pathSource({ paths, sampled }: Completions) {
  const options = paths.map(
    ({ expression, count }, at): Completion => ({
      label: expression,
      type: "variable",
      detail: `in ${count} of ${sampled}`,
      boost: -Math.min(at, 90),
    }),
  );
  return (context: CompletionContext): CompletionResult | null => {
    const typed = context.matchBefore(/payload[\w>'-]*$|\w{2,}$/);
    if (options.length === 0 || (!typed && !context.explicit)) return null;
    return { from: typed?.from ?? context.pos, options, validFor: /^[\w>'-]*$/ };
  };
}
