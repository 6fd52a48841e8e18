/** {@link parseOpenMetrics}: the text of `/metrics` as samples. Pure (OpenMetrics 1.0, the parts that have values). */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPED: Record<string, string> = { n: "\n", '"': '"', "\\": "\\" };

/** The samples of a text, in its order. Comments and lines that are no sample are passed over. */
export function parseOpenMetrics(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, labels, value] = LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const number = numberOf(value);
    if (number !== undefined) samples.push({ name, labels: labelsOf(labels ?? ""), value: number });
  }
  return samples;
}

/** The sum over the samples of a name; undefined where there is none. */
export function sumOf(samples: Sample[], name: string): number | undefined {
  const found = samples.filter((sample) => sample.name === name);
  return found.length > 0 ? found.reduce((sum, { value }) => sum + value, 0) : undefined;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(LABEL)) {
    if (name !== undefined) labels[name] = (value ?? "").replaceAll(/\\(.)/g, (_, at: string) => ESCAPED[at] ?? at);
  }
  return labels;
}

function numberOf(text: string): number | undefined {
  if (/^\+?inf(inity)?$/i.test(text)) return Number.POSITIVE_INFINITY;
  if (/^-inf(inity)?$/i.test(text)) return Number.NEGATIVE_INFINITY;
  const number = Number(text);
  return Number.isNaN(number) ? undefined : number;
}
