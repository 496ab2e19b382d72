import { availabilityOf, stockViewOf, type LocationView, type StockView } from './availability';
import type { PackedStockRow } from './queries';
import { orderableOf, stockStatus } from '../ledger/rules';
import type { Warehouse } from '../../catalog/types';

/** Where a warehouse comes in the list of locations. */
interface Place {
  rank: number;
  code: string;
}

export type Places = ReadonlyMap<number, Place>;

/** @param warehouses in the order in which locations are listed; that of the map */
export function placesOf(warehouses: readonly Warehouse[]): Places {
  return new Map(warehouses.map(({ id, code }, rank) => [id, { rank, code }]));
}

const LEVEL_WIDTH = 5;

/** The JSON text of a product's `StockView`. Null: a warehouse is not among the places, so these are not of today. */
export function stockJson(row: PackedStockRow, places: Places): string | null {
  const levels = unpack(row.levels);
  const incoming = unpackPairs(row.incoming);
  const closed = new Set(unpack(row.closed));
  // By rank, the place in `levels` from 1 on; 0: nothing is there.
  const order = new Uint32Array(places.size);
  for (let at = 0; at < levels.length; at += LEVEL_WIDTH) {
    const place = places.get(levels[at] ?? 0);
    if (!place) return null;
    order[place.rank] = at + 1;
  }
  const locations: LocationView[] = [];
  for (const [warehouseId, { rank, code: warehouse }] of places) {
    const at = order[rank] ?? 0;
    if (at === 0) continue;
    const onHand = levels[at] ?? 0;
    const reserved = levels[at + 1] ?? 0;
    const open = !closed.has(warehouseId);
    const available = orderableOf({ onHand, reserved, safetyStock: levels[at + 3] ?? 0 }, open);
    const status = stockStatus(available, levels[at + 2] ?? 0);
    locations.push({
      warehouse,
      open,
      onHand,
      reserved,
      available,
      incoming: incoming?.get(warehouseId) ?? 0,
      status,
    });
  }
  return JSON.stringify(stockViewOf(row.sku, locations, row.asOf));
}

/** The JSON text of an `AvailabilityView`, out of that of a `StockView` that `stockJson` has made. */
export function availabilityJson(stock: string): string {
  // By contract it is such a text: nobody else writes it.
  return JSON.stringify(availabilityOf(JSON.parse(stock) as StockView));
}

const ZERO = 48;
const NINE = 57;

/** The numbers of a PostgreSQL array of whole numbers from 0 on, whatever its dimensions. */
function unpack(text: string | null): number[] {
  const numbers: number[] = [];
  if (text === null) return numbers;
  let value = -1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) {
      value = (value < 0 ? 0 : value * 10) + code - ZERO;
    } else if (value >= 0) {
      numbers.push(value);
      value = -1;
    }
  }
  return numbers;
}

function unpackPairs(text: string | null): Map<number, number> | undefined {
  if (text === null) return undefined;
  const numbers = unpack(text);
  const pairs = new Map<number, number>();
  for (let at = 0; at < numbers.length; at += 2) pairs.set(numbers[at] ?? 0, numbers[at + 1] ?? 0);
  return pairs;
}
