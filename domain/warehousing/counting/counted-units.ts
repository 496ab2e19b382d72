import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { refuse } from '../../stock/tracking/assign-units';
import { checkExpiryOf } from '../../stock/tracking/lots';
import { twiceFault } from '../../stock/tracking/rules';
import {
  codeKey,
  findFoundSerials,
  lotsAsOf,
  serialsAsOf,
  type FoundSerial,
  type LotAsOf,
  type PlaceAsOf,
  type SerialAsOf,
} from '../../stock/tracking/tracking';
import {
  elsewhere,
  lotOf,
  lotVariances,
  serialVariance,
  type LotCount,
  type LotVariance,
  type SerialVariance,
} from './compare-units';
import type { CountToRecord, LineRow, SerialsToRecord } from './queries';
import type { Counted, CountedLot } from './types';

/** Lots and serial numbers of places as of the times of their counts, of those that keep any; by product. */
export interface KnownUnits {
  lots: ReadonlyMap<number, LotAsOf[]>;
  serials: ReadonlyMap<number, SerialAsOf[]>;
}

/** A line at its place, and as of when it is counted. */
export type TrackedPlace = PlaceAsOf & Pick<LineRow, 'lotTracked' | 'serialised'>;

export async function readKnownUnits(tx: Transaction, places: readonly TrackedPlace[]): Promise<KnownUnits> {
  const lotted = places.filter(({ lotTracked }) => lotTracked);
  const numbered = places.filter(({ serialised }) => serialised);
  const lots = lotted.length > 0 ? await lotsAsOf(tx, lotted) : [];
  const serials = numbered.length > 0 ? await serialsAsOf(tx, numbered) : [];
  return { lots: byProduct(lots), serials: byProduct(serials) };
}

export function byProduct<Row extends { productId: number }>(rows: readonly Row[]): Map<number, Row[]> {
  const grouped = new Map<number, Row[]>();
  for (const row of rows) {
    const own = grouped.get(row.productId);
    if (own) own.push(row);
    else grouped.set(row.productId, [row]);
  }
  return grouped;
}

/**
 * What a count of a line is to record.
 *
 * @throws VALIDATION_FAILED where the units do not add up to `counted`; LOT_REQUIRED, SERIALS_REQUIRED, NOT_TRACKED, UNITS_NAMED_TWICE;
 *   COUNT_INCOMPLETE with the lots that are not counted; LOT_EXPIRY_MISMATCH; SERIAL_ELSEWHERE with where those numbers are
 */
export async function recordOf(
  tx: Transaction,
  { line, count, place }: { line: LineRow; count: Counted; place: TrackedPlace },
  known: KnownUnits,
): Promise<CountToRecord> {
  const { sku, productId } = line;
  const counted = unitsOf(count);
  const countedLots = count.lots?.map(({ code, counted: quantity }) => ({ code, quantity }));
  refuse(twiceFault(sku, { serials: count.serials, lots: countedLots }));
  checkKept(line, count, counted);
  return {
    productId,
    counted,
    countedAt: place.asOf,
    lots: line.lotTracked ? await lotsOf(tx, line, count.lots ?? [], known.lots.get(productId) ?? []) : [],
    serials: line.serialised
      ? await serialsOf(tx, line, count.serials ?? [], { place, known: known.serials.get(productId) ?? [] })
      : null,
  };
}

function unitsOf({ sku, counted, lots, serials }: Counted): number {
  // A scanner that has read nothing yet sends an empty list too.
  if (counted === undefined && (lots?.length === 0 || serials?.length === 0))
    throw new AppError(
      'VALIDATION_FAILED',
      `Nothing of ${sku} is named: say "counted": 0 if nothing is there.`,
      {
        sku,
      },
    );
  const inLots = lots?.reduce((sum, lot) => sum + lot.counted, 0);
  const units = counted ?? inLots ?? serials?.length ?? 0;
  if (inLots !== undefined && inLots !== units)
    throw new AppError('VALIDATION_FAILED', `The lots of ${sku} have ${inLots} units, not ${units}.`, {
      sku,
    });
  if ((serials?.length ?? 0) > units)
    throw new AppError('VALIDATION_FAILED', `${sku} has more serial numbers than units.`, { sku });
  return units;
}

