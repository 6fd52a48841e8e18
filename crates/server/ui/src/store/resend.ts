/** Sends the records of dead letters as new events. Nothing is removed: the letters stay. */
import { Problem } from "../api/client";
import { send } from "../api/events";
import type { Receipt } from "../api/types";
import { bodies, type Letter, lineOf, NO_OUTCOME, type Outcome, projectOf, receiptIn, withReceipt } from "./letters";

/** Sends all of them that were kept whole. Calls `tell` after each body, so that what was sent is known if the next fails. */
export async function resendAll(letters: Letter[], tell: (outcome: Outcome) => void): Promise<void> {
  const sendable = bodies(letters);
  const skipped = letters.filter(({ flaw }) => flaw !== undefined).length;
  let outcome: Outcome = { ...NO_OUTCOME, skipped };
  tell(outcome);
  for (const body of sendable) {
    const lines = body.letters.map(({ text }) => lineOf(text));
    outcome = withReceipt(outcome, body.letters, await receipt(lines, body.project));
    tell(outcome);
  }
}

/** Sends one, with the text that a person made of it. */
export async function resendOne(letter: Letter, text: string): Promise<Outcome> {
  return withReceipt(NO_OUTCOME, [letter], await receipt([lineOf(text)], projectOf(letter)));
}

/** The receipt, of refused records as of others. */
async function receipt(lines: string[], project: string | undefined): Promise<Receipt> {
  try {
    return await send(lines, project);
  } catch (error) {
    const found = error instanceof Problem && error.status === 422 ? receiptIn(error.message) : undefined;
    if (found) return found;
    throw error;
  }
}
