import { seededNumbers } from '../../platform/random-numbers';

/** How large a history is: derived from how many rows of the ledger it is to have, about. */
export interface HistorySize {
  products: number;
  warehouses: number;
  categories: number;
}

const ROWS_EACH = 100;

export function historySizeOf(rows: number): HistorySize {
  const products = Math.min(1_000_000, Math.max(20, Math.round(rows / ROWS_EACH)));
  return {
    products,
    warehouses: Math.min(100, Math.max(3, Math.round(products / 10_000))),
    categories: Math.min(50, Math.max(5, Math.round(products / 20_000))),
  };
}

/** Products at warehouses, each with how it sells; members of the arrays with the same index are about one of them. */
export interface Places {
  count: number;
  product: Int32Array;
  warehouse: Int32Array;
  category: Int32Array;
  /** Sales a day in the mean, and units of each. */
  rate: Float64Array;
  size: Float64Array;
  /** What it sells more at the end than at the begin, as a share. */
  trend: Float64Array;
  /** Days from an order at the supplier to its receipt. */
  lead: Int32Array;
  onHand: Int32Array;
  /** What has come in all. */
  received: Float64Array;
  /** When the next receipt comes, milliseconds; 0: none is ordered. */
  dueAt: Float64Array;
  dueUnits: Int32Array;
}

/** A change of stock. */
export interface Move {
  place: number;
  /** Milliseconds since 1970. */
  at: number;
  kind: 'receipt' | 'ship' | 'return' | 'adjust';
  units: number;
}

const DAY_MS = 86_400_000;
/** Of products: these sell on few days only, some units at once. */
const INTERMITTENT = 0.3;
/** Of sales: these come back. */
const RETURNED = 0.03;
/** Of receipts: these come three times as late as they should. */
const LATE = 0.12;
const RETURN_DAYS = 20;
/** A receipt is for so many days, and is ordered when what is there lasts for its lead time and these. */
const ORDER_DAYS = 45;
const SAFETY_DAYS = 4;
/** What sells in a week of promotion, times what sells otherwise. */
const PROMOTED = 2.5;
const PROMOTION_WEEKS = 9;
/** Of a week, Sunday first. */
const WEEKDAYS = [1.2, 0.9, 0.85, 0.9, 0.95, 1.05, 1.15];

/** A number that is the same for the same words, from 0 up to 1: for what is decided anew for each month. */
function hashed(...words: readonly number[]): number {
  const mixed = words.reduce((hash, word) => Math.imul(hash ^ word, 0x9e3779b1) ^ (hash >>> 15), 0x2545f491);
  return seededNumbers(mixed)();
}

/**
 * Makes the places of a history: one to three warehouses of each product, few products that sell much and many that sell hardly ever.
 *
 * @param days over which it goes
 */
export function placesOf(
  size: HistorySize,
  { rows, days, seed }: { rows: number; days: number; seed: number },
): Places {
  const next = seededNumbers(seed);
  const drawn = Array.from({ length: size.products }, (_, product) => {
    const first = Math.floor(next() * size.warehouses);
    const warehouses = Math.min(size.warehouses, 1 + Math.floor(next() * next() * 4));
    return {
      product,
      warehouses: Array.from({ length: warehouses }, (_, n) => (first + n) % size.warehouses),
      category: product % size.categories,
      popularity: (1 + Math.floor(next() * size.products)) ** -0.6,
      isIntermittent: next() < INTERMITTENT,
    };
  });
  const flat = drawn.flatMap((each) => each.warehouses.map((warehouse) => ({ ...each, warehouse })));
  const all = flat.reduce((sum, { popularity }) => sum + popularity, 0);
  const count = flat.length;
  const places: Places = {
    count,
    product: Int32Array.from(flat, ({ product }) => product),
    warehouse: Int32Array.from(flat, ({ warehouse }) => warehouse),
    category: Int32Array.from(flat, ({ category }) => category),
    rate: Float64Array.from(flat, ({ popularity }) => (popularity / all) * (rows / days)),
    size: Float64Array.from(flat, ({ isIntermittent }) => (isIntermittent ? 6 : 1.6)),
    trend: Float64Array.from(flat, () => next() * 1.2 - 0.4),
    lead: Int32Array.from(flat, () => 5 + Math.floor(next() * 16)),
    onHand: new Int32Array(count),
    received: new Float64Array(count),
    dueAt: new Float64Array(count),
    dueUnits: new Int32Array(count),
  };
  for (let place = 0; place < count; place++)
    if (flat[place]?.isIntermittent === true) places.rate[place] = at(places.rate, place) / 3;
  return places;
}