function checkKept({ sku, lotTracked, serialised }: LineRow, { lots, serials }: Counted, counted: number) {
  if (lots !== undefined && !lotTracked)
    throw new AppError('NOT_TRACKED', `${sku} is not kept by lot.`, { sku });
  if (serials !== undefined && !serialised)
    throw new AppError('NOT_TRACKED', `${sku} has no serial numbers.`, { sku });
  if (counted === 0) return;
  if (lotTracked && lots === undefined)
    throw new AppError('LOT_REQUIRED', `${sku} is kept by lot: count each lot.`, { sku });
  if (serialised && serials === undefined)
    throw new AppError('SERIALS_REQUIRED', `${sku} has serial numbers: name those that are there.`, { sku });
}

async function lotsOf(
  tx: Transaction,
  { sku, productId }: LineRow,
  given: readonly CountedLot[],
  known: readonly LotAsOf[],
): Promise<CountToRecord['lots']> {
  const counts = given.map(({ code, counted, expiresOn = null }): LotCount => {
    const lot = lotOf(known, code);
    return { key: lot?.key ?? codeKey(code), code: lot?.code ?? code, expiresOn, counted };
  });
  await checkExpiryOf(
    tx,
    counts.map(({ code, expiresOn }) => ({ productId, code, expiresOn })),
  );
  const named = new Set(counts.map(({ key }) => key));
  const left = known.filter((lot) => lot.then > 0 && !named.has(lot.key)).map(({ code }) => code);
  if (given.length > 0 && left.length > 0) {
    throw new AppError(
      'COUNT_INCOMPLETE',
      `Of ${sku} these lots are not counted: ${left.slice(0, 5).join(', ')}${left.length > 5 ? ', …' : ''}. One that is not there is counted 0.`,
      { sku, lots: left },
    );
  }
  return lotVariances(counts, known);
}

async function serialsOf(
  tx: Transaction,
  { sku, productId }: LineRow,
  counted: readonly string[],
  { place, known }: { place: TrackedPlace; known: readonly SerialAsOf[] },
): Promise<SerialsToRecord> {
  const { missing, found } = serialVariance(counted, known);
  const others = elsewhere(await findFoundSerials(tx, productId, found), place.warehouseId);
  if (others.length > 0) {
    throw new AppError(
      'SERIAL_ELSEWHERE',
      `Of ${sku} some of these are known to be elsewhere: book how they came here first, or leave them out.`,
      { sku, serials: others.map(({ given: serial, status, warehouse }) => ({ serial, status, warehouse })) },
    );
  }
  return { counted, missing: missing.map(({ serial }) => serial), found };
}

/** What a line that was counted says of its units, against the ledger as it is known now. */
export interface UnitsOfLine {
  /** It was counted lot by lot. */
  tellsLots: boolean;
  lots: LotVariance[];
  /** Units of which lots with later numbers differ from what was counted of them, signed: they are no part of the variance. */
  superseded: number;
  /** As of when the latest of those numbers is true; null: there is none. */
  overtakenAsOf: string | null;
  serials: SerialVariance;
  /** Numbers that were found are known to be elsewhere by now. */
  isElsewhere: boolean;
  /** What is known of numbers that were found. */
  known: FoundSerial[];
}

/** A line that was counted before its product kept lots, or serial numbers, says nothing of them. */
export async function compareUnits(
  tx: Transaction,
  place: TrackedPlace & { counted: number },
  told: { lots: readonly LotCount[]; serials: readonly string[] | null },
  units: KnownUnits,
): Promise<UnitsOfLine> {
  const { productId, warehouseId, lotTracked, serialised, counted } = place;
  const tellsLots = lotTracked && (told.lots.length > 0 || counted === 0);
  const lots = tellsLots ? lotVariances(told.lots, units.lots.get(productId) ?? []) : [];
  const serials =
    serialised && told.serials !== null
      ? serialVariance(told.serials, units.serials.get(productId) ?? [])
      : { missing: [], found: [] };
  const known = serials.found.length > 0 ? await findFoundSerials(tx, productId, serials.found) : [];
  const overtaken = lots.filter((lot) => lot.superseded);
  return {
    tellsLots,
    lots,
    superseded: overtaken.reduce((sum, { counted: units, lot }) => sum + units - (lot?.then ?? 0), 0),
    overtakenAsOf:
      overtaken
        .flatMap(({ lot }) => lot?.overtakenAsOf ?? [])
        .sort()
        .at(-1) ?? null,
    serials,
    isElsewhere: elsewhere(known, warehouseId).length > 0,
    known,
  };
}
