import type { Statement } from '../../../platform/database/database';
import { ENGINE_CHECKS } from './workflows';
import { FLOW_CHECKS } from './flow';
import { RESERVATION_CHECKS } from './reservations';
import { MONEY_CHECKS } from './money';
import { ANALYTICS_CHECKS } from './analytics';
import { REPORT_CHECKS } from './reports';
import { ORDER_CHECKS } from './orders';
import { STOCK_CHECKS } from './stock';
import { TRACKING_CHECKS } from './tracking';
import { CHECK_IDS, type CheckId, type CheckInfo, type CheckRun, type SqlCheck } from '../types';

/** The check of tamper evidence reads the ledger range by range: domain/assurance/seals/verify.ts. */
const SEALS_CHECK: CheckInfo = {
  id: 'seals',
  title: 'Sealed rows of the ledger are as they were sealed',
  severity: 'critical',
  finding: 'A ledger row (seal, month, ledgerId, what: changed, missing, added) or a seal (seal, what)',
  repair: 'For a person: find out who wrote to the ledger by hand, and restore the rows from a backup.',
};

/** As that, of the audit log: domain/assurance/seals/sealed-logs.ts. */
const AUDIT_CHECK: CheckInfo = {
  id: 'audit_seals',
  title: 'Sealed entries of the audit log are as they were sealed',
  severity: 'critical',
  finding: 'An entry (seal, entryId, what: changed, missing, added) or a seal of the audit log (seal, what)',
  repair: 'For a person: find out who wrote to the audit log by hand, and restore the entries from a backup.',
};

/** As that, of the money ledger. */
const MONEY_SEALS_CHECK: CheckInfo = {
  id: 'money_seals',
  title: 'Sealed rows of the money ledger are as they were sealed',
  severity: 'critical',
  finding: 'A row (seal, entryId, what: changed, missing, added) or a seal of the money ledger (seal, what)',
  repair: 'For a person: find out who wrote to the money ledger by hand, and restore the rows from a backup.',
};

export const SQL_CHECKS: ReadonlyMap<CheckId, SqlCheck> = new Map(
  [
    ...STOCK_CHECKS,
    ...RESERVATION_CHECKS,
    ...ORDER_CHECKS,
    ...MONEY_CHECKS,
    ...REPORT_CHECKS,
    ...ANALYTICS_CHECKS,
    ...TRACKING_CHECKS,
    ...FLOW_CHECKS,
  ].map((check) => [check.id, check]),
);

const ALL = new Map<CheckId, CheckInfo>([
  ...SQL_CHECKS,
  ...ENGINE_CHECKS.map((check) => [check.id, check] as const),
  [SEALS_CHECK.id, SEALS_CHECK],
  [AUDIT_CHECK.id, AUDIT_CHECK],
  [MONEY_SEALS_CHECK.id, MONEY_SEALS_CHECK],
]);

/** All checks in the order in which they run. */
export const CHECKS: readonly CheckInfo[] = CHECK_IDS.map(checkOf);

export function checkOf(id: CheckId): CheckInfo {
  const check = ALL.get(id);
  if (!check) throw new Error(`there is no check ${id}`);
  return check;
}

/**
 * The statement of a check that returns `limit` findings at most. They are materialized: for a bare LIMIT the
 * planner prefers what is quick to find a first row, and mostly there is none. At three million ledger rows that took 12.5 s
 * instead of 2.4.
 */
export function statementOf(check: SqlCheck, run: CheckRun): Statement {
  const { name, text, values = [] } = check.statement(run);
  return {
    name,
    text: `with finding as materialized (${text}) select subject, details from finding limit $${values.length + 1}`,
    values: [...values, run.limit],
  };
}

/** Checks whose findings are about a product at a location, and raise its alert `ledger_drift`. */
export const DRIFT_CHECKS: readonly CheckId[] = ['on_hand_ledger', 'reserved_ledger', 'reserved_holds'];
