import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { MailActivities } from '../../activities/mails';
import { mailsReadySignal, type MailDispatcherInput } from '../contract/messages';

const { sendMails } = proxyActivities<MailActivities>({
  summary: 'Send mails',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/** A round is about 10 events, so a run ends well below the 4,096 at which the server suggests it, and replays quickly. */
const ROUNDS_PER_RUN = 300;

/**
 * Sends mails, whenever it is signalled and when one is to be tried again. One runs at a time, for ever: it continues as new before its
 * history grows long. What is to be sent is in PostgreSQL, so each run begins with a round, and a signal that is early or doubled is
 * harmless.
 */
export async function mailDispatcher(input: MailDispatcherInput): Promise<void> {
  const state = { isWoken: true, sent: 0, failed: 0 };
  setHandler(mailsReadySignal, () => {
    state.isWoken = true;
  });

  let msLeft: number | null = null;
  const rounds = input.roundsPerRun ?? ROUNDS_PER_RUN;
  for (let round = 0; round < rounds && !workflowInfo().continueAsNewSuggested; round++) {
    setCurrentDetails(`Waiting for mails.\n\nIn this run: ${state.sent} sent, ${state.failed} tries failed.`);
    if (msLeft === null) await condition(() => state.isWoken);
    else await condition(() => state.isWoken, Math.max(msLeft, 1));
    state.isWoken = false;
    const done = await sendMails();
    state.sent += done.sent;
    state.failed += done.failed;
    msLeft = done.msLeft;
  }
  await condition(allHandlersFinished);
  await continueAsNew<typeof mailDispatcher>(input);
}
