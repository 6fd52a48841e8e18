/** Server-sent events cut out of text that comes in pieces (HTML, section 9.2.6). */

export interface Frame {
  event: string;
  id?: string;
  data: string;
}

/** Keeps what is not yet a whole frame for the next piece. */
export class Frames {
  private rest = "";

  push(text: string): Frame[] {
    this.rest += text;
    const parts = this.rest.split(/\r?\n\r?\n/);
    this.rest = parts.pop() ?? "";
    return parts.map(frameOf);
  }
}

function frameOf(part: string): Frame {
  const frame: Frame = { event: "", data: "" };
  const data: string[] = [];
  for (const line of part.split(/\r?\n/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === "event") frame.event = value ?? "";
    if (field === "id") frame.id = value;
    if (field === "data") data.push(value ?? "");
  }
  frame.data = data.join("\n");
  return frame;
}
