import {
  abandonForecast,
  beginForecast,
  finishForecast,
  forecastProducts,
  requestForecast,
} from '../../domain/forecasting/run';
import { obsoleteRuns } from '../../domain/forecasting/obsolete-runs';
import { HORIZON_DAYS } from '../../domain/forecasting/rules';
import { readForecast, type ForecastView } from '../../domain/forecasting/view';
import { readJob, requestCancel } from '../../domain/jobs/jobs';
import { dayAfter } from '../../platform/days';
import { newId } from '../../platform/ids';
import { openTestShop, type TestShop } from '../support/fixtures';
import { addOrders, addProduct, addWarehouse, AMS, daysAgo, INLINE } from './support';

let shop: TestShop;
let lastDay: string;
beforeEach(async () => {
  shop = await openTestShop();
  lastDay = await daysAgo(shop.db, 1);
  await addWarehouse(shop.db, 'AMS', AMS);
});
afterEach(() => shop.close());

const deps = (batch = 200) => ({ db: shop.db, threads: INLINE, strategy: 'nearest' as const, batch });

/** Runs a job to its end, as its workflow does. Returns its id. */
async function carryOut(jobId = newId()): Promise<string> {
  await requestForecast(shop.db, jobId, 'test');
  expect(await beginForecast(shop.db, jobId)).toBe(true);
  expect(await forecastProducts(deps(), jobId)).toBe(true);
  await finishForecast(shop.db, jobId);
  return jobId;
}

const view = (sku: string, rest: Partial<Parameters<typeof readForecast>[1]> = {}): Promise<ForecastView> =>
  readForecast(shop.db, { sku, location: null, horizonDays: 7, leadTime: null, ...rest });

/** A product that is always in stock, and what was ordered of it on each of the last days, the latest last. */
async function sold(sku: string, units: readonly number[], category: string | null = null): Promise<void> {
  await addProduct(shop.db, sku, { category, since: dayAfter(lastDay, 1 - units.length) });
  await shop.db.pool.query(
    `insert into stock (product_id, warehouse_id, on_hand) select p.id, w.id, 1000000 from products p, warehouses w where p.sku = $1`,
    [sku],
  );
  await addOrders(shop.db, { sku, firstDay: dayAfter(lastDay, 1 - units.length), units });
}

test('a run forecasts all products, in their units, and its job says so', async () => {
  await sold(
    'STEADY',
    Array.from({ length: 60 }, (_, t) => 20 + (t % 3)),
  );
  await sold('ZERO', [0]);
  const jobId = await carryOut();
  expect(await readJob(shop.db, jobId)).toMatchObject({
    status: 'completed',
    processed: 2,
    total: 2,
    result: { lastDay, products: 2, horizonDays: HORIZON_DAYS },
  });
  const steady = await view('STEADY', { horizonDays: 28 });
  expect(steady).toMatchObject({ lastDay, kind: 'regular', location: null, leadTime: null, accuracy: [] });
  expect(steady.days.map(({ date }) => date)).toEqual(
    Array.from({ length: 28 }, (_, step) => dayAfter(lastDay, step + 1)),
  );
  expect((await view('ZERO')).days.every(({ units, total }) => units === 0 && total.units === 0)).toBe(true);
});

