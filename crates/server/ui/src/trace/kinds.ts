/** The catalogue of known kinds of event, asked for once. */
import { runSql } from "../api/sql";
import type { Kind } from "./catalogue";

let asked: Promise<Kind[]> | null = null;

/** The catalogue, asked for once. */
export function kinds(): Promise<Kind[]> {
  asked ??= runSql("select type, message, role from event_kinds").then(
    ({ rows }) => rows as unknown as Kind[],
    (error: unknown) => {
      asked = null;
      throw error;
    },
  );
  return asked;
}
