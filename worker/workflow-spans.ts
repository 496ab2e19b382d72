import type { InjectedSinks } from '@temporalio/worker';
import type { Tracer } from '../platform/telemetry/tracer';
import type { TraceSinks } from '../workflows/trace';

/** Takes the spans of workflows and their handlers. Always there, since a workflow may be traced by others than this worker. */
export function workflowSpans(tracer: Tracer): InjectedSinks<TraceSinks> {
  return {
    traces: {
      ended: {
        fn({ workflowId }, span) {
          tracer.record({ ...span, attributes: { workflowId } });
        },
        callDuringReplay: false,
      },
    },
  };
}
