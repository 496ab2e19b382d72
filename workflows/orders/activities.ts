import { proxyActivities, proxyLocalActivities, type ActivityInterfaceFor } from '@temporalio/workflow';
import type { FulfilmentActivities } from '../../activities/fulfilment';
import type { OrderActivities } from '../../activities/orders';
import type { PaymentActivities } from '../../activities/payments';
import type { SagaSettings } from '../contract/messages';

/**
 * Steps in PostgreSQL, as local activities: +5 ms of CPU each, against +17 ms for a regular one with its workflow task.
 * Retried for ever while PostgreSQL is away; one that fails otherwise ends as `STEP_FAILED` after some attempts (`asSteps`).
 * It ends by itself before its timeout: a statement takes at most 30 seconds. `localRetryThreshold` is compared with the next backoff: beyond it the wait is a durable timer, so a
 * database that is away for a while does not keep every workflow-task slot busy.
 */
export const database = proxyLocalActivities<OrderActivities>({
  startToCloseTimeout: '40 seconds',
  localRetryThreshold: '1 second',
  retry: { initialInterval: '100 milliseconds', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

/** That a step fails, which may fail itself: it is said again at the next. */
export const telling = proxyLocalActivities<Pick<OrderActivities, 'tellOfFailingSteps'>>({
  startToCloseTimeout: '10 seconds',
  retry: { maximumAttempts: 1 },
});

/** One attempt each: the row that is asked about says when the next is due. */
const ONE_ATTEMPT = { retry: { maximumAttempts: 1 } };

/** The first call of a gateway that is fast. */
export const briefly = proxyLocalActivities<Pick<PaymentActivities, 'askGatewayBriefly'>>({
  ...ONE_ATTEMPT,
  startToCloseTimeout: '5 seconds',
});

/** Every other call of a payment gateway, on a task queue of its own: one that hangs delays nothing else. */
export function gatewayActivities({
  paymentsQueue,
  paymentCallMs,
}: SagaSettings): ActivityInterfaceFor<Pick<PaymentActivities, 'askGateway'>> {
  return proxyActivities<Pick<PaymentActivities, 'askGateway'>>({
    ...ONE_ATTEMPT,
    taskQueue: paymentsQueue,
    summary: 'Ask the payment gateway',
    startToCloseTimeout: paymentCallMs + 5_000,
    heartbeatTimeout: '10 seconds',
  });
}

export const carriers = proxyActivities<Pick<FulfilmentActivities, 'stopShipments'>>({
  ...ONE_ATTEMPT,
  summary: 'Stop shipments at the carrier',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '15 seconds',
});
