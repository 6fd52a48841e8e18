/** What the HTTP API answers, as `/openapi.json` describes it. */

export type Level = "DEBUG" | "INFO" | "WARN" | "ERROR";

export const LEVELS: readonly Level[] = ["ERROR", "WARN", "INFO", "DEBUG"];

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };

/** One event. Members beyond those named came from the client and are kept. */
export interface LogEvent {
  id: string;
  timestamp: string;
  receivedAt?: string;
  seq?: number;
  level: Level;
  type: string;
  message?: string;
  projectId: string;
  personaId?: string;
  endUserId?: string;
  connectCredentialId?: string;
  connectCredentialConfigId?: string;
  workflowId?: string;
  traceId?: string;
  integrationId?: string;
  webhookId?: string;
  eventId?: string;
  eventName?: string;
  status?: string;
  error?: Json;
  payload?: Json;
  [member: string]: Json | undefined;
}

/** What an answer took. */
export interface Stats {
  plan_ms: number;
  scan_ms: number;
  total_ms: number;
  files_total: number;
  files_considered: number;
  files_opened: number;
  rows_decoded: number;
  bytes_read: number;
  requests: number;
  index?: string;
}

export interface EventPage {
  events: LogEvent[];
  next: string | null;
  stats: Stats;
}

export interface Bucket {
  start: string;
  counts: Record<Level, number>;
  total: number;
}

export interface Histogram {
  bucket_ms: number;
  from: string;
  until: string;
  buckets: Bucket[];
  stats: Stats;
}

export interface FacetValue {
  value: string;
  count: number;
}

export interface Facets {
  facets: Record<string, FacetValue[]>;
  stats: Stats;
}

export type Row = Record<string, Json>;

export interface SqlAnswer {
  columns: { name: string; type: string }[];
  rows: Row[];
  stats: Stats;
}

export interface Receipt {
  accepted: number;
  duplicates: number;
  refused: number;
  refusals: { index: number; line: number; reason: string }[];
}
