import type { ClientInterceptors } from '@temporalio/client';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { currentTrace, runIn } from '../telemetry/context';
import { traced, tracedWithin, type Tracer } from '../telemetry/tracer';

/** The header of messages to workflows and activities that has the W3C traceparent; `workflows/trace.ts` knows it too. */
const TRACE_HEADER = 'traceparent';

/**
 * Traces what a client asks of workflows, and hands the trace on to them: where the work that runs is traced. A signal that also starts a
 * workflow hands nothing on: what it starts runs on for others.
 */
export function clientInterceptors(tracer: Tracer | undefined): ClientInterceptors {
  if (!tracer?.isOn) return {};
  const ask = <Input extends { headers: Headers }, Result>(
    name: string,
    input: Input,
    next: (input: Input) => Promise<Result>,
  ): Promise<Result> =>
    tracedWithin(tracer, name, { kind: 'client', attributes: { 'rpc.system': 'temporal' } }, () =>
      next({ ...input, headers: withTrace(input.headers) }),
    );
  return {
    workflow: [
      {
        startWithDetails: (input, next) => ask(`start ${input.workflowType}`, input, next),
        signal: (input, next) => ask(`signal ${input.signalName}`, input, next),
        startUpdate: (input, next) => ask(`update ${input.updateName}`, input, next),
      },
    ],
  };
}

/**
 * Runs each activity as part of its workflow's trace, or as a trace of its own where its workflow has none, as those have that always run and
 * those that a schedule starts. Its log lines carry the ids of workflow and order.
 *
 * @param orderOf the order of a workflow; null: of none
 */
export function activityInterceptors(
  tracer: Tracer,
  orderOf: (workflowId: string) => string | null,
): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      execute(input, next) {
        const { activityType, attempt } = info;
        const workflowId = info.workflowExecution?.workflowId;
        const orderId = workflowId === undefined ? null : orderOf(workflowId);
        const fields = {
          activity: activityType,
          ...(workflowId === undefined ? {} : { workflowId }),
          ...(orderId === null ? {} : { orderId }),
        };
        const attributes = { ...fields, 'temporal.attempt': attempt };
        const span = { parent: traceOf(input.headers), attributes };
        return runIn({ fields }, () => traced(tracer, `activity ${activityType}`, span, () => next(input)));
      },
    },
  });
}

function withTrace(headers: Headers): Headers {
  return { ...headers, [TRACE_HEADER]: defaultPayloadConverter.toPayload(currentTrace()) };
}

function traceOf(headers: Headers): string | undefined {
  const payload = headers[TRACE_HEADER];
  return payload && defaultPayloadConverter.fromPayload<string>(payload);
}
