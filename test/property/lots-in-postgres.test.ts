import { adjustStock, type AdjustmentChange } from '../../domain/stock/adjustments/adjust';
import { startTransfer } from '../../domain/stock/transfers/start';
import { countLines } from '../../domain/warehousing/counting/count';
import { approveCount, submitCount } from '../../domain/warehousing/counting/decide-lines';
import { correctReceipt } from '../../domain/warehousing/receiving/change-receipt';
import { makeSheet, readSheet } from '../../domain/warehousing/counting/sheets';
import { newId } from '../../platform/ids';
import { capture, openOrderShop, orderOf, PAYMENT, ship, type OrderShop } from '../db/support';
import { importFeed } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { seededRandom, type Random } from '../support/random';
import { withStock } from '../support/stock';
import { deliver, inDays, lotsOf, trackedProduct } from '../tracking/support';
import { modelOnHand, newestOf, type Posting } from './numbers-model';

const SEEDS = 20;
const STEPS = 12;
/** So many that no lot goes below zero, and that what nobody names leaves the first of them. */
const OPENING = 1_000;
const LOTS = ['A', 'B'] as const;
type Lot = (typeof LOTS)[number];

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

function adjust(sku: string, change: AdjustmentChange, code: Lot, quantity: number) {
  const rest = { sku, location: 'AMS', reason: 'test', actor: 'test', effectId: newId() };
  return adjustStock(withStock(shop.db), { ...rest, change, named: { lots: [{ code, quantity }] } });
}

/** Moves units, and says of which lot, and how many. */
async function move(sku: string, random: Random): Promise<{ lot: Lot; units: number }> {
  const [lot, quantity] = [random.pick(LOTS), random.whole(1, 5)];
  switch (random.pick(['adjust', 'receive', 'sell', 'transfer'] as const)) {
    case 'adjust':
      await adjust(sku, { delta: -quantity }, lot, quantity);
      return { lot, units: -quantity };
    case 'receive':
      await deliver(shop.db, [{ sku, quantity, lot: { code: lot } }]);
      return { lot, units: quantity };
    case 'sell': {
      const order = orderOf({ [sku]: quantity }, { payment: PAYMENT });
      await shop.place(order);
      await capture(shop.db, order.orderId);
      await ship(shop.db, order.orderId, 'AMS', 'picked_up');
      // First expired, first out.
      return { lot: 'A', units: -quantity };
    }
    case 'transfer': {
      const places = { from: 'AMS', to: 'NYC', mode: 'immediate' as const, transitSeconds: 60 };
      const transfer = { transferId: newId(), sku, quantity, actor: 'test', ...places };
      await startTransfer(withStock(shop.db), transfer);
      return { lot: 'A', units: -quantity };
    }
  }
}

/** Counts every lot of the product, and approves it at once. Returns what became of its line. */
async function count(sku: string, counted: Record<Lot, number>, countedAt: string | undefined) {
  const sheetId = newId();
  const access = withStock(shop.db);
  await makeSheet(shop.db, {
    sheetId,
    location: 'AMS',
    skus: [sku],
    blind: false,
    tolerance: 0,
    actor: 'test',
  });
  const lots = LOTS.map((code) => ({ code, counted: counted[code] }));
  const total = counted.A + counted.B;
  await countLines(shop.db, {
    sheetId,
    counts: [{ sku, counted: total, countedAt, lots }],
    actor: 'test',
    countId: newId(),
  });
  await submitCount(access, { sheetId, actor: 'test' });
  await approveCount(access, { sheetId, skus: undefined, actor: 'boss' });
  return (await readSheet(shop.db, sheetId))?.lines[0]?.status;
}

type Posted = Record<Lot, Posting[]>;

/** A delivery of one line, as it is known. */
interface Received {
  receiptId: string;
  at: number;
  lot: Lot;
  units: number;
}

/** Corrects how many came, and as which lot. Returns what it says of each lot, as of when it came. */
async function correct(
  received: Received,
  { lot, units }: { lot: Lot; units: number },
): Promise<{ lot: Lot; posting: Posting }[]> {
  await correctReceipt(withStock(shop.db), {
    receiptId: received.receiptId,
    changeId: newId(),
    reason: 'mistyped',
    actor: 'test',
    corrections: [{ line: 1, quantity: units, lot: { code: lot } }],
  });
  const before = { lot: received.lot, units: -received.units };
  Object.assign(received, { lot, units });
  const changes = before.lot === lot ? [{ lot, units: units + before.units }] : [before, { lot, units }];
  return changes.map((change) => ({
    lot: change.lot,
    posting: { kind: 'correction', asOf: received.at, units: change.units },
  }));
}

