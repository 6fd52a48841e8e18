/** One refused record: why and where from, its text folded, to be sent again as it is or changed. */
import { useState } from "preact/hooks";
import { bytes, count } from "../format/numbers";
import { ago, fullTime } from "../format/time";
import { Copy } from "../parts/copy";
import { Failed } from "../parts/states";
import { type Letter, type Outcome, outcomeText } from "./letters";
import { resendOne } from "./resend";

interface Props {
  letter: Letter;
  /** Why it was refused when the whole page was sent. */
  refusedAgain?: string;
  /** Whether it is in the store since the whole page was sent. */
  isTaken: boolean;
  isBusy: boolean;
}

export function DeadLetter({ letter, refusedAgain, isTaken, isBusy }: Props) {
  const [text, setText] = useState(letter.text);
  const [isOpen, setOpen] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>();
  const [error, setError] = useState<unknown>();
  const [isSending, setSending] = useState(false);
  const isChanged = text !== letter.text;
  const canSend = text.trim() !== "" && (isChanged || letter.flaw === undefined);
  const sendOne = async () => {
    setSending(true);
    setError(undefined);
    setOutcome(undefined);
    try {
      setOutcome(await resendOne(letter, text));
    } catch (problem) {
      setError(problem);
    }
    setSending(false);
  };
  const reason = outcome ? outcome.reasons[letter.id] : refusedAgain;
  return (
    <li>
      <p class="reason">{letter.reason || "No reason was kept."}</p>
      <p class="dim">
        <time dateTime={letter.timestamp} title={ago(letter.timestamp)}>
          {fullTime(letter.timestamp)}
        </time>
        {` · ${letter.project}`}
        {letter.source && ` · over ${letter.source}`}
        {letter.index !== undefined && ` · record ${count(letter.index)}`}
        {letter.line ? `, line ${count(letter.line)}` : ""}
        {letter.bytes !== undefined && ` · ${bytes(letter.bytes)}`}
        {letter.flaw && ` · ${letter.flaw}`}
      </p>
      <details onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
        <summary>{letter.flaw ? "What there is of its text" : "Its text"}</summary>
        {isOpen && (
          <>
            <textarea
              class="mono"
              aria-label={`Text of the record that was refused ${fullTime(letter.timestamp)}`}
              rows={Math.min(14, Math.max(3, Math.ceil(text.length / 90)))}
              spellcheck={false}
              value={text}
              onInput={(typed) => setText(typed.currentTarget.value)}
            />
            <p>
              <Copy text={text} what="the text" />
              {isChanged && (
                <button type="button" class="quiet" onClick={() => setText(letter.text)}>
                  As it was
                </button>
              )}
            </p>
          </>
        )}
      </details>
      <p class="letter-bar">
        <button type="button" disabled={!canSend || isSending || isBusy} onClick={sendOne}>
          {isSending ? "Sending…" : isChanged ? "Send the changed text" : "Send again"}
        </button>
        <span role="status">
          {outcome && outcomeText(outcome)}
          {!outcome && isTaken && "In the store now."}
          {reason && <span class="failed-word"> Refused: {reason}</span>}
        </span>
      </p>
      {error !== undefined && <Failed error={error} />}
    </li>
  );
}
