import { deleteOldCarrierEvents } from '../../domain/fulfilment/retention-queries';
import {
  claimToBook,
  existsOverdue,
  selectCarriersWithoutSetup,
  selectSettledBookingFailures,
  selectSettledUpdateFailures,
} from '../../domain/fulfilment/queries';
import { SQL_CHECKS, statementOf } from '../../domain/assurance/checks/checks';
import { selectNeededJobs } from '../../domain/assurance/retention-queries';
import { selectLastStart } from '../../domain/assurance/queries';
import { moveShare } from '../../domain/assurance/share-queries';
import { selectBrokenFolds, selectBrokenLinks, selectSealBound } from '../../domain/assurance/seals/queries';
import { selectResting } from '../../domain/jobs/queries';
import { selectOldJobs, selectOldJobsWithFile } from '../../domain/jobs/retention-queries';
import { selectMoneyClosedForUpdate, selectSuspectsForUpdate } from '../../domain/ordering/reconcile-queries';
import { selectPlaces } from '../../domain/ordering/promised/queries';
import { selectWaitedFor } from '../../domain/ordering/backorders/queries';
import { deleteOldGatewayEvents } from '../../domain/payments/retention-queries';
import { deleteOldChunks } from '../../domain/stock/adjustments/retention-queries';
import { selectSettledDeliveries } from '../../domain/stock/alerts/failed-work-queries';
import { selectNeedsByReason, selectOrdersInNeed } from '../../domain/stock/alerts/order-alert-queries';
import {
  raiseStoppedReservations,
  resolveBrokenPromises,
  resolveStoppedReservations,
} from '../../domain/stock/alerts/queries';
import { deleteOldAffected, deleteOldAlerts } from '../../domain/stock/alerts/retention-queries';
import { selectBalanceStep } from '../../domain/stock/availability/balance-queries';
import {
  hasOverdueReservation,
  publishNextLook,
  selectDueForUpdate,
  selectSettledFailures,
} from '../../domain/stock/reservations/expiry-queries';
import { deleteOldReservations } from '../../domain/stock/reservations/retention-queries';
import { prepareLongReading } from '../../domain/stock/ledger/long-reading';
import { claimUnattended } from '../../domain/stock/transfers/queries';
import { selectResolvingSheets } from '../../domain/warehousing/counting/resolving-queries';
import {
  selectBlockedLots,
  selectNearExpiry,
  selectNoLongerNear,
  selectSettledLotFailures,
  selectSettledReleaseFailures,
  selectUnblocked,
} from '../../domain/warehousing/quality/queries';
import { selectOverdueReturns } from '../../domain/warehousing/returns/queries';
import { selectLeftBehind, selectOrphanedUploads } from '../../domain/uploads/queries';
import { deleteKeys } from '../../platform/database/idempotency';
import { FIRST_ID, FIRST_PLACE, type AgedPart } from '../../platform/database/retention';
import { newId } from '../../platform/ids';
import type { ReadCase } from './lists';

const rested = { graceSeconds: 30, recheckSeconds: 600, limit: 100 };
/** Of rows that are told apart by their place in the table, and by their id. */
const byPlace: AgedPart = { days: 200, after: FIRST_PLACE, limit: 1_000 };
const byId: AgedPart = { days: 200, after: FIRST_ID, limit: 1_000 };

const RECONCILERS: readonly ReadCase[] = [
  { what: 'reconcile-orders: ended, money closed', run: (on) => selectMoneyClosedForUpdate(on) },
  { what: 'reconcile-orders: suspects', run: (on) => selectSuspectsForUpdate(on, rested) },
  { what: 'reconcile-orders: stuck', run: (on) => selectOrdersInNeed(on, 'workflow_stuck') },
  { what: 'reconcile-transfers', run: (on) => claimUnattended(on, rested) },
  {
    what: 'reconcile-jobs',
    run: (on) => selectResting(on, { graceSeconds: 30, after: undefined, limit: 100 }),
  },
  {
    what: 'reconcile-returns',
    run: (on) => selectOverdueReturns(on, { seconds: 30, after: undefined, limit: 100 }),
  },
  { what: 'dispatcher: shipments to book', run: (on) => claimToBook(on, 'sandbox', 200, 30) },
  { what: 'dispatcher: a lost signal', run: (on) => existsOverdue(on, 30) },
  {
    what: 'dispatcher: carriers that are not set up',
    run: (on) => selectCarriersWithoutSetup(on, ['sandbox']),
  },
  { what: 'expiry: due', run: (on) => selectDueForUpdate(on, 500) },
  { what: 'expiry: the next look', run: (on) => publishNextLook(on, 1) },
  { what: 'expiry: overdue', run: (on) => hasOverdueReservation(on, 30) },
  { what: 'backorders: products that are waited for', run: (on) => selectWaitedFor(on) },
  { what: 'metrics: orders that need a person', run: (on) => selectNeedsByReason(on) },
];

