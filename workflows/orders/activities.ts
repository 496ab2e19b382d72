import { proxyActivities, proxyLocalActivities, type ActivityInterfaceFor } from '@temporalio/workflow';
import type { FulfilmentActivities } from '../../activities/fulfilment';
import type { OrderActivities } from '../../activities/orders';
import type { createPaymentActivities } from '../../activities/payments';
import type { SagaTimeouts } from '../contract/messages';

type PaymentActivities = ReturnType<typeof createPaymentActivities>;

/**
 * Steps in PostgreSQL, as local activities: +5 ms of CPU each, against +17 ms for a regular one with its workflow task.
 * Retried for ever. `localRetryThreshold` is compared with the next backoff: beyond it the wait is a durable timer, so a
 * database that is away for a while does not keep every workflow-task slot busy.
 */
export const database = proxyLocalActivities<OrderActivities>({
  startToCloseTimeout: '30 seconds',
  localRetryThreshold: '1 second',
  retry: { initialInterval: '100 milliseconds', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

/** Calls of the payment gateway. The server tries a few times; after that the saga decides when to ask again. */
export function gatewayActivities({ paymentCallMs }: SagaTimeouts): ActivityInterfaceFor<PaymentActivities> {
  return proxyActivities<PaymentActivities>({
    summary: 'Ask the payment gateway',
    startToCloseTimeout: paymentCallMs + 5_000,
    heartbeatTimeout: '10 seconds',
    retry: {
      initialInterval: '200 milliseconds',
      backoffCoefficient: 2,
      maximumInterval: '2 seconds',
      maximumAttempts: 4,
    },
  });
}

/** Undos are regular activities, so that the Temporal UI shows each try. After five the saga says that it is stuck. */
const UNDO = {
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '15 seconds',
  retry: {
    initialInterval: '200 milliseconds',
    backoffCoefficient: 2,
    maximumInterval: '5 seconds',
    maximumAttempts: 5,
  },
};

export const undoing = {
  shipping: proxyActivities<Pick<FulfilmentActivities, 'voidShipments'>>({
    ...UNDO,
    summary: 'Stop shipments at the carrier',
  }),
  paying: proxyActivities<Pick<PaymentActivities, 'refundOrder'>>({
    ...UNDO,
    summary: 'Give the money back',
  }),
  reserving: proxyActivities<Pick<OrderActivities, 'releaseStoppedShipments' | 'undoReserve'>>({
    ...UNDO,
    summary: 'Put the stock back on sale',
  }),
};
