import { setTimeout as delay } from 'node:timers/promises';
import { createAdmission } from '../../api/services/admission';

const never = new AbortController().signal;

/** Work that ends when told to. */
function held() {
  let end = () => {};
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { work: () => done, end: () => end() };
}

describe('the admission queue', () => {
  it('lets so many in, makes the next wait, and refuses when the queue is full', async () => {
    const admission = createAdmission({ what: 'orders', limit: 1, queue: 1, maxWaitMs: 5_000 });
    const first = held();
    const running = admission.run(never, first.work);
    const queued = admission.run(never, () => Promise.resolve('second'));
    await expect(admission.run(never, () => Promise.resolve('third'))).rejects.toMatchObject({
      code: 'OVERLOADED',
    });
    expect([admission.running, admission.queued]).toEqual([1, 1]);
    expect(admission.full).toBe(true);
    first.end();
    await running;
    expect(admission.full).toBe(false);
    await expect(queued).resolves.toBe('second');
    expect([admission.running, admission.queued]).toEqual([0, 0]);
  });

  it('serves first come, first served, and no later one overtakes', async () => {
    const admission = createAdmission({ what: 'orders', limit: 1, queue: 10, maxWaitMs: 5_000 });
    const first = held();
    const order: number[] = [];
    const all = [admission.run(never, first.work)];
    for (const n of [1, 2, 3]) all.push(admission.run(never, () => Promise.resolve(void order.push(n))));
    first.end();
    await all[0];
    all.push(admission.run(never, () => Promise.resolve(void order.push(4))));
    await Promise.all(all);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('forgets a request whose client left, without ever beginning its work', async () => {
    const admission = createAdmission({ what: 'orders', limit: 1, queue: 10, maxWaitMs: 5_000 });
    const first = held();
    const running = admission.run(never, first.work);
    const leaving = new AbortController();
    let begun = false;
    const left = admission.run(leaving.signal, () => Promise.resolve(void (begun = true)));
    leaving.abort();
    await expect(left).rejects.toThrow('left before its turn');
    expect(admission.queued).toBe(0);
    first.end();
    await running;
    expect(begun).toBe(false);
  });

  it('refuses a request whose turn does not come in time, without ever beginning its work', async () => {
    const admission = createAdmission({ what: 'orders', limit: 1, queue: 10, maxWaitMs: 20 });
    const first = held();
    const running = admission.run(never, first.work);
    await expect(admission.run(never, () => Promise.resolve())).rejects.toMatchObject({ code: 'OVERLOADED' });
    first.end();
    await running;
    await expect(admission.run(never, () => Promise.resolve('free again'))).resolves.toBe('free again');
  });

  it('refuses at once whose turn cannot come in time, by the speed at which turns end, until the queue is gone', async () => {
    const admission = createAdmission({ what: 'orders', limit: 1, queue: 1_000, maxWaitMs: 5_000 });
    const enter = <T>(work: () => Promise<T>) => admission.run(new AbortController().signal, work);
    const turns = Array.from({ length: 10 }, () => enter(() => delay(100)));
    const end = held();
    const last = enter(end.work);
    await Promise.all(turns);
    const waiting: Promise<unknown>[] = [];
    while (!admission.full) {
      waiting.push(enter(() => Promise.resolve()).catch((error: unknown) => error));
    }
    // A tenth of a second each, if not longer.
    expect(admission.queued).toBeGreaterThan(0);
    expect(admission.queued).toBeLessThan(100);
    await expect(enter(() => Promise.resolve())).rejects.toMatchObject({
      code: 'OVERLOADED',
      details: { retryAfter: 1 },
    });
    end.end();
    await Promise.all([last, ...waiting]);
    expect(admission.full).toBe(false);
    await expect(admission.run(never, () => Promise.resolve('free again'))).resolves.toBe('free again');
  });

  it('gives the place on when work fails', async () => {
    const admission = createAdmission({ what: 'orders', limit: 1, queue: 10, maxWaitMs: 5_000 });
    await expect(admission.run(never, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(admission.run(never, () => Promise.resolve('next'))).resolves.toBe('next');
  });
});