const STOCK_UPKEEP: readonly ReadCase[] = [
  { what: 'stock-upkeep: blocked lots', run: (on) => selectBlockedLots(on, { after: 0, limit: 200 }) },
  {
    what: 'stock-upkeep: lots that are not blocked any more',
    run: (on) => selectUnblocked(on, { lotId: null, after: FIRST_ID.row, limit: 200 }),
  },
  {
    what: 'stock-upkeep: lots that expire soon',
    run: (on) =>
      selectNearExpiry(on, { days: 30, after: { productId: 0, warehouseId: 0 }, limit: 200, shown: 20 }),
  },
  {
    what: 'stock-upkeep: alerts of lots that expire soon',
    run: (on) => selectNoLongerNear(on, { days: 30, limit: 200 }),
  },
  { what: 'stock-upkeep: places to settle', run: (on) => selectPlaces(on) },
  { what: 'stock-upkeep: counts that wait', run: (on) => selectResolvingSheets(on) },
  { what: 'stock-upkeep: stopped reservations', run: (on) => raiseStoppedReservations(on, 30, 1_000) },
  { what: 'stock-upkeep: their alerts', run: (on) => resolveStoppedReservations(on, 30) },
  { what: 'stock-upkeep: alerts of recalls and counts', run: (on) => resolveBrokenPromises(on) },
  {
    what: 'stock-upkeep: settled work on lots',
    run: (on) => selectSettledLotFailures(on, 'hold_expired_lot'),
  },
  {
    what: 'stock-upkeep: settled work on holds',
    run: (on) => selectSettledReleaseFailures(on, 'release_hold'),
  },
  {
    what: 'stock-upkeep: settled work on reservations',
    run: (on) => selectSettledFailures(on, 'expire_reservation'),
  },
  {
    what: 'stock-upkeep: settled work on bookings',
    run: (on) => selectSettledBookingFailures(on, 'book_shipment'),
  },
  {
    what: 'stock-upkeep: settled work on updates',
    run: (on) => selectSettledUpdateFailures(on, 'apply_carrier_update'),
  },
  {
    what: 'stock-upkeep: settled work on messages',
    run: (on) => selectSettledDeliveries(on, 'deliver_message'),
  },
];

const RETENTION: readonly ReadCase[] = [
  { what: 'retention: uploads that broke off', run: (on) => selectOrphanedUploads(on, 300) },
  {
    what: 'retention: staged rows that were left behind',
    run: (on) => selectLeftBehind(on, { type: 'feed', days: 200, limit: 100 }),
  },
  { what: 'retention: idempotency keys', run: (on) => deleteKeys(on, byPlace) },
  { what: 'retention: chunks of batches', run: (on) => deleteOldChunks(on, byPlace) },
  { what: 'retention: feeds with a file', run: (on) => selectOldJobsWithFile(on, 'feed', byId) },
  { what: 'retention: jobs', run: (on) => selectOldJobs(on, 'feed', byId) },
  { what: 'retention: checks that are needed', run: (on) => selectNeededJobs(on, [newId()]) },
  { what: 'retention: those whom alerts concern', run: (on) => deleteOldAffected(on, byPlace) },
  { what: 'retention: alerts', run: (on) => deleteOldAlerts(on, byPlace) },
  { what: 'retention: updates of carriers', run: (on) => deleteOldCarrierEvents(on, byPlace) },
  { what: 'retention: events of gateways', run: (on) => deleteOldGatewayEvents(on, byPlace) },
  { what: 'retention: reservations', run: (on) => deleteOldReservations(on, byId) },
];

const SEALING: readonly ReadCase[] = [
  { what: 'seal-ledger: where it goes on', run: (on) => selectSealBound(on) },
  { what: 'seal-ledger: the next part to balance', run: (on) => selectBalanceStep(on) },
  {
    what: 'verify-consistency: the chain of seals, its end',
    run: async (on) => {
      const { seq: lastSeq, hash: lastHash } = await selectSealBound(on);
      return selectBrokenLinks(on, {
        lastSeq,
        lastHash,
        limit: 100,
        after: Math.max(lastSeq - 1, 0),
        upTo: null,
      });
    },
  },
  { what: 'verify-consistency: months that were summed up, once a day', run: (on) => selectBrokenFolds(on) },
  {
    what: 'verify-consistency: the last run of a check',
    run: (on) => selectLastStart(on, 'on_hand_ledger', 60),
  },
  { what: 'verify-consistency: the next share', run: (on) => moveShare(on, null) },
];

const HOUR_MS = 3_600_000;

/** Each check as the schedule runs it: an hour after the last run, with the share that is next. */
const INCREMENTAL_CHECKS: readonly ReadCase[] = [...SQL_CHECKS.values()].map((check) => ({
  what: `verify-consistency: ${check.id}`,
  async run(on, { recent, share }) {
    await prepareLongReading(on);
    const since = new Date(Date.now() - HOUR_MS);
    await on.query(
      statementOf(check, {
        mode: 'incremental',
        limit: 10_001,
        graceSeconds: 300,
        since,
        summedUp: recent,
        share,
      }),
    );
  },
}));

export const UPKEEP: readonly ReadCase[] = [
  ...RECONCILERS,
  ...STOCK_UPKEEP,
  ...RETENTION,
  ...SEALING,
  ...INCREMENTAL_CHECKS,
];
