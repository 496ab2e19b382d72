import { createRequestBatcher, type RequestBatcherOptions } from '../../platform/request-batcher';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

interface Ask {
  id: string;
  key: string;
}

type Options = RequestBatcherOptions<Ask, string>;

/** A request batcher whose batches are noted, and end when they are let go. */
function gated(options: Partial<Options> = {}) {
  const batches: string[][] = [];
  const gates: (() => void)[] = [];
  let running = 0;
  let mostAtOnce = 0;
  const batcher = createRequestBatcher<Ask, string>({
    name: 'asks',
    lanes: 1,
    maxBatch: 100,
    idOf: (ask) => ask.id,
    laneKey: (ask) => ask.key,
    async run(batch) {
      batches.push(batch.map((ask) => ask.id));
      mostAtOnce = Math.max(mostAtOnce, ++running);
      await new Promise<void>((resolve) => gates.push(resolve));
      running -= 1;
      return new Map(batch.map((ask) => [ask.id, `done ${ask.id}`]));
    },
    busy: () => Promise.resolve(new Set()),
    log: testLogger(),
    ...options,
  });
  return {
    batcher,
    batches,
    submit: (id: string, key = 'k', signal?: AbortSignal) => batcher.submit({ id, key }, signal),
    /** Lets the batches that run now end. */
    letGo: () => gates.splice(0).forEach((open) => open()),
    /** Lets every batch end as soon as it has begun, until all are answered. */
    letAllGo: () =>
      waitFor(() => {
        gates.splice(0).forEach((open) => open());
        return batcher.pending === 0;
      }),
    mostAtOnce: () => mostAtOnce,
  };
}

/** A request batcher on a `run` that ends by itself. */
function plain(run: Options['run'], options: Partial<Options> = {}) {
  const batches: string[][] = [];
  const lane = gated({
    run: (batch) => {
      batches.push(batch.map((ask) => ask.id));
      return run(batch);
    },
    ...options,
  });
  return { ...lane, batches };
}

const answerAll: Options['run'] = (batch) =>
  Promise.resolve(new Map(batch.map((ask) => [ask.id, `done ${ask.id}`])));

function failure(code: string): Error {
  return Object.assign(new Error(`as PostgreSQL says it: ${code}`), { code });
}

test('a request that finds its lane idle runs at once, alone', async () => {
  const lane = plain(answerAll);
  expect(await lane.submit('a')).toBe('done a');
  expect(lane.batches).toEqual([['a']]);
});

test('what arrives while a batch runs is the next batch, in the order of arrival', async () => {
  const lane = gated();
  const all = ['a', 'b', 'c', 'd'].map((id) => lane.submit(id));
  expect(lane.batches).toEqual([['a']]);
  await lane.letAllGo();
  expect(await Promise.all(all)).toEqual(['done a', 'done b', 'done c', 'done d']);
  expect(lane.batches).toEqual([['a'], ['b', 'c', 'd']]);
});

test('a batch is never longer than its limit', async () => {
  const lane = gated({ maxBatch: 2 });
  const all = ['a', 'b', 'c', 'd'].map((id) => lane.submit(id));
  await lane.letAllGo();
  await Promise.all(all);
  expect(lane.batches).toEqual([['a'], ['b', 'c'], ['d']]);
});

test('the same id twice in a batch runs once, and both callers get its result', async () => {
  const lane = gated();
  const all = ['a', 'b', 'b'].map((id) => lane.submit(id));
  await lane.letAllGo();
  expect(await Promise.all(all)).toEqual(['done a', 'done b', 'done b']);
  expect(lane.batches).toEqual([['a'], ['b']]);
});

test('a request that can never work is halved out of its batch, and only its caller hears of it', async () => {
  const lane = plain((batch) =>
    batch.some((ask) => ask.id === 'bad') ? Promise.reject(failure('22003')) : answerAll(batch),
  );
  const ids = ['first', 'a', 'b', 'bad', 'c', 'd', 'e', 'f'];
  const settled = await Promise.allSettled(ids.map((id) => lane.submit(id)));
  expect(settled.map((each) => each.status === 'fulfilled')).toEqual(ids.map((id) => id !== 'bad'));
  expect(settled[3]).toMatchObject({ reason: { code: '22003' } });
  expect(lane.batches.filter((batch) => batch.includes('bad')).map((batch) => batch.length)).toEqual([
    7, 4, 2, 1,
  ]);
});

