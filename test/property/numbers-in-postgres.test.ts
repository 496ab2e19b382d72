import { adjustStock, type AdjustmentChange } from '../../domain/stock/adjustments/adjust';
import { readStock } from '../../domain/stock/availability/availability';
import { setSafetyStock } from '../../domain/stock/safety-stock/safety-stock';
import { startTransfer } from '../../domain/stock/transfers/start';
import { countLines } from '../../domain/warehousing/counting/count';
import { approveCount, submitCount } from '../../domain/warehousing/counting/decide-lines';
import { makeSheet } from '../../domain/warehousing/counting/sheets';
import { newId } from '../../platform/ids';
import { capture, openOrderShop, orderOf, PAYMENT, receive, ship, type OrderShop } from '../db/support';
import { importFeed } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { seededRandom, type Random } from '../support/random';
import { withStock } from '../support/stock';
import { modelKept, modelOnHand, type Kept, type Posting } from './numbers-model';

const SEEDS = 24;
const STEPS = 12;
/** So many that nothing goes below zero. */
const OPENING = 1_000;

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

async function clock(): Promise<string> {
  const { rows } = await shop.db.pool.query<{ now: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
  );
  return rows[0]?.now ?? '';
}

function adjust(sku: string, change: AdjustmentChange) {
  const rest = { sku, location: 'AMS', reason: 'test', actor: 'test', effectId: newId() };
  return adjustStock(withStock(shop.db), { ...rest, change });
}

async function move(sku: string, random: Random): Promise<number> {
  const way = random.pick(['adjust', 'receive', 'sell', 'transfer']);
  const quantity = random.whole(1, 5);
  if (way === 'adjust') await adjust(sku, { delta: -quantity });
  if (way === 'receive') await receive(shop.db, sku, 'AMS', quantity);
  if (way === 'sell') {
    // What is kept back is not sold from here.
    const { AMS } = await shownOf(sku);
    if ((AMS?.[1] ?? 0) < quantity) return 0;
    const order = orderOf({ [sku]: quantity }, { payment: PAYMENT });
    await shop.place(order);
    await capture(shop.db, order.orderId);
    await ship(shop.db, order.orderId, 'AMS', 'picked_up');
  }
  if (way === 'transfer') {
    const places = { from: 'AMS', to: 'NYC', mode: 'immediate' as const, transitSeconds: 60 };
    await startTransfer(withStock(shop.db), {
      transferId: newId(),
      sku,
      quantity,
      actor: 'test',
      ...places,
    });
  }
  return way === 'receive' ? quantity : -quantity;
}

interface OpenCount {
  sheetId: string;
  posting: Extract<Posting, { kind: 'number' }>;
}

/** Counts a sheet of the product, which is approved later, or never. */
async function count(sku: string, number: number, countedAt: string | undefined): Promise<string> {
  const sheetId = newId();
  const sheet = { sheetId, location: 'AMS', skus: [sku], blind: false, tolerance: 0, actor: 'test' };
  await makeSheet(shop.db, sheet);
  const counts = [{ sku, counted: number, countedAt }];
  await countLines(shop.db, { sheetId, counts, actor: 'test', countId: newId() });
  return sheetId;
}

async function approve({ sheetId }: OpenCount): Promise<void> {
  const access = withStock(shop.db);
  await submitCount(access, { sheetId, actor: 'test' });
  await approveCount(access, { sheetId, skus: undefined, actor: 'boss' });
}

/** Keeps units back from customers at AMS, or everywhere where nothing is set, or gives that up. */
async function keep(sku: string, random: Random): Promise<Kept> {
  const at = random.chance(0.5) ? 'AMS' : null;
  const units = random.chance(0.3) ? 'inherit' : random.whole(0, 2 * OPENING);
  await setSafetyStock(withStock(shop.db), { actor: 'test', sku, location: at, units });
  return { at, units };
}

/** `[on hand, available]` of each place. */
async function shownOf(sku: string): Promise<Record<string, [number, number]>> {
  const { locations = [] } = (await readStock(shop.db, sku)) ?? {};
  return Object.fromEntries(
    locations.map(({ warehouse, onHand, available }) => [warehouse, [onHand, available]]),
  );
}

const KINDS = ['move', 'move', 'set', 'feed', 'column', 'correct', 'count', 'approve'] as const;

/** Does a random step about the product, and says what was posted by it. */
async function step(
  sku: string,
  at: number,
  { random, marks, open }: { random: Random; marks: readonly string[]; open: OpenCount[] },
): Promise<Posting | null> {
  const mark = random.whole(0, marks.length - 1);
  const isNow = random.chance(0.3);
  /** Mark n was taken after step n. */
  const [asOf, time] = isNow ? [undefined, at - 0.25] : [marks[mark], mark + 0.5];
  const [number, units] = [random.whole(OPENING - 20, OPENING + 20), random.whole(1, 5)];
  switch (random.pick(KINDS)) {
    case 'move':
      return { kind: 'movement', at, units: await move(sku, random) };
    case 'set':
      await adjust(sku, { setTo: number, asOf });
      return { kind: 'number', asOf: time, number };
    case 'feed':
      await importFeed(shop.db, `sku,location,quantity\n${sku},AMS,${number}\n`, { asOf });
      return { kind: 'feed', asOf: time, number };
    case 'column':
      await importFeed(shop.db, `sku,location,quantity,as of\n${sku},AMS,${number},${asOf ?? ''}\n`);
      return { kind: 'feed', asOf: time, number };
    case 'correct':
      await adjust(sku, { delta: units, kind: 'correction', asOf });
      return { kind: 'correction', asOf: isNow ? null : time, units };
    case 'count':
      open.push({
        sheetId: await count(sku, number, asOf),
        posting: { kind: 'number', asOf: time, number },
      });
      return null;
    case 'approve': {
      const [decided] = open.splice(random.whole(0, Math.max(0, open.length - 1)), 1);
      if (!decided) return null;
      await approve(decided);
      return decided.posting;
    }
  }
}

test('sales, transfers, adjustments, counts, set feeds and safety stock posted in any order come to what a plain model says', async () => {
  const random = seededRandom();
  for (let seed = 0; seed < SEEDS; seed++) {
    const sku = await shop.product({ AMS: OPENING });
    const posted: Posting[] = [{ kind: 'number', asOf: -1, number: OPENING }];
    const marks = [await clock()];
    const open: OpenCount[] = [];
    const kept: Kept[] = [];
    for (let at = 1; at <= STEPS; at++) {
      if (random.chance(0.25)) kept.push(await keep(sku, random));
      const posting = await step(sku, at, { random, marks, open });
      if (posting) posted.push(posting);
      marks.push(await clock());
      const { AMS, NYC } = await shownOf(sku);
      const onHand = modelOnHand(posted);
      const available = Math.max(0, onHand - modelKept(kept, 'AMS'));
      expect({ posted, kept, AMS }).toEqual({ posted, kept, AMS: [onHand, available] });
      if (NYC)
        expect({ kept, available: NYC[1] }).toEqual({
          kept,
          available: Math.max(0, NYC[0] - modelKept(kept, 'NYC')),
        });
    }
  }
});
