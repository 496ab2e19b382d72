import type { KeptDays } from '../activities/retention';
import type { Settings } from '../platform/config';

/** Of what has expired or counts for nothing any more nobody needs longer: no settings. */
const EXPIRED = { sessions: 1, accountMails: 30, mails: 30, signInAttempts: 2, auditAddresses: 90 };

/**
 * For how many days each is kept, by the settings. What a request made stays at least as long as its idempotency key, which lets it be
 * sent again; rejects go with their feed at the latest.
 */
export function keptDaysOf(settings: Settings): KeptDays {
  const keys = settings.IDEMPOTENCY_RETENTION_DAYS;
  const feeds = longer(settings.FEED_RETENTION_DAYS, keys);
  return {
    idempotencyKeys: keys,
    batches: longer(settings.BATCH_RETENTION_DAYS, keys),
    feedRejects: shorter(settings.FEED_REJECT_RETENTION_DAYS, feeds),
    feeds,
    checks: settings.CHECK_RETENTION_DAYS,
    alerts: settings.ALERT_RETENTION_DAYS,
    carrierEvents: settings.CARRIER_EVENT_RETENTION_DAYS,
    gatewayEvents: settings.GATEWAY_EVENT_RETENTION_DAYS,
    reservations: longer(settings.RESERVATION_RETENTION_DAYS, keys),
    events: settings.EVENT_RETENTION_DAYS,
    webhookDeliveries: settings.EVENT_RETENTION_DAYS,
    settlementFiles: settings.SETTLEMENT_FILE_RETENTION_DAYS,
    reportFiles: longer(settings.REPORT_FILE_RETENTION_DAYS, keys),
    notifications: settings.NOTIFICATION_RETENTION_DAYS,
    contacts: settings.CONTACT_RETENTION_DAYS,
    ...EXPIRED,
  };
}

/** 0: for ever. */
const longer = (a: number, b: number) => (a === 0 || b === 0 ? 0 : Math.max(a, b));
const shorter = (a: number, b: number) => (a === 0 || b === 0 ? Math.max(a, b) : Math.min(a, b));
