import type { Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { derivedId } from '../../../platform/ids';
import { decideNumber } from '../../stock/ledger/numbers';
import { stockKeyOf, unreserved } from '../../stock/ledger/rules';
import {
  endOvertakenHolds,
  insertEmptyStock,
  lockStock,
  selectHoldsOfCounts,
  selectNumberFacts,
  takeBlocked,
  type HoldOfCount,
  type NumberFacts,
  type StockLedger,
} from '../../stock/ledger/stock-ledger';
import type { Allocation, LedgerEntry, StockKey, StockLevel } from '../../stock/ledger/types';
import { findReservedUnits } from '../../stock/reservations/holders';
import type { ReservedUnits } from '../../stock/reservations/types';
import { bringInSerials, takeOutSerials } from '../../stock/tracking/counted-serials';
import { moveLots, noteCountedLots } from '../../stock/tracking/tracking';
import { endCountHold, fitCountHold, holdMissing, readCountHold, unitsOnHold } from '../quality/count-holds';
import { unitsProblem } from './compare-units';
import { byProduct, compareUnits, readKnownUnits, type UnitsOfLine } from './counted-units';
import { updateLines, type LineDecision, type LineRow, type LockedSheet } from './queries';
import { selectOthersResolving } from './resolving-queries';
import { approvalProblem, isWithinTolerance } from './rules';
import type { LineProblem, LineStatus } from './types';
import { selectCountedLots, writeUnits } from './unit-queries';

type Sheet = LockedSheet & { sheetId: string };

export interface HowToApply {
  /** Units that a line may be off by; null: whatever it is off by. */
  tolerance: number | null;
  actor: string | null;
  /** A line that would leave less than is reserved is not refused: see `resolving`. */
  resolveReserved: boolean;
}

/** A line with what was counted, and with what it meets in its stock row; undefined: there is no stock row, and nothing was found. */
interface CountedLine {
  row: LineRow;
  key: StockKey;
  /** Without what differs of lots that have later numbers. */
  counted: number;
  countedAt: string;
  there: { level: StockLevel; facts: NumberFacts; units: UnitsOfLine } | undefined;
  /** Units that its own hold keeps, while it is `resolving`. */
  kept: number;
  /** It is `resolving`, and its hold was ended for a newer number. */
  isEnded: boolean;
  /** Holds of other counts of the place: those that it overtakes are ended before it is applied. */
  overtaken: { kept: number; open: number };
  /** Another one is of a newer count. */
  hasNewer: boolean;
}

/**
 * Decides lines that were counted, and applies those that can be. One that is `resolving` is decided again: it stays so while less
 * would be left than is reserved. The last step of a transaction: orders may be locked here.
 */
export async function applyCounts(
  tx: Transaction,
  stock: StockLedger,
  sheet: Sheet,
  lines: readonly LineRow[],
  how: HowToApply,
): Promise<void> {
  if (lines.length === 0) return;
  const counted = await readWhatCountsMeet(tx, sheet, lines);
  const outcomes: { line: CountedLine; outcome: LineOutcome }[] = [];
  for (const line of counted) outcomes.push({ line, outcome: await decideLine(tx, line, how) });
  const entries: LedgerEntry[] = [];
  const decisions: LineDecision[] = [];
  const released = await endOvertaken(tx, outcomes);
  const reserved = await reservedUnits(tx, outcomes);
  for (const { line, outcome } of outcomes) {
    const { status, code, variance } = outcome;
    const known = reserved.get(stockKeyOf(line.key));
    const isOwn = ({ reservationId }: ReservedUnits) => reservationId === line.row.holdId;
    const decision: LineDecision = {
      productId: line.row.productId,
      status,
      code,
      variance,
      reservations: known?.units.filter((one) => !isOwn(one)) ?? null,
      reservationCount: known ? known.count - (known.units.some(isOwn) ? 1 : 0) : null,
      holdId: null,
    };
    if (status === 'resolving') decision.holdId = await keepMissing(tx, sheet, line, how.actor);
    else entries.push(...(await freeKept(tx, line, how.actor)));
    if (status === 'approved' && line.there)
      entries.push(await entryOf(tx, sheet, line, { variance, ...how }));
    decisions.push(decision);
  }
  const tellLots = outcomes.filter(
    ({ line: { there }, outcome }) => outcome.status === 'approved' && there?.units.tellsLots,
  );
  if (tellLots.length > 0)
    await noteCountedLots(
      tx,
      tellLots.map(({ line: { key, countedAt } }) => ({ ...key, countedAt })),
    );
  await updateLines(tx, sheet.sheetId, decisions, how.actor);
  await writeUnits(
    tx,
    sheet.sheetId,
    outcomes.flatMap(({ line }) => unitsToWrite(line)),
  );
  await wakeOthers(tx, sheet, decisions);
  if (outcomes.some(({ line, outcome }) => isNewlyResolving(line, outcome))) {
    // In case this process dies before it settles the count itself.
    await enqueue(tx, [{ topic: 'count.settle', key: sheet.sheetId }]);
  }
  const taken = await stock.post(tx, entries, released);
  // A blocked lot may have been found where nothing became available.
  const lotted = outcomes.filter(({ line: { there } }) => there && there.units.lots.length > 0);
  if (lotted.length > 0)
    await takeBlocked(
      tx,
      lotted.map(({ line: { key } }) => key),
    );
  await taken?.write();
}

function isNewlyResolving({ row, isEnded }: CountedLine, { status }: LineOutcome): boolean {
  return status === 'resolving' && (row.holdId === null || isEnded);
}

/**
 * Ends the holds of older counts where lines are applied, or await units themselves. Returns what is free by that: where a line awaits
 * units, its own hold takes it.
 */
async function endOvertaken(
  tx: Transaction,
  outcomes: readonly { line: CountedLine; outcome: LineOutcome }[],
): Promise<Allocation[]> {
  const numbers = outcomes.flatMap(({ line: { key, countedAt: asOf, row, overtaken }, outcome }) => {
    const isNumber = outcome.status === 'approved' || outcome.status === 'resolving';
    return isNumber && overtaken.open > 0 ? [{ ...key, asOf, own: row.holdId, status: outcome.status }] : [];
  });
  if (numbers.length === 0) return [];
  const applied = new Set(numbers.filter(({ status }) => status === 'approved').map(stockKeyOf));
  return (await endOvertakenHolds(tx, numbers)).filter((row) => applied.has(stockKeyOf(row)));
}

/** A number may overtake what other sheets have `resolving` at the same place. */
async function wakeOthers(tx: Transaction, sheet: Sheet, decisions: readonly LineDecision[]): Promise<void> {
  const posted = decisions.filter(({ status }) => status === 'approved').map(({ productId }) => productId);
  const others = posted.length > 0 ? await selectOthersResolving(tx, sheet, posted) : [];
  await enqueue(
    tx,
    others.map((key) => ({ topic: 'count.settle', key })),
  );
}

/** Locks the stock rows of lines, and reads what their counts meet there. */
async function readWhatCountsMeet(
  tx: Transaction,
  sheet: Sheet,
  lines: readonly LineRow[],
): Promise<CountedLine[]> {
  const { sheetId, warehouseId } = sheet;
  const counted = lines.flatMap((row) => {
    const { counted: units, countedAt, productId } = row;
    return units === null || countedAt === null
      ? []
      : [{ row, key: { productId, warehouseId }, counted: units, countedAt }];
  });
  const keys = counted.map(({ key }) => key);
  await insertEmptyStock(
    tx,
    counted.filter(({ counted: units }) => units > 0).map(({ key }) => key),
  );
  const levels = new Map((await lockStock(tx, keys)).map((level) => [level.productId, level]));
  const places = counted.map(({ row: { lotTracked, serialised }, key, countedAt: asOf }) => {
    return { ...key, asOf, lotTracked, serialised };
  });
  const facts = new Map((await selectNumberFacts(tx, places)).map((row) => [row.productId, row]));
  const known = await readKnownUnits(tx, places);
  const lots = byProduct(
    places.some(({ lotTracked }) => lotTracked) ? await selectCountedLots(tx, sheetId) : [],
  );
  const holds = await selectHoldsOfCounts(tx, keys);
  const seen: CountedLine[] = [];
  for (const [at, one] of counted.entries()) {
    const { productId } = one.key;
    const [level, met, place] = [levels.get(productId), facts.get(productId), places[at]];
    const { holdId, serials } = one.row;
    const own = holdId === null ? null : await readCountHold(tx, holdId);
    const kept = own?.kept ?? 0;
    const held = { kept, isEnded: own !== null && own.kept + own.awaited === 0, ...othersOf(one, holds) };
    if (!level || !met || !place) {
      seen.push({ ...one, ...held, there: undefined });
      continue;
    }
    const read = { lots: lots.get(productId) ?? [], serials };
    const units = await compareUnits(tx, { ...place, counted: one.counted }, read, known);
    const counted = one.counted - units.superseded;
    seen.push({ ...one, counted, ...held, there: { level, facts: met, units } });
  }
  return seen;
}

/** What the holds of other counts mean for a count. Of two as of the same time the later decided counts. */
function othersOf(
  { row: { holdId }, key, countedAt }: Pick<CountedLine, 'row' | 'key' | 'countedAt'>,
  holds: readonly HoldOfCount[],
): Pick<CountedLine, 'overtaken' | 'hasNewer'> {
  const others = holds.filter((hold) => hold.holdId !== holdId && stockKeyOf(hold) === stockKeyOf(key));
  const older = others.filter(({ asOf }) => asOf <= countedAt);
  const sum = (units: 'kept' | 'open') => older.reduce((total, hold) => total + hold[units], 0);
  return { overtaken: { kept: sum('kept'), open: sum('open') }, hasNewer: older.length < others.length };
}

interface LineOutcome {
  status: Extract<LineStatus, 'approved' | 'review' | 'resolving' | 'superseded'>;
  code: LineProblem | null;
  variance: number | null;
}

async function decideLine(
  tx: Transaction,
  { row, key, counted, there, kept, isEnded, overtaken, hasNewer }: CountedLine,
  { tolerance, resolveReserved }: HowToApply,
): Promise<LineOutcome> {
  if (!there) return { status: 'approved', code: null, variance: 0 };
  const { level, facts, units } = there;
  const isOvertaken = isOvertakenAsAWhole(row, facts, units);
  if (isEnded && (isOvertaken || !facts.isOvertaken))
    return { status: 'superseded', code: null, variance: null };
  if (facts.isFolded) return { status: 'review', code: 'ASOF_BEFORE_RETENTION', variance: null };
  const decision = decideNumber({ ...facts, isOvertaken, onHand: level.onHand }, counted);
  if (decision.outcome === 'superseded') return { status: 'superseded', code: null, variance: null };
  const { delta: variance } = decision;
  const off = [
    variance,
    ...units.lots.map((lot) => lot.variance),
    units.serials.missing.length,
    units.serials.found.length,
  ];
  if (tolerance !== null && !isWithinTolerance(off, tolerance))
    return { status: 'review', code: null, variance };
  const without = { onHand: level.onHand, reserved: level.reserved - kept - overtaken.kept };
  const problem = approvalProblem(without, variance);
  const unfit = unitsProblem(units);
  const isResolving = row.status === 'resolving' && !isEnded;
  if (problem !== 'BELOW_RESERVED' || !(isResolving || resolveReserved)) {
    const code = problem ?? unfit;
    return { status: code ? 'review' : 'approved', code, variance };
  }
  if (isResolving) return { status: 'resolving', code: problem, variance };
  // Nobody gives anything up for a count that cannot be applied then.
  if (unfit !== null) return { status: 'review', code: unfit, variance };
  // Units on hold are nobody's to give up: they are written off first. One count of a place is resolved at a time: the newest.
  const isCovered = level.onHand + variance >= (await unitsOnHold(tx, key)) - overtaken.open;
  const resolves = isCovered && !hasNewer;
  return { status: resolves ? 'resolving' : 'review', code: problem, variance };
}

/**
 * Whether later numbers leave nothing of a count. Where it tells of each lot, a later number of one supersedes what was counted of that lot.
 * What was read off of serial numbers is of the whole place.
 */
function isOvertakenAsAWhole({ serialised }: LineRow, facts: NumberFacts, units: UnitsOfLine): boolean {
  if (facts.isPlaceOvertaken || !facts.isOvertaken) return facts.isPlaceOvertaken;
  return !units.tellsLots || serialised || units.lots.every((lot) => lot.superseded);
}

/** What reserves the units of lines below it. */
async function reservedUnits(
  tx: Transaction,
  outcomes: readonly { line: CountedLine; outcome: LineOutcome }[],
): ReturnType<typeof findReservedUnits> {
  const short = outcomes.filter(({ outcome }) => outcome.code === 'BELOW_RESERVED');
  return findReservedUnits(
    tx,
    short.map(({ line }) => line.key),
  );
}

/** Puts the units that were not found on hold, or brings their hold to how many those are by now. Returns its id. */
async function keepMissing(
  tx: Transaction,
  { sheetId }: Sheet,
  { row: { holdId, decidedBy }, key, counted, countedAt, there, isEnded, overtaken }: CountedLine,
  actor: string | null,
): Promise<string> {
  if (!there) throw new Error('nothing is reserved where there is no stock');
  const { facts, level, units } = there;
  const missing = level.onHand - facts.movedAfter - counted;
  if (holdId !== null && !isEnded) {
    await fitCountHold(tx, key, { holdId, missing });
    return holdId;
  }
  return holdMissing(tx, key, {
    quantity: missing,
    free: unreserved(level) + overtaken.kept,
    // The numbers of lots that have superseded a part of the count do not end the rest.
    asOf: [countedAt, units.overtakenAsOf ?? countedAt].sort().at(-1) ?? countedAt,
    reason: `${missing} units were not found (count ${sheetId})`,
    actor: actor ?? decidedBy ?? 'system',
  });
}

/** Ends the hold of a line, which kept what was not found. */
async function freeKept(
  tx: Transaction,
  { row: { holdId, decidedBy }, key }: CountedLine,
  actor: string | null,
): Promise<LedgerEntry[]> {
  return holdId === null ? [] : endCountHold(tx, key, { holdId, actor: actor ?? decidedBy ?? 'system' });
}

/** The entry of a line that is approved, of which lots and serial numbers are moved. */
async function entryOf(
  tx: Transaction,
  { sheetId }: Sheet,
  { row: { productId, round, decidedBy }, key, counted, countedAt, there }: CountedLine,
  { variance, actor: decides }: { variance: number | null; actor: string | null },
): Promise<LedgerEntry> {
  const actor = decides ?? decidedBy;
  const entry: LedgerEntry = {
    ...key,
    kind: 'count',
    onHandDelta: variance ?? 0,
    reservedDelta: 0,
    effectId: derivedId('count', sheetId, productId, round),
    reference: `count:${sheetId}`,
    reason: 'cycle count',
    correction: { asOf: countedAt, number: counted },
    ...(actor ? { actor } : {}),
  };
  if (there) await moveUnits(tx, entry, there.units);
  return entry;
}

async function moveUnits(tx: Transaction, entry: LedgerEntry, units: UnitsOfLine): Promise<void> {
  const { productId, warehouseId, kind, effectId, reference = null } = entry;
  const moving = { kind, effectId, orderId: null, reference };
  const moves = units.lots
    .filter(({ variance }) => variance !== 0)
    .map(({ code, expiresOn, variance }) => ({ productId, warehouseId, code, expiresOn, units: variance }));
  if (moves.length > 0) await moveLots(tx, moves, moving);
  const { missing, found } = units.serials;
  const gone = missing.filter(({ isHere }) => isHere).map(({ id }) => id);
  if (gone.length > 0) await takeOutSerials(tx, gone, { warehouseId, entry: moving });
  if (found.length > 0)
    await bringInSerials(tx, found, { productId, warehouseId, known: units.known, entry: moving });
}

function unitsToWrite({ row: { productId, lotTracked, serials: read }, there }: CountedLine) {
  if (!there) return [];
  const { lots, serials } = there.units;
  if (!lotTracked && read === null) return [];
  const named = { missing: serials.missing.map(({ serial }) => serial), found: serials.found };
  return [{ productId, lots, serials: read === null ? null : { ...named, counted: read } }];
}