test('what nobody forecast yet is told from what there is not', async () => {
  await sold('P', [1]);
  await expect(view('P')).rejects.toMatchObject({ code: 'FORECAST_NOT_MADE' });
  await expect(view('NOPE')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await carryOut();
  await addWarehouse(shop.db, 'ELSE', { latitude: 0, longitude: 0 });
  await expect(view('P', { location: 'ELSE' })).rejects.toMatchObject({ code: 'FORECAST_NOT_MADE' });
  await expect(view('P', { location: 'NOPE' })).rejects.toMatchObject({ code: 'UNKNOWN_LOCATION' });
  expect((await view('P', { location: 'AMS' })).location).toBe('AMS');
});

test('a new product begins from its category', async () => {
  await sold(
    'OLD',
    Array.from({ length: 60 }, () => 8),
    'toys',
  );
  await sold('NEW', [2], 'toys');
  await carryOut();
  const { model, history, days } = await view('NEW');
  expect([model, history.days]).toEqual(['category', 1]);
  // Its category sold 8 × 28 + 2 in 28 days of two products; its own day counts as one of fifteen.
  expect(days[0]?.units).toBeCloseTo((2 + 14 * ((8 * 28 + 2) / 56)) / 15, 2);
});

test('intervals come from what many series missed, and there are none while there are few', async () => {
  await sold(
    'P0',
    Array.from({ length: 60 }, (_, t) => 10 + ((t * 7) % 5)),
  );
  await carryOut();
  expect((await view('P0')).days[0]?.interval).toBeNull();
  for (let n = 1; n < 25; n++)
    await sold(
      `P${n}`,
      Array.from({ length: 60 }, (_, t) => 10 + n + ((t * (n + 3)) % 7)),
    );
  await carryOut();
  const asked = { horizonDays: 14, leadTime: { meanDays: 5, deviationDays: 1, reviewDays: 2 } };
  const { days, leadTime } = await view('P0', asked);
  for (const { interval, total } of days) {
    expect(interval?.lower).toBeGreaterThanOrEqual(0);
    expect(interval?.upper).toBeGreaterThan(interval?.lower ?? Infinity);
    expect(total.interval?.upper).toBeGreaterThan(total.interval?.lower ?? Infinity);
  }
  const summed = days.reduce((sum, { interval }) => sum + (interval?.upper ?? 0), 0);
  expect(days.at(-1)?.total.interval?.upper).toBeLessThan(summed);
  expect(leadTime?.p50).toBeLessThanOrEqual(leadTime?.p99 ?? 0);
  expect(leadTime?.p99).toBeGreaterThan(7 * 10);
}, 240_000);

test('a run that dies between two batches goes on there, and one that is repeated changes nothing', async () => {
  for (const sku of ['A', 'B', 'C']) await sold(sku, [3, 3]);
  const jobId = newId();
  await requestForecast(shop.db, jobId, 'test');
  await beginForecast(shop.db, jobId);
  const stop = new AbortController();
  let asked = 0;
  const dying = {
    ...INLINE,
    forecast: (...series: Parameters<typeof INLINE.forecast>) => {
      if (++asked === 2) throw new Error('the process died');
      return INLINE.forecast(...series);
    },
  };
  await expect(forecastProducts({ ...deps(1), threads: dying, signal: stop.signal }, jobId)).rejects.toThrow(
    'the process died',
  );
  expect(await readJob(shop.db, jobId)).toMatchObject({ status: 'running', processed: 1 });
  await expect(view('A')).rejects.toMatchObject({ code: 'FORECAST_NOT_MADE' });
  await beginForecast(shop.db, jobId);
  expect(await forecastProducts(deps(1), jobId)).toBe(true);
  await finishForecast(shop.db, jobId);
  await finishForecast(shop.db, jobId);
  expect(await beginForecast(shop.db, jobId)).toBe(false);
  const { rows } = await shop.db.pool.query(
    'select count(*)::int as forecasts, count(distinct product_id)::int as products from forecasts where warehouse_id is null',
  );
  expect(rows).toEqual([{ forecasts: 3, products: 3 }]);
});

test('two workers that forecast the same batch keep it once', async () => {
  for (const sku of ['A', 'B']) await sold(sku, [3]);
  const jobId = newId();
  await requestForecast(shop.db, jobId, 'test');
  await beginForecast(shop.db, jobId);
  await Promise.all([forecastProducts(deps(), jobId), forecastProducts(deps(), jobId)]);
  await finishForecast(shop.db, jobId);
  expect(await readJob(shop.db, jobId)).toMatchObject({ result: { products: 2 } });
});

test('a job that is cancelled leaves the forecasts of the one before', async () => {
  await sold('P', [5, 5]);
  await carryOut();
  const before = await view('P');
  await sold('Q', [5]);
  const jobId = newId();
  await requestForecast(shop.db, jobId, 'test');
  await beginForecast(shop.db, jobId);
  await requestCancel(shop.db, jobId, 'test');
  expect(await forecastProducts(deps(), jobId)).toBe(false);
  await abandonForecast(shop.db, jobId, null);
  expect(await readJob(shop.db, jobId)).toMatchObject({ status: 'cancelled' });
  expect(await view('P')).toEqual(before);
  await expect(view('Q')).rejects.toMatchObject({ code: 'FORECAST_NOT_MADE' });
  const { rows } = await shop.db.pool.query('select count(*)::int as runs from forecast_runs');
  expect(rows).toEqual([{ runs: 1 }]);
});

test('past forecasts are measured on the days that followed, once, and then given up', async () => {
  await sold(
    'P',
    Array.from({ length: 90 }, () => 10),
  );
  const jobId = await carryOut();
  // As if it had been made four weeks ago.
  const then = dayAfter(lastDay, -28);
  await shop.db.pool.query('update forecast_runs set last_day = $2 where job_id = $1', [jobId, then]);
  await shop.db.pool.query('update forecasts set point = array_fill(8::real, array[90]) where job_id = $1', [
    jobId,
  ]);
  await carryOut();
  await carryOut();
  const { accuracy } = await view('P');
  expect(accuracy).toEqual([
    {
      lastDay: then,
      model: accuracy[0]?.model,
      days: 28,
      actualUnits: 280,
      forecastUnits: 224,
      weightedError: 0.2,
    },
  ]);
  const { rows } = await shop.db.pool.query('select count(*)::int as runs from forecast_runs');
  expect(rows).toEqual([{ runs: 1 }]);
});

test('of past runs one a week is kept until it is measured', () => {
  const run = (back: number, isPublished = true) => ({
    jobId: `${back}${isPublished ? '' : '-open'}`,
    lastDay: dayAfter('2026-11-01', -back),
    isPublished,
  });
  const runs = [28, 27, 26, 20, 19, 12, 9, 8, 3, 2, 1, 0].map((back) => run(back));
  expect(obsoleteRuns([...runs, run(0, false)]).map(({ jobId }) => jobId)).toEqual([
    '28',
    '26',
    '19',
    '9',
    '8',
    '2',
    '1',
  ]);
  expect(obsoleteRuns([run(9, false), run(2, false), run(0)]).map(({ jobId }) => jobId)).toEqual(['9-open']);
  expect(obsoleteRuns([run(1, false)])).toEqual([]);
});
