import { Counter, type Registry } from 'prom-client';
import { MAIL_OUTCOMES, type MailOutcome } from '../domain/notifications/types';
import { zeroed } from '../platform/telemetry/metrics';

/** Adds the count of mails. Call the result with what became of each try. */
export function addMailMetrics(registry: Registry): (outcome: MailOutcome) => void {
  const mails = zeroed(
    new Counter({
      name: 'holdfast_mails_total',
      help: 'Tries to send mails, by what became of them.',
      labelNames: ['outcome'],
      registers: [registry],
    }),
    MAIL_OUTCOMES,
  );
  return (outcome) => mails.inc({ outcome });
}