test('a broken constraint reaches its caller as the error it stands for', async () => {
  const lane = plain(() =>
    Promise.reject(Object.assign(failure('23514'), { constraint: 'stock_on_hand_covers_reserved' })),
  );
  await expect(lane.submit('a')).rejects.toMatchObject({ name: 'AppError', code: 'BELOW_RESERVED' });
});

test.each(['40001', '40P01', '57P01', 'ECONNRESET', '25P03'])(
  'a batch that failed with %s runs again as it was',
  async (code) => {
    let failures = 2;
    const lane = plain((batch) => (failures-- > 0 ? Promise.reject(failure(code)) : answerAll(batch)));
    expect(await lane.submit('a')).toBe('done a');
    expect(lane.batches).toEqual([['a'], ['a'], ['a']]);
  },
);

test('a database that stays away is reported to every caller of the batch', async () => {
  const lane = plain(() => Promise.reject(failure('ECONNREFUSED')));
  const settled = await Promise.allSettled([lane.submit('a'), lane.submit('b'), lane.submit('c')]);
  expect(settled.map((each) => each.status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(settled[2]).toMatchObject({ reason: { code: 'ECONNREFUSED' } });
});

test('a request whose caller gave up while it was queued leaves its lane without running', async () => {
  const lane = gated();
  const [given, up] = [new AbortController(), new Error('given up')];
  const first = lane.submit('a');
  const settled = Promise.allSettled([lane.submit('b', 'k', given.signal), lane.submit('c')]);
  given.abort(up);
  await lane.letAllGo();
  await first;
  expect(await settled).toEqual([
    { status: 'rejected', reason: up },
    { status: 'fulfilled', value: 'done c' },
  ]);
  expect(lane.batches).toEqual([['a'], ['c']]);
});

test('requests with one key never run side by side, requests in several lanes do', async () => {
  const one = gated({ lanes: 8 });
  const same = Array.from({ length: 20 }, (_, index) => one.submit(`${index}`, 'same'));
  await one.letAllGo();
  await Promise.all(same);
  expect(one.mostAtOnce()).toBe(1);

  const several = gated({ lanes: 8 });
  const different = Array.from({ length: 20 }, (_, index) => several.submit(`${index}`, `key-${index}`));
  expect(several.batches.length).toBeGreaterThan(4);
  expect(several.batches.length).toBeLessThanOrEqual(8);
  await several.letAllGo();
  await Promise.all(different);
});

test('what waits is shared among the lanes, and what is for one thing stays together', async () => {
  const lanes = gated({ lanes: 2 });
  const keys = ['a', 'b', 'c', 'd', 'e', 'e', 'e', 'f', 'g', 'h'];
  const all = keys.map((key, index) => lanes.submit(`${key}${index}`, key));
  expect(lanes.batches).toEqual([['a0'], ['b1']]);
  lanes.letGo();
  await waitFor(() => lanes.batches.length === 4);
  expect(lanes.batches.slice(2)).toEqual([
    ['c2', 'd3', 'e4', 'e5', 'e6'],
    ['f7', 'g8', 'h9'],
  ]);
  await lanes.letAllGo();
  await Promise.all(all);
});

test('a lane that is free does not wait for another whose batch is for something else', async () => {
  const lanes = gated({ lanes: 2 });
  const first = lanes.submit('1', 'hot');
  const queued = lanes.submit('2', 'hot');
  const other = lanes.submit('3', 'cold');
  expect(lanes.batches).toEqual([['1'], ['3']]);
  await lanes.letAllGo();
  await Promise.all([first, queued, other]);
  expect(lanes.batches).toEqual([['1'], ['3'], ['2']]);
});

test('closing refuses what is new and waits for what is there', async () => {
  const lane = gated();
  const all = ['a', 'b'].map((id) => lane.submit(id));
  let closed = false;
  const closing = lane.batcher.close().then(() => (closed = true));
  await expect(lane.submit('c')).rejects.toThrow('closed');
  lane.letGo();
  await waitFor(() => lane.batches.length === 2);
  expect(closed).toBe(false);
  expect(lane.batcher.pending).toBe(1);
  await lane.letAllGo();
  await closing;
  expect(await Promise.all(all)).toEqual(['done a', 'done b']);
  await lane.batcher.close();
});

test('a request that its batch says nothing about is an error, not a wait without end', async () => {
  const lane = plain(() => Promise.resolve(new Map()));
  await expect(lane.submit('a')).rejects.toThrow('returned nothing');
});
