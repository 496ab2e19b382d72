import { AsyncLocalStorage } from 'node:async_hooks';

/** What everything that a piece of work calls belongs to. */
export interface TelemetryContext {
  /** W3C traceparent of the span that runs; absent where traces are off, or the work belongs to none. */
  trace?: string | undefined;
  /** What each of its log lines carries: ids of the request, order, workflow. */
  fields: Readonly<Record<string, string>>;
}

/** One for the process: what is called follows by itself, across rooms that know nothing of each other. */
const running = new AsyncLocalStorage<TelemetryContext>();

/** The traceparent to hand on to whatever is called, or done later, for the work that runs. */
export function currentTrace(): string | undefined {
  return running.getStore()?.trace;
}

/** Fields of the log lines of the work that runs. */
export function currentFields(): Readonly<Record<string, string>> {
  return running.getStore()?.fields ?? {};
}

/** Runs `work` as part of this trace; its fields are added to those that run already. */
export function runIn<T>({ trace, fields }: Partial<TelemetryContext>, work: () => T): T {
  const around = running.getStore();
  return running.run(
    {
      trace: trace ?? around?.trace,
      fields: fields ? { ...around?.fields, ...fields } : (around?.fields ?? {}),
    },
    work,
  );
}

/** Runs `work` as part of nothing: it goes on for others than who began it. */
export function runApart<T>(work: () => T): T {
  return running.run({ fields: {} }, work);
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

export interface TraceIds {
  traceId: string;
  spanId: string;
  /** Eight bits; the lowest: it is recorded. */
  flags: number;
}

/** The parts of a W3C traceparent of version 00; undefined: it is none. */
export function parseTraceparent(text: string | undefined): TraceIds | undefined {
  const [, traceId, spanId, flags] = (text === undefined ? null : TRACEPARENT.exec(text)) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

export function formatTraceparent({ traceId, spanId, flags }: TraceIds): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
}
