import { createFeedThrottle, isPaused } from '../../activities/feed-throttle';

const ok = () => Promise.resolve('done');
const fail = () => Promise.reject(new Error('away'));

/** A clock, and a batch by which it is late. */
function slowClock() {
  let at = 0;
  return {
    now: () => at,
    slow: () => {
      at += 30;
      return Promise.resolve('done');
    },
  };
}

test('slow batches get smaller by halves, quick ones grow back', async () => {
  const { now, slow } = slowClock();
  const throttle = createFeedThrottle({ maxRows: 4_000, slowMs: 20, pauseMs: 1_000, now });
  for (const rows of [4_000, 2_000, 1_000, 500]) {
    expect(throttle.rows).toBe(rows);
    await throttle.run(slow);
  }
  expect(throttle.rows).toBe(500);
  for (const rows of [500, 1_000, 2_000, 4_000]) {
    expect(throttle.rows).toBe(rows);
    await throttle.run(ok);
  }
  expect(throttle.rows).toBe(4_000);
});

afterEach(() => jest.restoreAllMocks());

test('after three failures it is paused, and one batch may try once the pause is over', async () => {
  // The breaker reads the clock of the process.
  let at = 1_000_000;
  jest.spyOn(Date, 'now').mockImplementation(() => at);
  const throttle = createFeedThrottle({ maxRows: 4_000, slowMs: 60_000, pauseMs: 3_000, now: () => at });
  for (let i = 0; i < 3; i++) await expect(throttle.run(fail)).rejects.toThrow('away');
  const turnedAway = await throttle.run(ok).catch((error: unknown) => error);
  expect(isPaused(turnedAway)).toBe(true);
  at += 3_100;
  await expect(throttle.run(fail)).rejects.toThrow('away');
  expect(isPaused(await throttle.run(ok).catch((error: unknown) => error))).toBe(true);
  at += 3_100;
  expect(await throttle.run(ok)).toBe('done');
  expect(await throttle.run(ok)).toBe('done');
});

test('batches that are slow at the smallest size pause it too, and each of them counts as done', async () => {
  const { now, slow } = slowClock();
  const throttle = createFeedThrottle({ maxRows: 500, slowMs: 5, pauseMs: 60_000, now });
  for (let i = 0; i < 3; i++) expect(await throttle.run(slow)).toBe('done');
  expect(isPaused(await throttle.run(ok).catch((error: unknown) => error))).toBe(true);
});
