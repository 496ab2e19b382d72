import { availabilityJson } from '../../domain/stock/availability/stock-json';
import type { StockReader } from '../../domain/stock/availability/stock-reader';
import { positionAhead } from './ahead';
import { stockKey, type EventKeys } from './event-keys';
import type { Followed } from './follow-by-position';
import { pollMsOf } from './poll';

/**
 * The stock of a product, whole or what of it can be ordered, whenever it is another than it was. Each message is all of it: of changes that come
 * fast one after the other the last is told.
 *
 * @param isWhole false: the position is the time of the change, milliseconds since 1970. That of the events tells how much a shop sells, and is not
 *   for everybody.
 */
export function stockSource(
  { stockReader, eventKeys }: { stockReader: StockReader; eventKeys: EventKeys },
  sku: string,
  { isWhole }: { isWhole: boolean },
): Followed {
  let told: string | undefined;
  let changedAt = 0;
  return {
    watch: (wake) => eventKeys.watch(stockKey(sku), wake),
    get pollMs() {
      return pollMsOf(eventKeys);
    },
    async read(after) {
      if (!isWhole) expectPast(after);
      const ofEvents = await eventKeys.position(isWhole ? after : undefined);
      const stock = await stockReader.readJson(sku);
      if (stock === null) return null;
      const data = isWhole ? stock : availabilityJson(stock);
      const found = withoutTime(data);
      const isNew = told !== found;
      told = found;
      if (isNew) changedAt = Date.now();
      const position = isWhole ? ofEvents : changedAt;
      return {
        messages: isNew ? [{ position, event: 'stock', data }] : [],
        after: position,
        atEnd: true,
        ended: false,
      };
    },
  };
}

/** A time of another process whose clock is so much ahead of this one's is none of the future. */
const CLOCKS_APART_MS = 60_000;

function expectPast(after = 0): void {
  const now = Date.now();
  if (after > now + CLOCKS_APART_MS) throw positionAhead(now);
}

/** When it was read is no change. */
function withoutTime(data: string): string {
  return data.replace(/"asOf":"[^"]*"/, '');
}
