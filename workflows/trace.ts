import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import {
  ContinueAsNew,
  proxySinks,
  workflowInfo,
  type Sink,
  type WorkflowInterceptors,
} from '@temporalio/workflow';

/** The header with the W3C traceparent of who has sent a message. */
const TRACE_HEADER = 'traceparent';

/** A workflow, or one of its handlers, that has ended. Times in milliseconds since 1970. */
export interface EndedWorkflowSpan {
  name: string;
  traceparent: string;
  parent: string;
  startedAt: number;
  endedAt: number;
  failed: boolean;
}

// Types, since the SDK's Sinks needs an index signature, which interfaces lack.
interface TraceSink extends Sink {
  ended(span: EndedWorkflowSpan): void;
}
export type TraceSinks = { traces: TraceSink };

/**
 * Hands the trace of who has started a workflow on to its activities, and tells the worker when a workflow or handler that was traced
 * has ended. It adds headers alone: the commands of a workflow are the same with it and without, and a workflow that nobody traces runs
 * as if it were not there. Ids of spans come from the run's own, so that a replay makes the same.
 */
export function interceptors(): WorkflowInterceptors {
  const { ended } = proxySinks<TraceSinks>().traces;
  let own: string | undefined;
  let handled = 0;

  /** Beside the work: the promise is returned as it is, so that nothing of the workflow comes a step later. */
  function span<T>(name: string, headers: Headers, work: (traceparent: string | undefined) => Promise<T>) {
    const parent = traceOf(headers);
    const place = handled++;
    if (parent === undefined) return work(undefined);
    const traceparent = childOf(parent, `${workflowInfo().runId}:${place}`);
    const startedAt = Date.now();
    const tell = (failed: boolean) =>
      ended({ name, traceparent, parent, startedAt, endedAt: Date.now(), failed });
    const running = work(traceparent);
    running.then(
      () => tell(false),
      (error: unknown) => tell(!(error instanceof ContinueAsNew)),
    );
    return running;
  }

  const handedOn = <Input extends { headers: Headers }>(input: Input): Input =>
    own === undefined
      ? input
      : {
          ...input,
          headers: { ...input.headers, [TRACE_HEADER]: defaultPayloadConverter.toPayload(own) },
        };

  return {
    inbound: [
      {
        execute: (input, next) =>
          span(`workflow ${workflowInfo().workflowType}`, input.headers, (traceparent) => {
            own = traceparent;
            return next(input);
          }),
        handleSignal: (input, next) =>
          span(`handle signal ${input.signalName}`, input.headers, () => next(input)),
        handleUpdate: (input, next) => span(`handle update ${input.name}`, input.headers, () => next(input)),
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(handedOn(input)),
        scheduleLocalActivity: (input, next) => next(handedOn(input)),
        startChildWorkflowExecution: (input, next) => next(handedOn(input)),
        continueAsNew: (input, next) => next(handedOn(input)),
      },
    ],
  };
}

function traceOf(headers: Headers): string | undefined {
  const payload = headers[TRACE_HEADER];
  return payload && defaultPayloadConverter.fromPayload<string>(payload);
}

/** The same trace with the span that this text means. */
function childOf(parent: string, text: string): string {
  const [version, traceId, , flags] = parent.split('-');
  return `${version}-${traceId}-${spanIdOf(text)}-${flags}`;
}

/** 64 bits of a text: FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/. */
function spanIdOf(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (let place = 0; place < text.length; place++)
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(place))) * 0x100000001b3n);
  return hash.toString(16).padStart(16, '0');
}
