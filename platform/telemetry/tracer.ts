import { currentTrace, runIn } from './context';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  kind?: 'server' | 'client' | 'producer' | 'consumer' | 'internal';
  /** W3C traceparent; unless given, of the work that runs. */
  parent?: string | undefined;
  /** Traceparents of further work that this is done for. */
  links?: readonly string[];
  attributes?: Attributes;
  /** Milliseconds since 1970; now unless given. */
  startedAt?: number | undefined;
}

/** A span that runs. */
export interface Span {
  /** To be handed on. */
  readonly traceparent: string;
  rename(name: string): void;
  /** @param failure what went wrong */
  end(attributes?: Attributes, failure?: unknown): void;
}

/** A span that has ended, of work which ran elsewhere. Times in milliseconds since 1970. */
export interface EndedSpan {
  name: string;
  /** Its own ids, which others have as their parent already. */
  traceparent: string;
  parent: string;
  startedAt: number;
  endedAt: number;
  attributes: Attributes;
  failed: boolean;
}

/** Where spans go. */
export interface Tracer {
  /** False: nothing is traced, and nothing of what would be is loaded. */
  readonly isOn: boolean;
  begin(name: string, options?: SpanOptions): Span;
  record(span: EndedSpan): void;
  /** Sends what was not sent yet, as long as that takes within some seconds. */
  close(): Promise<void>;
}

const NO_SPAN: Span = { traceparent: '', rename: () => undefined, end: () => undefined };

export const NO_TRACER: Tracer = {
  isOn: false,
  begin: () => NO_SPAN,
  record: () => undefined,
  close: () => Promise.resolve(),
};

/** Runs `work` as a span: what it calls becomes part of it. Without a tracer that is on, it only runs. */
export async function traced<T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  work: () => Promise<T>,
): Promise<T> {
  if (!tracer.isOn) return work();
  const span = tracer.begin(name, options);
  try {
    const result = await runIn({ trace: span.traceparent }, work);
    span.end();
    return result;
  } catch (error) {
    span.end({}, error);
    throw error;
  }
}

/** As `traced`, where the work that runs is traced; work that belongs to nobody, such as polling, begins no trace. */
export function tracedWithin<T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  work: () => Promise<T>,
): Promise<T> {
  return tracer.isOn && (options.parent ?? currentTrace()) !== undefined
    ? traced(tracer, name, options, work)
    : work();
}
