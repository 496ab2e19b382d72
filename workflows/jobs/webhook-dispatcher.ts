import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { WebhookActivities } from '../../activities/webhooks';
import { webhooksReadySignal, type WebhookDispatcherInput } from '../contract/messages';

const { deliverToWebhooks } = proxyActivities<WebhookActivities>({
  summary: 'Tell webhooks of events',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/** A round is about 10 events, so a run ends well below the 4,096 at which the server suggests it, and replays quickly. */
const ROUNDS_PER_RUN = 300;

/**
 * Tells all webhooks of events, whenever it is signalled and when something is to be tried again. One runs at a time, for ever: it
 * continues as new before its history grows long. What is to be delivered is in PostgreSQL, so each run begins with a round, and a
 * signal that is early or doubled is harmless.
 */
export async function webhookDispatcher(input: WebhookDispatcherInput): Promise<void> {
  const state = { isWoken: true, delivered: 0, failed: 0 };
  setHandler(webhooksReadySignal, () => {
    state.isWoken = true;
  });

  let msLeft: number | null = null;
  const rounds = input.roundsPerRun ?? ROUNDS_PER_RUN;
  for (let round = 0; round < rounds && !workflowInfo().continueAsNewSuggested; round++) {
    setCurrentDetails(
      `Waiting for events.\n\nIn this run: ${state.delivered} taken, ${state.failed} tries failed.`,
    );
    if (msLeft === null) await condition(() => state.isWoken);
    else await condition(() => state.isWoken, Math.max(msLeft, 1));
    state.isWoken = false;
    const done = await deliverToWebhooks();
    state.delivered += done.delivered;
    state.failed += done.failed;
    msLeft = done.msLeft;
  }
  await condition(allHandlersFinished);
  await continueAsNew<typeof webhookDispatcher>(input);
}
