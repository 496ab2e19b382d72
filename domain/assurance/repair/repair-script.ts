import { z } from 'zod';
import type { Queryable } from '../../../platform/database/database';
import { checkOf } from '../checks/checks';
import { selectRepairable } from './queries';
import {
  closeEndedReservation,
  deleteLines,
  enableTrigger,
  keepForBackorders,
  letBook,
  readyMessage,
  releaseReservation,
  repairCounters,
  validateConstraint,
  wakeSaga,
  writeKey,
} from './repair-sql';
import type { CheckId, Finding, StoredFinding } from '../types';

/** One transaction of the repair script. */
export interface Repair {
  finding: StoredFinding;
  /** Plain SQL, without BEGIN and COMMIT. Harmless when it is run twice, or when the finding no longer holds. */
  sql: string;
}

/** Lines before counters, and counters before the reservations that are released from them; guards last. */
const ORDER: readonly CheckId[] = [
  'lines_without_hold',
  'ended_holds',
  'on_hand_ledger',
  'reserved_ledger',
  'reserved_holds',
  'orphaned_holds',
  'free_beside_waiting',
  'ledger_keys',
  'held_shipments',
  'outbox_stuck',
  'workflow_gone',
  'workflow_outlives_order',
  'guards',
];

const place = z.object({ productId: z.int(), warehouseId: z.int() });
const reservationDetails = z.object({
  reservationId: z.uuid(),
  kind: z.string().optional(),
  why: z.string().optional(),
});
const order = z.object({ orderId: z.uuid() });
const guard = z.object({ kind: z.string(), table: z.string(), name: z.string(), state: z.string() });

/** The SQL that repairs a finding; null: it is for a person. The same for the same job and finding. */
export function repairOf(jobId: string, check: CheckId, { details }: Finding): string | null {
  switch (check) {
    case 'on_hand_ledger':
    case 'reserved_ledger':
    case 'reserved_holds': {
      const { productId, warehouseId } = place.parse(details);
      return repairCounters(jobId, productId, warehouseId);
    }
    case 'free_beside_waiting': {
      const { productId, warehouseId } = place.parse(details);
      return keepForBackorders(productId, warehouseId);
    }
    case 'orphaned_holds': {
      const { reservationId, kind, why } = reservationDetails.parse(details);
      if (kind === 'order' && why === 'past_due') return wakeSaga(order.parse(details).orderId);
      return releaseReservation(jobId, reservationId);
    }
    case 'ended_holds':
      return closeEndedReservation(reservationDetails.parse(details).reservationId);
    case 'lines_without_hold':
      return deleteLines(reservationDetails.parse(details).reservationId);
    case 'ledger_keys':
      return writeKey(z.object({ key: z.string() }).parse(details).key);
    case 'held_shipments': {
      const { shipmentId, orderId } = z.object({ shipmentId: z.uuid(), orderId: z.uuid() }).parse(details);
      return letBook(orderId, shipmentId);
    }
    case 'outbox_stuck':
      return readyMessage(z.object({ outboxId: z.int() }).parse(details).outboxId);
    case 'workflow_gone':
    case 'workflow_outlives_order':
      return wakeSaga(order.parse(details).orderId);
    case 'guards': {
      const { kind, table, name, state } = guard.parse(details);
      if (state === 'disabled' && kind === 'trigger') return enableTrigger(table, name);
      return state === 'not valid' ? validateConstraint(table, name) : null;
    }
    default:
      return null;
  }
}

const PAGE = 500;

/** Repairs of what a job found, in the order in which they are to be made, read piece by piece. */
export async function* repairsOf(on: Queryable, jobId: string): AsyncGenerator<Repair> {
  // Several checks may find the same counters wrong: one transaction puts them right.
  const repaired = new Set<string>();
  for (const check of ORDER) {
    for (let after = 0; ;) {
      const findings = await selectRepairable(on, { jobId, check, after, limit: PAGE });
      for (const finding of findings) {
        after = finding.id;
        const sql = repairOf(jobId, check, finding);
        if (sql === null || repaired.has(sql)) continue;
        repaired.add(sql);
        yield { finding, sql };
      }
      if (findings.length < PAGE) break;
    }
  }
}

/** A repair as it stands in the script: what and why, then one transaction. */
export function repairText({ finding, sql }: Repair): string {
  const { repair, title } = checkOf(finding.check);
  const found = `${finding.subject} ${JSON.stringify(finding.details)}`.replaceAll(/[\r\n]/g, ' ');
  return [
    `-- Finding ${finding.id}, ${finding.check}: ${title}.`,
    `-- Found: ${found}`,
    `-- ${repair}`,
    `begin;\n${sql}\ncommit;\n`,
  ].join('\n');
}

/** The repair script of a job, `GET /downloads/{jobId}.sql`: to be reviewed, then run by psql or `holdfast repair`. */
export async function* repairScript(on: Queryable, jobId: string): AsyncGenerator<string> {
  yield `-- Repairs what consistency job ${jobId} found.
-- Each finding has one transaction, which looks again under locks before it writes: it may be run twice, or late. A WARNING
-- says that something is left for a person. Apply it with psql or with: holdfast repair --job ${jobId}
set lock_timeout = '5s';
-- Each place's part of the ledger is read, and once the whole of it is counted, before anything is locked.
set statement_timeout = 0;
`;
  let count = 0;
  for await (const repair of repairsOf(on, jobId)) {
    count += 1;
    yield `\n${repairText(repair)}`;
  }
  yield `\n-- ${count} repairs. What is not in here is for a person: GET /api/v1/jobs/${jobId}/findings\n`;
}
