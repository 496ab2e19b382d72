import { Context } from '@temporalio/activity';
import { dispatchMails, type MailContext } from '../domain/notifications/dispatch';
import type { MailRound } from '../domain/notifications/types';
import type { Logger } from '../platform/telemetry/log';
import { heartbeating } from './heartbeat';

/** With the mails that are under way it stays well below the 5 minutes of the activity. */
const WITHIN_MS = 120_000;

export interface MailActivities {
  /** Sends the mails that are due, and those that come meanwhile, until none has been due for a while. */
  sendMails(): Promise<MailRound>;
}

export function createMailActivities({ log, ...context }: MailContext & { log: Logger }): MailActivities {
  return {
    sendMails: () =>
      heartbeating(() =>
        dispatchMails(context, {
          signal: Context.current().cancellationSignal,
          log,
          withinMs: WITHIN_MS,
        }),
      ),
  };
}
