/** {@link Letter}: a refused record, and sending it again by the rules of `annals dead-letters --retry`. Pure. */
import type { Json, LogEvent, Receipt } from "../api/types";

/** The project of letters whose record names none: such a record is sent without one too. */
const UNASSIGNED = "annals.unassigned";
/** Bytes of one request. */
const BODY_BYTES = 4 << 20;

export interface Letter {
  id: string;
  /** When it was refused. */
  timestamp: string;
  project: string;
  reason: string;
  /** `http`, `otlp_http`, …: where it came in. */
  source: string;
  index?: number;
  line?: number;
  /** Of the record as it came; `text` has fewer where it is only the beginning. */
  bytes?: number;
  text: string;
  /** Why the text is not the record, if it is not. */
  flaw?: string;
}

export function letterOf(event: LogEvent): Letter {
  const { error } = event;
  const told = typeof error === "object" && error !== null && !Array.isArray(error) ? error : {};
  const text = typeof event.payload === "string" ? event.payload : event.payload == null ? "" : JSON.stringify(event.payload);
  const bytes = number(told.bytes);
  return {
    id: event.id,
    timestamp: event.timestamp,
    project: event.projectId,
    reason: event.message ?? "",
    source: typeof told.source === "string" ? told.source : "",
    index: number(told.index),
    line: number(told.line),
    bytes,
    text,
    flaw: flawOf(told, text, bytes),
  };
}

function flawOf(told: { [member: string]: Json }, text: string, bytes: number | undefined): string | undefined {
  if (!text.trim()) return "its text was not kept";
  if (told.truncated === true) return "only its beginning was kept";
  if (told.encoding === "hex") return "it is no text: these are its bytes in hex";
  const length = new TextEncoder().encode(text).length;
  return bytes !== undefined && bytes !== length ? "it was not kept whole" : undefined;
}

function number(value: Json | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** The project that a letter's record is sent to. */
export function projectOf({ project }: Letter): string | undefined {
  return project === UNASSIGNED ? undefined : project;
}

/** One line of a body: line feeds of JSON stand between its tokens only, where a blank means the same. */
export function lineOf(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ").trim();
}

export interface Body {
  project?: string;
  letters: Letter[];
}

/** Letters that can be sent as they are, in bodies by project. */
export function bodies(letters: Letter[]): Body[] {
  const found: Body[] = [];
  const open = new Map<string, { body: Body; size: number }>();
  for (const letter of letters) {
    if (letter.flaw) continue;
    let current = open.get(letter.project);
    if (!current || current.size + letter.text.length > BODY_BYTES) {
      current = { body: { project: projectOf(letter), letters: [] }, size: 0 };
      open.set(letter.project, current);
      found.push(current.body);
    }
    current.body.letters.push(letter);
    current.size += letter.text.length;
  }
  return found;
}

/** The receipt of a request all of whose records were refused: the server answers 422 with it. */
export function receiptIn(text: string): Receipt | undefined {
  try {
    const found = JSON.parse(text) as Partial<Receipt>;
    return typeof found.refused === "number" && Array.isArray(found.refusals) ? (found as Receipt) : undefined;
  } catch {
    return undefined;
  }
}

export interface Outcome {
  accepted: number;
  duplicates: number;
  refused: number;
  /** Letters that were left out, for their text is not the record. */
  skipped: number;
  /** Why a letter was refused again, by its id. */
  reasons: Record<string, string>;
  /** Ids of the letters that are in the store now. */
  taken: string[];
}

export const NO_OUTCOME: Outcome = { accepted: 0, duplicates: 0, refused: 0, skipped: 0, reasons: {}, taken: [] };

/** An outcome with what became of one more body. */
export function withReceipt(outcome: Outcome, letters: Letter[], receipt: Receipt): Outcome {
  const reasons = { ...outcome.reasons };
  for (const { index, reason } of receipt.refusals) {
    const letter = letters[index];
    if (letter) reasons[letter.id] = reason;
  }
  return {
    accepted: outcome.accepted + receipt.accepted,
    duplicates: outcome.duplicates + receipt.duplicates,
    refused: outcome.refused + receipt.refused,
    skipped: outcome.skipped,
    reasons,
    taken: [...outcome.taken, ...letters.map(({ id }) => id).filter((id) => !(id in reasons))],
  };
}

export function outcomeText({ accepted, duplicates, refused, skipped }: Outcome): string {
  const sent = accepted + duplicates + refused;
  const parts = [`${sent} sent again: ${accepted} accepted`];
  if (duplicates > 0) parts.push(`${duplicates} known already`);
  parts.push(`${refused} refused`);
  const left = skipped > 0 ? `; ${skipped} not sent, for they were not kept whole or are no text` : "";
  return `${parts.join(", ")}${left}.`;
}
