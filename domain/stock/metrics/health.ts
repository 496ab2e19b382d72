import type { Queryable } from '../../../platform/database/database';
import { selectUpkeep, type UpkeepRow } from './queries';
import type { HealthCode, InventoryHealth } from './types';

/** Seconds after which a message that nobody has delivered means that the relay is away or stuck. */
const OUTBOX_LATE_SECONDS = 60;
/** Seconds after which a reservation past due means that nobody releases them: it takes one at most. */
const RESERVATION_LATE_SECONDS = 30;

/** Age of a row without a seal which means that sealing stands still: it takes a minute where no transaction stays open. */
const SEALS_LATE_SECONDS = 600;

interface Upkeep extends UpkeepRow {
  unsealedSeconds: number;
}

/**
 * Whether the upkeep of the inventory keeps up, and if not why.
 *
 * @param seals age of the oldest row that no seal covers, seconds
 */
export async function readInventoryHealth(
  on: Queryable,
  seals: { unsealedSeconds: number },
): Promise<InventoryHealth> {
  const unsealedSeconds = Math.round(seals.unsealedSeconds);
  const upkeep: Upkeep = { ...(await selectUpkeep(on, RESERVATION_LATE_SECONDS)), unsealedSeconds };
  const reasons = REASONS.flatMap(({ code, message }) => {
    const found = message(upkeep);
    return found === null ? [] : [{ code, message: found }];
  });
  const outboxSeconds = Math.max(0, Math.round(upkeep.outboxSeconds));
  return { status: reasons.length === 0 ? 'ok' : 'degraded', reasons, ...upkeep, outboxSeconds };
}

const REASONS: readonly { code: HealthCode; message: (upkeep: Upkeep) => string | null }[] = [
  {
    code: 'OUTBOX_BEHIND',
    message: ({ outboxSeconds }) =>
      outboxSeconds > OUTBOX_LATE_SECONDS
        ? `A message has waited for ${Math.round(outboxSeconds)} s: is a worker running, and Temporal up?`
        : null,
  },
  {
    code: 'HOLDS_OVERDUE',
    message: ({ overdueHolds }) =>
      overdueHolds > 0
        ? `${overdueHolds} holds have been past due for more than ${RESERVATION_LATE_SECONDS} s: is a worker running?`
        : null,
  },
  {
    code: 'PARTITIONS_MISSING',
    message: ({ partitionsAhead }) =>
      partitionsAhead < 1
        ? 'The ledger has no partition for the next month: start a worker, or run the schedule ledger-partitions.'
        : null,
  },
  {
    code: 'LEDGER_DRIFT',
    message: ({ driftAlerts }) =>
      driftAlerts > 0
        ? `${driftAlerts} places disagree with the ledger: see GET /inventory/alerts?kind=ledger_drift.`
        : null,
  },
  {
    code: 'LEDGER_TAMPERED',
    message: ({ tamperAlerts }) =>
      tamperAlerts > 0
        ? 'A ledger or the audit log is not as it was sealed: see GET /inventory/alerts?kind=ledger_tampered.'
        : null,
  },
  {
    code: 'SEALS_BEHIND',
    message: ({ unsealedSeconds }) =>
      unsealedSeconds > SEALS_LATE_SECONDS
        ? `Rows have waited for ${unsealedSeconds} s to be sealed: does the schedule seal-ledger run, and does a transaction stay open?`
        : null,
  },
  {
    code: 'WORK_FAILED',
    message: ({ failedWork }) =>
      failedWork > 0
        ? `Work failed on ${failedWork} subjects and is tried again later: see GET /inventory/alerts?kind=work_failed.`
        : null,
  },
  {
    code: 'ATTENTION_NEEDED',
    message: ({ attention }) =>
      attention > 0
        ? `${attention} times an order needs a person: see GET /inventory/alerts?kind=attention.`
        : null,
  },
];
