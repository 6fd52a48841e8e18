/** Refused records, a page at a time, and sending them again. */
import { useEffect, useState } from "preact/hooks";
import { Problem } from "../api/client";
import { deadLetters, type Query } from "../api/events";
import { useLoaded } from "../parts/loaded";
import { Failed, Nothing, Waiting } from "../parts/states";
import { projects } from "../state/logs_url";
import { DeadLetter } from "./dead_letter";
import { type Letter, letterOf, type Outcome, outcomeText } from "./letters";
import { resendAll } from "./resend";

const PAGE = 50;

export function DeadLetters() {
  const chosen = projects.value;
  /** Cursors of the pages up to this one; the first page has none. */
  const [cursors, setCursors] = useState<string[]>([]);
  const cursor = cursors.at(-1);
  useEffect(() => setCursors([]), [chosen.join(",")]);
  const query: Query = [...chosen.map((project): [string, string] => ["project", project]), ["limit", String(PAGE)]];
  if (cursor) query.push(["after", cursor]);
  const page = useLoaded(JSON.stringify(query), (signal) => deadLetters(query, signal));
  const next = page.value?.next;
  return (
    <section aria-labelledby="letters">
      <h2 id="letters">Dead letters</h2>
      <p class="dim">Records that were refused, newest first. They stay here when they are sent again.</p>
      {page.error !== undefined && <NoPage error={page.error} again={page.again} />}
      {page.isLoading && !page.value && <Waiting what="dead letters" />}
      {page.value && (
        <Page
          // A page's outcome and opened letters are its own.
          key={`${cursor ?? ""} ${page.value.events[0]?.id ?? ""}`}
          letters={page.value.events.map(letterOf)}
          isLoading={page.isLoading}
          again={page.again}
        />
      )}
      {(cursors.length > 0 || next) && (
        <nav class="pages" aria-label="Pages of dead letters">
          <button type="button" disabled={cursors.length === 0 || page.isLoading} onClick={() => setCursors(cursors.slice(0, -1))}>
            Newer
          </button>
          <span class="dim">Page {cursors.length + 1}</span>
          <button type="button" disabled={!next || page.isLoading} onClick={() => next && setCursors([...cursors, next])}>
            Older
          </button>
        </nav>
      )}
    </section>
  );
}

function NoPage({ error, again }: { error: unknown; again: () => void }) {
  if (error instanceof Problem && error.status === 404) return <Nothing>This server keeps no dead letters.</Nothing>;
  return <Failed error={error} again={again} />;
}

interface PageProps {
  letters: Letter[];
  isLoading: boolean;
  again(): void;
}

function Page({ letters, isLoading, again }: PageProps) {
  const [outcome, setOutcome] = useState<Outcome>();
  const [error, setError] = useState<unknown>();
  const [isSending, setSending] = useState(false);
  if (letters.length === 0) return <Nothing>No record was refused.</Nothing>;
  const whole = letters.filter(({ flaw }) => flaw === undefined).length;
  const sendAll = async () => {
    setSending(true);
    setError(undefined);
    try {
      await resendAll(letters, setOutcome);
    } catch (problem) {
      setError(problem);
    }
    setSending(false);
  };
  return (
    <>
      <div class="letter-bar">
        <button type="button" disabled={isSending || whole === 0} onClick={sendAll}>
          {isSending ? "Sending…" : `Send this page again (${whole})`}
        </button>
        <button type="button" class="quiet" disabled={isLoading} onClick={again}>
          {isLoading ? "Loading…" : "Load again"}
        </button>
        <span role="status">{outcome && !isSending ? outcomeText(outcome) : ""}</span>
      </div>
      {error !== undefined && <Failed error={error} />}
      <ul class="letters" aria-label="Dead letters">
        {letters.map((letter) => (
          <DeadLetter
            key={letter.id}
            letter={letter}
            refusedAgain={outcome?.reasons[letter.id]}
            isTaken={outcome?.taken.includes(letter.id) ?? false}
            isBusy={isSending}
          />
        ))}
      </ul>
    </>
  );
}
