import { decideNumber } from '../ledger/numbers';
import { MAX_ON_HAND, stockKeyOf } from '../ledger/rules';
import type { HoldOfCount } from '../ledger/stock-ledger';
import type { StockLevel } from '../ledger/types';
import type { LotNumberFacts } from '../tracking/types';
import type { FeedMode, RejectCode } from './types';

/** A row of a feed that names a lot, with its keys. */
export interface LotRow {
  seq: number;
  line: number;
  /** Lines of the feed that are one here. */
  lines: number;
  productId: number;
  warehouseId: number;
  /** Code of a known lot; of a new one as it was given. */
  lot: string;
  /** The last day on which the lot may be sold, YYYY-MM-DD; null: the row does not say. */
  expiresOn: string | null;
  /** What is on hand of the lot, or what is added or taken. */
  quantity: number;
  reason: string | null;
  reference: string | null;
  /** As of when it is true, RFC 3339. */
  asOf: string;
}

export type DecidedLotRow = { row: LotRow } & (
  | { outcome: 'applied'; delta: number; asOf: string }
  | { outcome: 'unchanged' }
  | { outcome: 'rejected'; code: RejectCode; reason?: string }
);

/**
 * What rows that name lots come to. Of one place what is added comes before what is taken, so that units that change their lot
 * are never less than what is reserved.
 *
 * @param facts of each row; undefined: the place has no stock of the product
 * @param levels of the places, as they are
 * @param holds of counts there: what those keep that a number of the row's time overtakes is not reserved for it
 */
export function decideLotRows(
  mode: FeedMode,
  rows: readonly { row: LotRow; facts: LotNumberFacts | undefined }[],
  levels: readonly StockLevel[],
  holds: readonly HoldOfCount[] = [],
): DecidedLotRow[] {
  const places = new Map(levels.map((level) => [stockKeyOf(level), { ...level }]));
  const wanted = rows.map(({ row, facts }) => ({ row, facts, wanted: changeOf(mode, row, facts) }));
  const isTaking = ({ wanted: change }: (typeof wanted)[number]) =>
    change.outcome === 'applied' && change.delta < 0;
  const ordered = [...wanted.filter((one) => !isTaking(one)), ...wanted.filter(isTaking)];
  const ended = new Set<HoldOfCount>();
  return ordered.map(({ row, facts, wanted: change }) => {
    const overtaken =
      mode === 'set' && facts && change.outcome !== 'rejected'
        ? holds.filter(
            (hold) => stockKeyOf(hold) === stockKeyOf(row) && hold.asOf <= facts.asOf && !ended.has(hold),
          )
        : [];
    const place = places.get(stockKeyOf(row));
    if (change.outcome === 'rejected' || !facts || !place) return change;
    const reserved = overtaken.reduce((rest, { kept }) => rest - kept, place.reserved);
    const refused =
      change.outcome === 'applied' ? refusalOf(change.delta, facts, { ...place, reserved }) : null;
    if (refused) return { row, outcome: 'rejected', ...refused };
    place.reserved = reserved;
    for (const hold of overtaken) ended.add(hold);
    if (change.outcome === 'applied') place.onHand += change.delta;
    return change;
  });
}

function changeOf(mode: FeedMode, row: LotRow, facts: LotNumberFacts | undefined): DecidedLotRow {
  if (!facts) {
    if (row.quantity === 0) return { row, outcome: 'unchanged' };
    return { row, outcome: 'rejected', code: 'WOULD_GO_NEGATIVE' };
  }
  if (!facts.lotTracked) return { row, outcome: 'rejected', code: 'LOT_NOT_TRACKED' };
  if (mode === 'set' && facts.serialised) return { row, outcome: 'rejected', code: 'SERIAL_TRACKED' };
  const { known } = facts;
  if (known && row.expiresOn !== null && row.expiresOn !== known.expiresOn) {
    const told =
      known.expiresOn === null ? 'without an expiry date' : `with the expiry date ${known.expiresOn}`;
    const reason = `The lot is known ${told}, and the row says ${row.expiresOn}. Correct the lot (PUT /inventory/{sku}/lots/{lot}), or the row.`;
    return { row, outcome: 'rejected', code: 'LOT_EXPIRY_MISMATCH', reason };
  }
  if (mode === 'delta') return changed(row, row.quantity, facts.asOf);
  if (facts.inFuture) return { row, outcome: 'rejected', code: 'ASOF_IN_FUTURE' };
  if (facts.isFolded) return { row, outcome: 'rejected', code: 'ASOF_BEFORE_RETENTION' };
  const decision = decideNumber({ ...facts, onHand: facts.quantity }, row.quantity);
  if (decision.outcome === 'superseded') return { row, outcome: 'rejected', code: 'OVERTAKEN' };
  return changed(row, decision.delta, facts.asOf);
}

function changed(row: LotRow, delta: number, asOf: string): DecidedLotRow {
  return delta === 0 ? { row, outcome: 'unchanged' } : { row, outcome: 'applied', delta, asOf };
}

function refusalOf(
  delta: number,
  { quantity, kept }: LotNumberFacts,
  { onHand, reserved }: StockLevel,
): { code: RejectCode; reason?: string } | null {
  if (quantity + delta < 0) return { code: 'WOULD_GO_NEGATIVE' };
  if (onHand + delta > MAX_ON_HAND) return { code: 'QUANTITY_OVERFLOW' };
  if (delta > 0) return null;
  if (quantity + delta < kept) {
    const reason = `Of the lot ${kept} units are on quality hold or packed.`;
    return { code: 'BELOW_RESERVED', reason };
  }
  return onHand + delta < reserved ? { code: 'BELOW_RESERVED' } : null;
}