/** Does a random step about the product, and notes what it posted of which lot. */
async function step(
  sku: string,
  at: number,
  {
    random,
    marks,
    posted,
    receipts,
  }: { random: Random; marks: readonly string[]; posted: Posted; receipts: Received[] },
): Promise<void> {
  const mark = random.whole(0, marks.length - 1);
  const isNow = random.chance(0.3);
  /** Mark n was taken after step n. */
  const [asOf, time] = isNow ? [undefined, at - 0.25] : [marks[mark], mark + 0.5];
  const lot = random.pick(LOTS);
  const number = () => random.whole(OPENING - 20, OPENING + 20);
  const kinds = ['move', 'move', 'receive', 'relabel', 'feed', 'column', 'both', 'correct', 'count'] as const;
  switch (random.pick(kinds)) {
    case 'move': {
      const moved = await move(sku, random);
      posted[moved.lot].push({ kind: 'movement', at, units: moved.units });
      return;
    }
    case 'receive': {
      const units = random.whole(1, 20);
      const { id: receiptId } = await deliver(shop.db, [{ sku, quantity: units, lot: { code: lot } }]);
      receipts.push({ receiptId, at, lot, units });
      posted[lot].push({ kind: 'movement', at, units });
      return;
    }
    case 'relabel': {
      const received = receipts[random.whole(0, Math.max(0, receipts.length - 1))];
      if (!received) return;
      const right = { lot, units: random.chance(0.5) ? received.units : random.whole(1, 20) };
      for (const said of await correct(received, right)) posted[said.lot].push(said.posting);
      return;
    }
    case 'feed': {
      const said = number();
      await importFeed(shop.db, `sku,location,lot,quantity\n${sku},AMS,${lot},${said}\n`, { asOf });
      posted[lot].push({ kind: 'feed', asOf: time, number: said });
      return;
    }
    case 'column': {
      const said = number();
      await importFeed(shop.db, `sku,location,lot,quantity,as of\n${sku},AMS,${lot},${said},${asOf ?? ''}\n`);
      posted[lot].push({ kind: 'feed', asOf: time, number: said });
      return;
    }
    case 'both': {
      const [a, b] = [number(), number()];
      const rows = [`${sku},AMS,A,${a}`, `${sku},AMS,B,${b}`];
      await importFeed(shop.db, ['sku,location,lot,quantity', ...rows].join('\n'), { asOf });
      posted.A.push({ kind: 'feed', asOf: time, number: a });
      posted.B.push({ kind: 'feed', asOf: time, number: b });
      return;
    }
    case 'correct': {
      const units = random.whole(1, 5);
      await adjust(sku, { delta: units, kind: 'correction', asOf }, lot, units);
      posted[lot].push({ kind: 'correction', asOf: isNow ? null : time, units });
      return;
    }
    case 'count': {
      const counted = { A: number(), B: number() };
      const status = await count(sku, counted, asOf);
      // A newer number of one of its lots supersedes what it says of that lot.
      const isOvertaken = LOTS.every((code) => newestOf(heard(posted[code])).asOf > time);
      expect({ posted, time, status }).toEqual({
        posted,
        time,
        status: isOvertaken ? 'superseded' : 'approved',
      });
      if (isOvertaken) return;
      for (const code of LOTS) posted[code].push({ kind: 'number', asOf: time, number: counted[code] });
    }
  }
}

/** Without rows of feeds that said what was on hand anyway. */
function heard(postings: readonly Posting[]): Posting[] {
  return postings.filter(
    (posting, place) =>
      posting.kind !== 'feed' ||
      modelOnHand(postings.slice(0, place + 1)) !== modelOnHand(postings.slice(0, place)),
  );
}

test('sales, transfers, receipts and their corrections, adjustments, counts and set feeds of lots posted in any order come to what a plain model says of each lot', async () => {
  const random = seededRandom();
  for (let seed = 0; seed < SEEDS; seed++) {
    const sku = await trackedProduct(shop, { lots: true });
    await deliver(
      shop.db,
      LOTS.map((code, n) => ({ sku, quantity: OPENING, lot: { code, expiresOn: inDays(30 + n) } })),
    );
    const opening: Posting = { kind: 'number', asOf: -1, number: OPENING };
    const posted: Posted = { A: [opening], B: [opening] };
    const marks = [await clock()];
    const receipts: Received[] = [];
    for (let at = 1; at <= STEPS; at++) {
      await step(sku, at, { random, marks, posted, receipts });
      marks.push(await clock());
      const here = (await lotsOf(shop.db, sku)).filter((text) => text.includes('@AMS'));
      expect({ posted, here }).toEqual({
        posted,
        here: LOTS.map((code) => `${code}@AMS: ${modelOnHand(posted[code])}`),
      });
    }
  }
});
