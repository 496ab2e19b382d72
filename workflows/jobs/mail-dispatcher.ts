import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import type { MailActivities } from '../../activities/mails';
import { mailsReadySignal, type MailDispatcherInput } from '../contract/messages';
import { doRounds } from './rounds';

const { sendMails } = proxyActivities<MailActivities>({
  summary: 'Send mails',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/** Sends mails, whenever it is signalled and when one is to be tried again. One runs at a time, for ever. */
export async function mailDispatcher(input: MailDispatcherInput): Promise<void> {
  const total = { sent: 0, failed: 0 };
  await doRounds({
    signal: mailsReadySignal,
    atMost: input.roundsPerRun,
    waiting: () => `Waiting for mails.\n\nIn this run: ${total.sent} sent, ${total.failed} tries failed.`,
    async round() {
      const { sent, failed, msLeft } = await sendMails();
      total.sent += sent;
      total.failed += failed;
      return msLeft;
    },
  });
  await continueAsNew<typeof mailDispatcher>(input);
}
