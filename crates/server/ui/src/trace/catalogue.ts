/** What a message is by the catalogue of known kinds: its role in the life of an execution, and its subject. Pure. */

export type Role = "start" | "step" | "end" | "failure";

export interface Kind {
  type: string;
  /** The message; `{x}` stands for any text. */
  message: string;
  role: Role;
}

export interface Meaning {
  role: Role;
  /** What the event is about, such as the tool's name, where the message names it. */
  subject: string;
}

/** A placeholder that names what a start and its end are about; others only say more. */
const NAMING = /\{(ACTION_NAME|taskName)\}/;

/** A catalogue made ready to be asked. */
export class Catalogue {
  private readonly byType = new Map<string, { pattern: RegExp; role: Role; fixed: number; isNamed: boolean }[]>();

  constructor(all: Kind[]) {
    for (const { type, message, role } of all) {
      const isNamed = NAMING.test(message);
      const fixed = message.replace(/\{\w+\}/g, "");
      const pattern = message
        .split(/\{\w+\}/)
        .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
        .join("(.+?)");
      const held = this.byType.get(type) ?? [];
      held.push({ pattern: new RegExp(`^${pattern}$`, "s"), role, fixed: fixed.length, isNamed });
      // The most literal kind that fits is meant: "Sync error: Authentication Failed" before "Sync error: {message}".
      held.sort((left, right) => right.fixed - left.fixed);
      this.byType.set(type, held);
    }
  }

  /** What an event is; one that the catalogue does not know is a step, or a failure when it is an error. */
  meaning(type: string, message: string, level: string): Meaning {
    for (const { pattern, role, isNamed } of this.byType.get(type) ?? []) {
      const found = pattern.exec(message);
      if (found) return { role, subject: isNamed ? (found[1] ?? "") : "" };
    }
    return { role: level === "ERROR" ? "failure" : "step", subject: "" };
  }
}
