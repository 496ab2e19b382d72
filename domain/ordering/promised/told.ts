import type { Transaction } from '../../../platform/database/database';
import { raiseAttention } from '../../orders/attention';
import type { NewEvent } from '../../orders/types';
import { raiseBrokenPromises } from '../../stock/alerts/alerts';
import type { AffectedPromise, PromiseOutcome } from '../../stock/alerts/types';
import type { StockKey } from '../../stock/ledger/types';

export type GiveUpCause = 'blocked' | 'missing' | 'closed';

/** How each cause is told of. `what` happened to the units; `attention`: where they are cut; `alert`: null where nothing is wrong. */
const WORDS = {
  blocked: { what: 'were blocked', event: 'units_blocked', attention: 'units_blocked', alert: 'recall' },
  missing: {
    what: 'were not found',
    event: 'units_missing',
    attention: 'units_missing',
    alert: 'count_short',
  },
  closed: {
    what: 'were in a closed warehouse',
    event: 'units_re_sourced',
    attention: 'units_blocked',
    alert: null,
  },
} as const satisfies Record<GiveUpCause, unknown>;

/** A place whose promised units are given up. */
export interface Place extends StockKey {
  sku: string;
  warehouse: string;
  /** Why its units are given up. */
  why: string;
  /**
   * `blocked`: they may not leave; `missing`: a count did not find them; `closed`: they come from another place as far as one has any.
   */
  cause: GiveUpCause;
}

/** Why units of a place were given up, for a ledger entry. */
export function ledgerReason({ cause }: Place): string {
  return `units ${WORDS[cause].what}`;
}

/** The same for a cut or a refund. */
export function reasonOf({ cause, why }: Place): string {
  return cause === 'missing' ? why : `units ${WORDS[cause].what}: ${why}`;
}

export function eventOf(
  { sku, warehouse, why, cause }: Place,
  orderId: string,
  data: { outcome: PromiseOutcome; units?: number; shipmentId?: string },
): NewEvent {
  return {
    orderId,
    type: WORDS[cause].event,
    data: { sku, warehouse, why, ...data },
  };
}

/** The alert of the place counts everybody whose units were blocked, or missing, and its list names them. */
export async function tell(
  tx: Transaction,
  { productId, warehouseId, why, cause }: Place,
  affected: readonly AffectedPromise[],
): Promise<void> {
  const kind = WORDS[cause].alert;
  if (kind !== null && affected.length > 0)
    await raiseBrokenPromises(tx, { kind, productId, warehouseId, why, affected });
}

/** That orders need a person, since units were cut from them. Each order once. */
export async function raiseCuts(
  tx: Transaction,
  { sku, warehouse, productId, why, cause }: Place,
  cuts: readonly { orderId: string; units: number }[],
): Promise<void> {
  await raiseAttention(
    tx,
    cuts.map(({ orderId, units }) => ({
      orderId,
      kind: WORDS[cause].attention,
      about: `${orderId}:${productId}`,
      why: `${units} units of ${sku} at ${warehouse} ${WORDS[cause].what} (${why}) and are cut from order ${orderId}, since there are no others.`,
      details: { sku, warehouse, units },
    })),
  );
}
