import type { Transaction } from '../../../platform/database/database';
import { newId } from '../../../platform/ids';
import type { LedgerEntry, StockKey } from '../ledger/types';
import { selectKnownLots, selectLotsOfParcel } from './assign-queries';
import { refuse } from './assign-units';
import { exchangeUnitsOfLots, holdLotsAgain, selectLotsSince } from './exchange-queries';
import { lotExchange, lotlessFault, netChanges, type LotChange, type LotExchange } from './exchange-rules';
import { moveLots } from './queries';
import { codeKey, lotFault, twiceFault } from './rules';
import type { LeftParcel, NamedLot, NamedProduct } from './types';

/**
 * Units of the named lots left in the place of others that were taken for a parcel. Lots that have a newer absolute number stay what they
 * are; where it is the number of one of them only, what is on hand changes. Units on hold leave their hold. The caller holds the stock
 * row's lock, and puts on hold what is back of blocked lots.
 *
 * @returns an entry for the ledger, whose lots have moved, where newer numbers have seen any
 * @throws UNITS_NAMED_TWICE, UNKNOWN_LOT, LOT_SHORT
 */
export async function exchangeLots(
  tx: Transaction,
  parcel: LeftParcel,
  { sku, productId }: NamedProduct,
  lots: readonly NamedLot[],
): Promise<LedgerEntry | null> {
  refuse(twiceFault(sku, { lots }));
  const { shipmentId, warehouseId } = parcel;
  const key: StockKey = { productId, warehouseId };
  const left = await selectLotsOfParcel(tx, productId, shipmentId);
  const codes = new Map([...left, ...lots].map(({ code }) => [codeKey(code), code]));
  const since = await selectLotsSince(tx, key, shipmentId, [...codes.values()]);
  const exchange = lotExchange(left, lots, {
    lots: new Map(
      since.flatMap(({ code, numberAsOf }) => (numberAsOf === null ? [] : [[codeKey(code), numberAsOf]])),
    ),
    place: since[0]?.placeAsOf ?? null,
  });
  await checkThere(tx, key, { sku, exchange });
  refuse(lotlessFault(sku, exchange));
  const leftAt = since[0]?.leftAt;
  if (leftAt === undefined || exchange.changes.length === 0) return null;

  const entry = exchange.correction && correctionOf(parcel, key, exchange.correction);
  const change = (sign: number) =>
    exchangeUnitsOfLots(tx, key, parcel, { leftAt, changes: ofSign(exchange.changes, sign) });
  // What comes before what goes: a lot whose number has seen its units leave has none of them.
  await change(1);
  if (entry) {
    const moves = [...(exchange.correction?.changes ?? [])].sort((a, b) => b.units - a.units);
    const { kind, effectId, reference = null } = entry;
    await moveLots(
      tx,
      moves.map((lot) => ({ ...key, ...lot, expiresOn: null })),
      { kind, effectId, orderId: null, reference },
    );
  }
  await change(-1);
  await holdLotsAgain(tx, key, shipmentId, ofSign(netChanges(exchange), 1));
  return entry;
}

/** Units that really go must be there, on hold or not. */
async function checkThere(
  tx: Transaction,
  key: StockKey,
  { sku, exchange }: { sku: string; exchange: LotExchange },
): Promise<void> {
  const named = exchange.changes.filter(({ units }) => units < 0).map(({ code }) => code);
  const known = await selectKnownLots(tx, key, named, null);
  const net = new Map(netChanges(exchange).map(({ code, units }) => [code, -units]));
  refuse(
    lotFault(
      sku,
      named.map((code) => ({ code, quantity: net.get(code) ?? 0 })),
      known.map((lot) => ({ ...lot, free: Math.max(0, lot.free + lot.held), held: 0 })),
    ),
  );
}

function correctionOf(
  { shipmentId, actor }: LeftParcel,
  key: StockKey,
  { asOf, changes }: NonNullable<LotExchange['correction']>,
): LedgerEntry {
  return {
    ...key,
    kind: 'adjust',
    onHandDelta: changes.reduce((sum, { units }) => sum + units, 0),
    reservedDelta: 0,
    effectId: newId(),
    reason: 'counted after a parcel had left with other lots than were taken for it',
    reference: `shipment:${shipmentId}`,
    actor,
    correction: { asOf },
  };
}

function ofSign(changes: readonly LotChange[], sign: number): LotChange[] {
  return changes.filter(({ units }) => Math.sign(units) === sign);
}
