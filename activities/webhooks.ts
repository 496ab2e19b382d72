import { Context } from '@temporalio/activity';
import type { DeliveryContext } from '../domain/webhooks/serve';
import { dispatchWebhooks } from '../domain/webhooks/dispatch';
import type { DispatchRound } from '../domain/webhooks/types';
import type { Logger } from '../platform/telemetry/log';
import { heartbeating } from './heartbeat';

/** With the requests that are under way it stays well below the 5 minutes of the activity. */
const WITHIN_MS = 120_000;

export interface WebhookActivities {
  /** Delivers what is due to webhooks, and what comes meanwhile, until nothing has been due for a while. */
  deliverToWebhooks(): Promise<DispatchRound>;
}

export function createWebhookActivities({
  log,
  ...context
}: DeliveryContext & { log: Logger }): WebhookActivities {
  return {
    deliverToWebhooks: () =>
      heartbeating(() =>
        dispatchWebhooks(context, {
          signal: Context.current().cancellationSignal,
          log,
          withinMs: WITHIN_MS,
        }),
      ),
  };
}
