import { adjustStock, type AdjustmentChange } from '../../domain/stock/adjustments/adjust';
import { applyUpdates } from '../../domain/stock/adjustments/batch';
import { startTransfer } from '../../domain/stock/transfers/start';
import { countLines } from '../../domain/warehousing/counting/count';
import { approveCount, submitCount } from '../../domain/warehousing/counting/decide-lines';
import { makeSheet, readSheet } from '../../domain/warehousing/counting/sheets';
import { newId } from '../../platform/ids';
import { capture, openOrderShop, orderOf, PAYMENT, ship, type OrderShop } from '../db/support';
import { importFeed } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';
import { randomOf, seededRandom, type Random } from '../support/random';
import { withStock } from '../support/stock';
import { deliver } from '../tracking/support';
import { modelOnHand, type Posting } from './numbers-model';

/*
 * Random courses of many products at once: each product has a seed of its own, and does one step a round. Steps of one kind are posted together,
 * by what posts many: a feed, a sheet, a batch, a receipt, an order. So thousands of courses cost PostgreSQL little more than one. The seed that
 * a failure names is replayed by HOLDFAST_TEST_SEED, with HOLDFAST_PROPERTY_SEEDS=1.
 */

const SEEDS = Number(process.env.HOLDFAST_PROPERTY_SEEDS ?? 400);
const ROUNDS = 12;
/** So many that nothing goes below zero. */
const OPENING = 1_000;
/** Calls about one product each that run beside each other. */
const AT_ONCE = 4;

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterAll(() => shop.close());

interface Course {
  seed: number;
  sku: string;
  random: Random;
  posted: Posting[];
  /** Counts that are in review. */
  open: { sheetId: string; posting: Posting }[];
}

interface Step {
  course: Course;
  /** RFC 3339; undefined: now. */
  asOf: string | undefined;
  /** The same for the model. */
  time: number;
  number: number;
  units: number;
}

const KINDS = [
  'add',
  'take',
  'receive',
  'sell',
  'transfer',
  'feed',
  'column',
  'column',
  'count',
  'count',
  'approve',
  'approve',
  'correct',
  'correctAsOf',
  'set',
] as const;
type Kind = (typeof KINDS)[number];

async function clock(): Promise<string> {
  const { rows } = await shop.db.pool.query<{ now: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
  );
  return rows[0]?.now ?? '';
}

/** Posts the steps of one kind of a round, and notes what each posted. */
type Post = (steps: readonly Step[], round: number, marks: readonly string[]) => Promise<void>;

const post: Record<Kind, Post> = {
  add: (steps, at) => batch(steps, at, 1),
  take: (steps, at) => batch(steps, at, -1),
  async receive(steps, at) {
    for (const some of chunksOf(steps, 200))
      await deliver(
        shop.db,
        some.map(({ course: { sku }, units }) => ({ sku, quantity: units })),
      );
    for (const { course, units } of steps) course.posted.push({ kind: 'movement', at, units });
  },
  async sell(steps, at) {
    for (const some of chunksOf(steps, 50)) {
      const order = orderOf(Object.fromEntries(some.map(({ course: { sku }, units }) => [sku, units])), {
        payment: PAYMENT,
        customerId: newId(),
      });
      await shop.place(order);
      await capture(shop.db, order.orderId);
      await ship(shop.db, order.orderId, 'AMS', 'picked_up');
    }
    for (const { course, units } of steps) course.posted.push({ kind: 'movement', at, units: -units });
  },
  transfer: (steps, at) =>
    each(steps, async ({ course, units }) => {
      const places = { from: 'AMS', to: 'NYC', mode: 'immediate' as const, transitSeconds: 60 };
      const transfer = { transferId: newId(), sku: course.sku, quantity: units, actor: 'test', ...places };
      await startTransfer(withStock(shop.db), transfer);
      course.posted.push({ kind: 'movement', at, units: -units });
    }),
  async feed(steps, _, marks) {
    // One time for all.
    const [first] = steps;
    if (!first) return;
    const mark = first.course.random.whole(0, marks.length - 1);
    const rows = steps.map(({ course: { sku }, number }) => `${sku},AMS,${number}`);
    await importFeed(shop.db, ['sku,location,quantity', ...rows].join('\n'), { asOf: marks[mark] });
    for (const { course, number } of steps) course.posted.push({ kind: 'feed', asOf: mark + 0.5, number });
  },
  async column(steps) {
    const rows = steps.map(({ course: { sku }, number, asOf }) => `${sku},AMS,${number},${asOf ?? ''}`);
    await importFeed(shop.db, ['sku,location,quantity,as of', ...rows].join('\n'));
    for (const { course, number, time } of steps) course.posted.push({ kind: 'feed', asOf: time, number });
  },
  async count(steps) {
    for (const some of chunksOf(steps, 1_000)) await countTogether(some);
  },
  async approve(steps) {
    const bySheet = new Map<string, string[]>();
    for (const { course } of steps) {
      const [decided] = course.open.splice(course.random.whole(0, Math.max(0, course.open.length - 1)), 1);
      if (!decided) continue;
      bySheet.set(decided.sheetId, [...(bySheet.get(decided.sheetId) ?? []), course.sku]);
      course.posted.push(decided.posting);
    }
    for (const [sheetId, skus] of bySheet)
      await approveCount(withStock(shop.db), { sheetId, skus, actor: 'boss' });
  },
  async correct(steps) {
    await updates(steps.map((step) => ({ ...step, kind: 'correction' as const })));
    for (const { course, units } of steps) course.posted.push({ kind: 'correction', asOf: null, units });
  },
  correctAsOf: (steps) =>
    each(steps, async ({ course, units, asOf, time }) => {
      await adjust(course.sku, { delta: units, kind: 'correction', asOf });
      course.posted.push({ kind: 'correction', asOf: asOf === undefined ? null : time, units });
    }),
  set: (steps) =>
    each(steps, async ({ course, number, asOf, time }) => {
      await adjust(course.sku, { setTo: number, asOf });
      course.posted.push({ kind: 'number', asOf: time, number });
    }),
};

