import { removeOldChecks } from '../domain/assurance/retention';
import { clearOldAddresses } from '../domain/audit/retention';
import { removeOldEvents } from '../domain/event-log/retention';
import { removeUnwantedFiles } from '../domain/files/stored-files';
import type { FileStore } from '../domain/files/types';
import { removeOldCarrierEvents } from '../domain/fulfilment/retention';
import { removeOldAccountMails } from '../domain/identity/accounts/retention';
import { removeOldSessions } from '../domain/identity/sessions/retention';
import { removeOldAttempts } from '../domain/identity/throttle/retention';
import {
  removeOldContacts,
  removeOldMailRecords,
  removeOldNotifications,
} from '../domain/notifications/retention';
import { removeOldGatewayEvents } from '../domain/payments/retention';
import { PRODUCT_IMPORTS } from '../domain/product-import/retention';
import { removeOldReportFiles } from '../domain/reports/retention';
import { removeOldSettlementFiles } from '../domain/settlement/retention';
import { removeOldBatches } from '../domain/stock/adjustments/retention';
import { removeOldAlerts } from '../domain/stock/alerts/retention';
import { STOCK_FEEDS } from '../domain/stock/feeds/retention';
import { removeOldReservations } from '../domain/stock/reservations/retention';
import { removeOldRejects, removeOldUploads, type KindOfUpload } from '../domain/uploads/retention';
import { removeOldDeliveries } from '../domain/webhooks/retention';
import type { Database } from '../platform/database/database';
import { removeOldKeys } from '../platform/database/idempotency';
import type { RetentionRun } from '../platform/database/retention';
import type { Logger } from '../platform/telemetry/log';
import { heartbeating } from './heartbeat';

/** What is removed when it is old, in this order: a feed goes after its rejects. */
const REMOVERS = {
  idempotencyKeys: removeOldKeys,
  batches: removeOldBatches,
  feedRejects: ofUploads(removeOldRejects),
  feeds: ofUploads(removeOldUploads),
  checks: removeOldChecks,
  alerts: removeOldAlerts,
  carrierEvents: removeOldCarrierEvents,
  gatewayEvents: removeOldGatewayEvents,
  reservations: removeOldReservations,
  sessions: removeOldSessions,
  accountMails: removeOldAccountMails,
  signInAttempts: removeOldAttempts,
  auditAddresses: clearOldAddresses,
  webhookDeliveries: removeOldDeliveries,
  notifications: removeOldNotifications,
  mails: removeOldMailRecords,
  contacts: removeOldContacts,
  events: removeOldEvents,
  settlementFiles: removeOldSettlementFiles,
  reportFiles: removeOldReportFiles,
} as const satisfies Record<string, (db: Database, run: RetentionRun) => Promise<number>>;

/** Of stock levels, then of products. */
function ofUploads(
  remove: (db: Database, run: RetentionRun, of: KindOfUpload) => Promise<number>,
): (db: Database, run: RetentionRun) => Promise<number> {
  return async (db, run) => (await remove(db, run, STOCK_FEEDS)) + (await remove(db, run, PRODUCT_IMPORTS));
}

type Aged = keyof typeof REMOVERS;

/** Days for which each is kept; 0: for ever. */
export type KeptDays = Readonly<Record<Aged, number>>;

/** For one kind: the run ends well before the schedule comes again, and the next one goes on with what is left. */
const WITHIN_MS = 20_000;

export interface RetentionActivities {
  /** Removes rows that are older than they are kept; returns how many, of those kinds of which there were any. */
  removeAgedRows(): Promise<Partial<Record<Aged, number>>>;
}

export function createRetentionActivities({
  db,
  files,
  keptDays,
  log,
}: {
  db: Database;
  /** Where files of jobs are kept; null: nowhere. */
  files: FileStore | null;
  keptDays: KeptDays;
  log: Logger;
}): RetentionActivities {
  return {
    async removeAgedRows() {
      const removed: Partial<Record<Aged, number>> = {};
      const failures: unknown[] = [];
      await heartbeating(async (beat) => {
        for (const kind of Object.keys(REMOVERS) as Aged[]) {
          const run = { days: keptDays[kind], withinMs: WITHIN_MS, told: () => beat(kind) };
          try {
            const rows = await REMOVERS[kind](db, run);
            if (rows > 0) removed[kind] = rows;
          } catch (error) {
            // One kind that cannot be removed keeps no other.
            log.error({ err: error, kind }, 'old rows could not be removed');
            failures.push(error);
          }
        }
        // One that was removed above, or never became its job's.
        if (files)
          await removeUnwantedFiles(db, files, () => beat('files')).catch((error: unknown) => {
            log.error({ err: error }, 'old files could not be removed');
            failures.push(error);
          });
      });
      if (Object.keys(removed).length > 0) log.info({ removed }, 'old rows were removed');
      if (failures.length > 0) throw failures[0];
      return removed;
    },
  };
}
