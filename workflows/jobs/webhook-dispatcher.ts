import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import type { WebhookActivities } from '../../activities/webhooks';
import { webhooksReadySignal, type WebhookDispatcherInput } from '../contract/messages';
import { doRounds } from './rounds';

const { deliverToWebhooks } = proxyActivities<WebhookActivities>({
  summary: 'Tell webhooks of events',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/** Tells all webhooks of events, whenever it is signalled and when something is to be tried again. One runs at a time, for ever. */
export async function webhookDispatcher(input: WebhookDispatcherInput): Promise<void> {
  const total = { delivered: 0, failed: 0 };
  await doRounds({
    signal: webhooksReadySignal,
    atMost: input.roundsPerRun,
    waiting: () =>
      `Waiting for events.\n\nIn this run: ${total.delivered} taken, ${total.failed} tries failed.`,
    async round() {
      const { delivered, failed, msLeft } = await deliverToWebhooks();
      total.delivered += delivered;
      total.failed += failed;
      return msLeft;
    },
  });
  await continueAsNew<typeof webhookDispatcher>(input);
}
