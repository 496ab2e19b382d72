import type { BulkTransaction, Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { numberEvents } from '../event-log/sequencer';
import { historySizeOf, movesOf, placesOf, type HistorySpan, type Move, type Places } from './history-model';
import {
  attachLedgerMonth,
  COPY_COSTS,
  copyMoves,
  COPY_STOCK,
  insertHistoryCatalogue,
  insertHistoryCosts,
  insertLedgerKeys,
  makeLedgerMonth,
  type HistoryCatalogue,
} from './history-queries';

export interface HistorySeed {
  /** How many rows of the ledger there are to be, about. */
  rows: number;
  /** The same number makes the same history of the same months; 1 unless given. */
  seed?: number;
  /** Full months before this one; 24 unless given. */
  months?: number;
  /** Told after each month how many rows there are by then. */
  onMonth?: (rows: number) => void;
}

export interface HistorySeeded {
  rows: number;
  products: number;
  warehouses: number;
}

const MONTHS = 24;
const DAY_MS = 86_400_000;
const KINDS = ['receipt', 'ship', 'return', 'adjust'] as const satisfies readonly Move['kind'][];
/** Bytes that are sent at once, about. */
const CHUNK = 256 * 1024;

/**
 * Adds two years of receipts and sales to the ledger, with products, warehouses and categories of their own: with seasons, trends, promotions,
 * products that sell hardly ever, and shelves that were empty. To see analytics and forecasts with. Sales are without orders, so that they
 * have a cost and no price. Touches nothing that was there. All in one transaction, so that it is there whole or not at all; then what was
 * loaded is numbered, as the sequencer does.
 *
 * @param db as the owner of the schema: nobody else may write entries of the past
 */
export async function seedHistory(
  db: Database,
  { rows, seed = 1, months = MONTHS, onMonth }: HistorySeed,
): Promise<HistorySeeded> {
  const size = historySizeOf(rows);
  const run = newId().slice(-8);
  const written = await db.bulk(async (tx) => {
    const catalogue = await insertHistoryCatalogue(tx, { run, size, months });
    const [begin = 0] = catalogue.months;
    const days = (catalogue.end - begin) / DAY_MS;
    const places = placesOf(size, { rows, days, seed });
    let done = 0;
    const made: string[] = [];
    for (const [n, from] of catalogue.months.entries()) {
      const span = { begin, end: catalogue.end, from, to: catalogue.months[n + 1] ?? catalogue.end, seed };
      const { name, added } = await copyMonth(tx, { catalogue, places, span });
      if (name !== null) made.push(monthOf(from));
      done += added;
      onMonth?.(done);
    }
    for (const month of made) await attachLedgerMonth(tx, month);
    await tx.copyIn(COPY_STOCK, chunked(stockLines(catalogue, places)));
    await tx.copyIn(COPY_COSTS, chunked(costLines(catalogue, places, begin)));
    await insertHistoryCosts(tx, catalogue.productIds);
    return done;
  });
  while ((await numberEvents(db)).hasMore);
  return { rows: written, products: size.products, warehouses: size.warehouses };
}

const monthOf = (time: number) => new Date(time).toISOString().slice(0, 'YYYY-MM-DD'.length);

/** Loads what moved in a month. `name`: of its own table, which is no part of the ledger yet; null: the ledger has that month. */
async function copyMonth(
  tx: BulkTransaction,
  { catalogue, places, span }: { catalogue: HistoryCatalogue; places: Places; span: HistorySpan },
): Promise<{ name: string | null; added: number }> {
  const name = await makeLedgerMonth(tx, monthOf(span.from));
  const effects = new Map(KINDS.map((kind) => [kind, newId()]));
  const seen = new Set<Move['kind']>();
  function* lines(): Generator<string> {
    for (const { place, at, kind, units } of movesOf(places, span)) {
      seen.add(kind);
      const keys = `${idAt(catalogue.productIds, places.product, place)}\t${idAt(catalogue.warehouseIds, places.warehouse, place)}`;
      yield `${new Date(at).toISOString()}\t${keys}\t${kind}\t${units}\t0\t${effects.get(kind) ?? ''}\tseeded history\tseed\n`;
    }
  }
  const added = await tx.copyIn(copyMoves(name), chunked(lines()));
  // The ledger's own trigger notes those of a month that it has.
  if (name !== null)
    await insertLedgerKeys(
      tx,
      [...seen].map((kind) => `${kind}:${effects.get(kind) ?? ''}`),
    );
  return { name, added };
}

function idAt(ids: readonly number[], places: Int32Array, place: number): number {
  return ids[places[place] ?? 0] ?? 0;
}

/** What each product costs from the first day on: a share of its price, by its number. It is what all units cost that come in. */
function* costLines({ productIds }: HistoryCatalogue, places: Places, begin: number): Generator<string> {
  const received = new Float64Array(productIds.length);
  for (let place = 0; place < places.count; place++) {
    const product = places.product[place] ?? 0;
    received[product] = (received[product] ?? 0) + (places.received[place] ?? 0);
  }
  for (const [n, id] of productIds.entries()) {
    const units = received[n] ?? 0;
    const price = 299 + ((n * 7919) % 19_800);
    const average = (price * (55 + (n % 20))) / 100;
    yield `${id}\t${new Date(begin).toISOString()}\t${average}\t${units}\t${units}\tUSD\n`;
  }
}

function* stockLines({ productIds, warehouseIds }: HistoryCatalogue, places: Places): Generator<string> {
  for (let place = 0; place < places.count; place++)
    yield `${idAt(productIds, places.product, place)}\t${idAt(warehouseIds, places.warehouse, place)}\t${places.onHand[place] ?? 0}\n`;
}

/** Lines put together, so that few pieces are sent. */
async function* chunked(lines: Iterable<string>): AsyncGenerator<Buffer> {
  let text = '';
  for (const line of lines) {
    text += line;
    if (text.length < CHUNK) continue;
    yield Buffer.from(text);
    text = '';
    await Promise.resolve();
  }
  if (text !== '') yield Buffer.from(text);
}