/** What is at an index, which there is. */
function at(numbers: Int32Array | Float64Array, index: number): number {
  return numbers[index] ?? 0;
}

export interface HistorySpan {
  /** Milliseconds since 1970: the whole history, and the part of it that is made. */
  begin: number;
  end: number;
  from: number;
  to: number;
  seed: number;
}

/** What moves at each place in a part of a history, place by place, each in the order of time. Changes what is there of the places. */
export function* movesOf(places: Places, span: HistorySpan): Generator<Move> {
  for (let place = 0; place < places.count; place++) yield* movesAt(places, place, span);
}

/** How much is sold on a day, beside what is sold on other days. */
function seasonOf(places: Places, place: number, time: number, { begin, end, seed }: HistorySpan): number {
  const category = at(places.category, place);
  const day = Math.floor(time / DAY_MS);
  const yearly = 1 + 0.45 * Math.sin((2 * Math.PI * day) / 365.25 + category);
  const grown = 1 + (at(places.trend, place) * (time - begin)) / (end - begin);
  const week = Math.floor(day / 7);
  const promoted = hashed(seed, category, Math.floor(week / PROMOTION_WEEKS)) * PROMOTION_WEEKS;
  const isPromoted = Math.floor(promoted) === week % PROMOTION_WEEKS;
  return yearly * grown * (WEEKDAYS[(day + 4) % 7] ?? 1) * (isPromoted ? PROMOTED : 1);
}

function* movesAt(places: Places, place: number, span: HistorySpan): Generator<Move> {
  const { begin, from, to, seed } = span;
  const next = seededNumbers(Math.floor(hashed(seed, place, Math.floor(from / DAY_MS)) * 2 ** 31));
  const [rate, size] = [at(places.rate, place), at(places.size, place)];
  const lasting = (days: number) => Math.max(1, Math.ceil(rate * size * days));
  const returns: { at: number; units: number }[] = [];
  const reorder = (time: number) => {
    const lead = at(places.lead, place) * (next() < LATE ? 3 : 1);
    if (
      at(places.dueAt, place) > 0 ||
      at(places.onHand, place) > lasting(at(places.lead, place) + SAFETY_DAYS)
    )
      return;
    places.dueAt[place] = time + lead * DAY_MS;
    places.dueUnits[place] = lasting(ORDER_DAYS);
  };
  function* arrivals(until: number): Generator<Move> {
    for (;;) {
      const due = at(places.dueAt, place);
      const [back] = returns;
      if (due > 0 && due <= until && (back === undefined || due <= back.at)) {
        const units = at(places.dueUnits, place);
        places.dueAt[place] = 0;
        yield take(places, { place, at: Math.max(due, from), kind: 'receipt', units });
      } else if (back !== undefined && back.at <= until) {
        returns.shift();
        yield take(places, { place, at: back.at, kind: 'return', units: back.units });
      } else return;
    }
  }
  if (from === begin)
    yield take(places, {
      place,
      at: begin,
      kind: 'receipt',
      units: lasting(ORDER_DAYS + at(places.lead, place)),
    });
  let time = from;
  for (;;) {
    // Exponential times between sales at the highest rate, of which as many are left out as the season is below it (thinning).
    time += (-Math.log(1 - next()) / (rate * HIGHEST)) * DAY_MS;
    if (time >= to) break;
    if (next() * HIGHEST > seasonOf(places, place, time, span)) continue;
    yield* arrivals(time);
    const wanted = 1 + Math.floor(-Math.log(1 - next()) * (size - 1));
    const units = Math.min(wanted, at(places.onHand, place));
    // What is not there is not sold.
    if (units > 0) {
      yield take(places, { place, at: time, kind: 'ship', units: -units });
      const back = time + (1 + next() * RETURN_DAYS) * DAY_MS;
      if (next() < RETURNED && back < to) {
        returns.push({ at: back, units: 1 });
        returns.sort((one, other) => one.at - other.at);
      }
    }
    reorder(time);
  }
  yield* arrivals(to - 1);
  if (next() < 0.02 && at(places.onHand, place) > 0)
    yield take(places, { place, at: to - 1, kind: 'adjust', units: -1 });
}

/** More than any season is. */
const HIGHEST = 9;

function take(places: Places, move: Move): Move {
  places.onHand[move.place] = at(places.onHand, move.place) + move.units;
  if (move.kind === 'receipt') places.received[move.place] = at(places.received, move.place) + move.units;
  return move;
}
