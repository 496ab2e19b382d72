import { runInHalves } from '../../platform/halves';

/** Runs numbers; a call with any of the bad ones among them fails as a whole. */
async function run(
  subjects: readonly number[],
  bad: readonly number[],
  divides?: (error: unknown) => boolean,
) {
  const done: number[] = [];
  const failed: number[] = [];
  let calls = 0;
  await runInHalves(
    subjects,
    (some) => {
      calls += 1;
      if (some.some((subject) => bad.includes(subject))) return Promise.reject(new Error('bad'));
      done.push(...some);
      return Promise.resolve();
    },
    (subject) => {
      failed.push(subject);
    },
    divides,
  );
  return { done, failed, calls };
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

test('good subjects cost one call, and none costs none', async () => {
  expect(await run(upTo(500), [])).toEqual({ done: upTo(500), failed: [], calls: 1 });
  expect(await run([], [])).toEqual({ done: [], failed: [], calls: 0 });
});

test('the bad ones are left out, and all others are done in their order', async () => {
  const bad = [0, 77, 78, 499];
  const { done, failed } = await run(upTo(500), bad);
  expect(failed).toEqual(bad);
  expect(done).toEqual(upTo(500).filter((n) => !bad.includes(n)));
});

test('one bad subject among 500 costs some twenty calls', async () => {
  expect((await run(upTo(500), [123])).calls).toBeLessThanOrEqual(20);
});

test('an error that is not a subject’s own ends the call', async () => {
  await expect(run(upTo(4), [2], () => false)).rejects.toThrow('bad');
});