async function batch(steps: readonly Step[], at: number, sign: 1 | -1): Promise<void> {
  await updates(steps.map((step) => ({ ...step, units: sign * step.units, kind: 'movement' as const })));
  for (const { course, units } of steps) course.posted.push({ kind: 'movement', at, units: sign * units });
}

async function updates(
  steps: readonly (Pick<Step, 'course' | 'units'> & { kind: 'movement' | 'correction' })[],
): Promise<void> {
  const { rejected } = await applyUpdates(withStock(shop.db), {
    batchId: newId(),
    atomic: false,
    actor: 'test',
    updates: steps.map(({ course: { sku }, units, kind }) => {
      return { sku, location: 'AMS', delta: units, kind, reason: 'test' };
    }),
  });
  expect(rejected).toBe(0);
}

function adjust(sku: string, change: AdjustmentChange) {
  const rest = { sku, location: 'AMS', reason: 'test', actor: 'test', effectId: newId() };
  return adjustStock(withStock(shop.db), { ...rest, change });
}

/** Counts products on one sheet. Those that are off wait for a decision, the others are approved, or overtaken, at once. */
async function countTogether(steps: readonly Step[]): Promise<void> {
  const sheetId = newId();
  const skus = steps.map(({ course: { sku } }) => sku);
  await makeSheet(shop.db, { sheetId, location: 'AMS', skus, blind: false, tolerance: 0, actor: 'test' });
  const counts = steps.map(({ course: { sku }, number, asOf }) => ({
    sku,
    counted: number,
    countedAt: asOf,
  }));
  await countLines(shop.db, { sheetId, counts, actor: 'test', countId: newId() });
  await submitCount(withStock(shop.db), { sheetId, actor: 'test' });
  const lines = new Map((await readSheet(shop.db, sheetId))?.lines.map((line) => [line.sku, line.status]));
  for (const { course, number, time } of steps) {
    const posting: Posting = { kind: 'number', asOf: time, number };
    if (lines.get(course.sku) === 'review') course.open.push({ sheetId, posting });
    else course.posted.push(posting);
  }
}

async function each(steps: readonly Step[], act: (step: Step) => Promise<void>): Promise<void> {
  const left = steps.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const step of left) await act(step);
    }),
  );
}

function chunksOf(steps: readonly Step[], size: number): Step[][] {
  return Array.from({ length: Math.ceil(steps.length / size) }, (_, n) =>
    steps.slice(n * size, (n + 1) * size),
  );
}

/** Products with a seed each, and what is on hand of them. */
async function makeCourses(seed: number): Promise<Course[]> {
  await shop.db.pool.query(
    `with made as (
       insert into products (sku, name, price_minor, currency) select 'COURSE-' || n, 'Course', 1000, 'USD' from generate_series(1, $1::int) n
       returning id
     ), stocked as (
       insert into stock (product_id, warehouse_id, on_hand)
       select made.id, w.id, $2 from made, warehouses w where w.code = 'AMS' returning product_id, warehouse_id
     )
     insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select product_id, warehouse_id, 'opening', $2, 0, gen_random_uuid() from stocked`,
    [SEEDS, OPENING],
  );
  await shop.db.pool.query('analyze');
  return Array.from({ length: SEEDS }, (_, n) => ({
    seed: seed + n,
    sku: `COURSE-${n + 1}`,
    random: randomOf(seed + n),
    posted: [{ kind: 'number', asOf: -1, number: OPENING }],
    open: [],
  }));
}

async function expectModel(courses: readonly Course[]): Promise<void> {
  const { rows } = await shop.db.pool.query<{ sku: string; units: number }>(
    `select p.sku, s.on_hand as units from stock s join products p on p.id = s.product_id
     join warehouses w on w.id = s.warehouse_id where w.code = 'AMS'`,
  );
  const onHand = new Map(rows.map(({ sku, units }) => [sku, units]));
  for (const { seed, sku, posted } of courses) {
    if (onHand.get(sku) !== modelOnHand(posted))
      expect({ seed, posted, onHand: onHand.get(sku) }).toEqual({
        seed,
        posted,
        onHand: modelOnHand(posted),
      });
  }
}

test('random courses of sales, transfers, receipts, adjustments, counts and set feeds come to what a plain model says', async () => {
  const { seed } = seededRandom();
  const courses = await makeCourses(seed);
  const marks = [await clock()];
  for (let round = 1; round <= ROUNDS; round++) {
    const steps = new Map<Kind, Step[]>();
    for (const course of courses) {
      const { random } = course;
      const kind = random.pick(KINDS);
      const mark = random.whole(0, marks.length - 1);
      /** Mark n was taken after round n. */
      const [asOf, time] = random.chance(0.3) ? [undefined, round - 0.25] : [marks[mark], mark + 0.5];
      const number = random.whole(OPENING - 20, OPENING + 20);
      const step = { course, asOf, time, number, units: random.whole(1, 5) };
      steps.set(kind, [...(steps.get(kind) ?? []), step]);
    }
    for (const [kind, some] of steps) await post[kind](some, round, marks);
    marks.push(await clock());
    await expectModel(courses);
  }
  await expectInvariants(shop.db);
});
