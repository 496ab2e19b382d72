import {
  acceptKey,
  claimKey,
  finishKey,
  fingerprintOf,
  isSameRequest,
  refuseKey,
  releaseKey,
  startKey,
  type ClaimedKey,
  type NewKey,
} from '../../platform/database/idempotency';
import { runOnce } from '../../api/idempotency/run-once';
import type { ApiResponse } from '../../api/http/response';
import { newId } from '../../platform/ids';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';

let shop: TestShop;

beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());

function request(more: Partial<NewKey> = {}): NewKey {
  return {
    caller: 'anonymous',
    key: newId(),
    scope: 'POST /orders',
    fingerprint: 'f',
    subjectId: newId(),
    ...more,
  };
}

function signal() {
  let give!: () => void;
  const given = new Promise<void>((resolve) => (give = resolve));
  return { given, give: () => give() };
}

const created = { status: 201, body: { id: 'o-1' } };
const refused = { status: 409, body: { code: 'OUT_OF_STOCK' } };

describe('the store of idempotency keys', () => {
  it('has one first request among many at once', async () => {
    const wanted = request();
    const entries = await Promise.all(Array.from({ length: 10 }, () => acceptKey(shop.db, wanted)));
    expect(entries.filter((entry) => entry.isNew)).toHaveLength(1);
    expect(entries.every((entry) => isSameRequest(entry, wanted))).toBe(true);
  });

  it('tells another body and another purpose apart', async () => {
    const wanted = request();
    const entry = await acceptKey(shop.db, wanted);
    expect(isSameRequest(entry, { ...wanted, fingerprint: 'other' })).toBe(false);
    expect(isSameRequest(entry, { ...wanted, scope: 'POST /other' })).toBe(false);
  });

  it('keeps the keys of callers apart', async () => {
    const wanted = request();
    await acceptKey(shop.db, wanted);
    expect(await acceptKey(shop.db, { ...wanted, caller: 'somebody else' })).toMatchObject({ isNew: true });
  });

  it('keeps the first final response', async () => {
    const wanted = request();
    await acceptKey(shop.db, wanted);
    expect(await finishKey(shop.db, wanted, created)).toEqual(created);
    expect(await finishKey(shop.db, wanted, refused)).toEqual(created);
    expect(await acceptKey(shop.db, wanted)).toMatchObject({
      isNew: false,
      state: 'done',
      response: created,
    });
  });

  it('never refuses what was started, and never starts what was refused', async () => {
    const started = request();
    await acceptKey(shop.db, started);
    expect(await startKey(shop.db, started)).toBeNull();
    expect(await refuseKey(shop.db, started, refused)).toBeNull();

    const stopped = request();
    await acceptKey(shop.db, stopped);
    expect(await refuseKey(shop.db, stopped, refused)).toEqual(refused);
    expect(await startKey(shop.db, stopped)).toEqual(refused);
  });

  it('lets either the start or the refusal win when both come at once', async () => {
    for (let round = 0; round < 20; round++) {
      const wanted = request();
      await acceptKey(shop.db, wanted);
      const [stopped, stands] = await Promise.all([
        startKey(shop.db, wanted),
        refuseKey(shop.db, wanted, refused),
      ]);
      expect([stopped, stands]).toEqual(stands === null ? [null, null] : [refused, refused]);
    }
  });

  async function claimed(wanted: NewKey, leaseSeconds = 15): Promise<ClaimedKey> {
    const claim = await claimKey(shop.db, wanted, leaseSeconds);
    if ('existing' in claim) throw new Error('the key was not claimed');
    return claim.claimed;
  }

  it('lends a key to one run at a time, until it is finished', async () => {
    const wanted = request();
    const first = await claimed(wanted);
    expect(await claimKey(shop.db, wanted, 15)).toMatchObject({
      existing: { state: 'started', response: null },
    });
    await releaseKey(shop.db, first);
    await finishKey(shop.db, await claimed(wanted), created);
    expect(await claimKey(shop.db, wanted, 15)).toMatchObject({
      existing: { state: 'done', response: created },
    });
  });

  it('lends a key again when its run has died', async () => {
    const wanted = request();
    const dead = await claimed(wanted);
    const next = await claimed(wanted, 0);
    expect(next.claim).not.toBe(dead.claim);
  });

  it('lets only the run that has a key release or finish it', async () => {
    const wanted = request();
    const late = await claimed(wanted);
    const next = await claimed(wanted, 0);
    await releaseKey(shop.db, late);
    expect(await claimKey(shop.db, wanted, 15)).toMatchObject({ existing: { state: 'started' } });
    expect(await finishKey(shop.db, late, refused)).toEqual(refused);
    expect(await finishKey(shop.db, next, created)).toEqual(created);
    expect(await finishKey(shop.db, late, refused)).toEqual(created);
  });

  it('does not lend a key for another body', async () => {
    const wanted = request();
    await releaseKey(shop.db, await claimed(wanted));
    expect(await claimKey(shop.db, { ...wanted, fingerprint: 'other' }, 15)).toMatchObject({
      existing: { fingerprint: 'f' },
    });
  });
});

describe('a request that takes longer than its lease', () => {
  const endLease = (key: string) =>
    shop.db.pool.query(
      `update idempotency_keys set updated_at = updated_at - interval '1 hour' where key = $1`,
      [key],
    );

  function repeatable() {
    const key = newId();
    const run = (work: () => Promise<ApiResponse>) =>
      runOnce(
        { db: shop.db },
        { keyCaller: 'anonymous', idempotencyKey: key, body: {}, requestId: newId(), log: testLogger() },
        'POST /things',
        work,
      );
    return { key, run };
  }

  it('does not release the key of the repeat that runs meanwhile', async () => {
    const { key, run } = repeatable();
    const [repeated, goOn] = [signal(), signal()];
    let repeat: Promise<ApiResponse> | undefined;
    const first = run(async () => {
      await endLease(key);
      repeat = run(async () => {
        repeated.give();
        await goOn.given;
        return created;
      });
      await repeated.given;
      throw new Error('the first run failed');
    });
    await expect(first).rejects.toThrow('the first run failed');
    await expect(run(() => Promise.resolve(created))).rejects.toMatchObject({
      code: 'IDEMPOTENCY_IN_FLIGHT',
    });
    goOn.give();
    expect(await repeat).toEqual(created);
  });

  it('is not told of a refusal of the repeat when it has done its work', async () => {
    const { key, run } = repeatable();
    const first = await run(async () => {
      await endLease(key);
      expect(await run(() => Promise.resolve(refused))).toEqual(refused);
      return created;
    });
    expect(first).toEqual(created);
    expect(await run(() => Promise.reject(new Error('runs no more')))).toMatchObject(created);
  });

  it('returns the response that the repeat has stored meanwhile', async () => {
    const { key, run } = repeatable();
    const first = await run(async () => {
      await endLease(key);
      expect(await run(() => Promise.resolve(created))).toEqual(created);
      return { status: 200, body: 'of the first run' };
    });
    expect(first).toMatchObject(created);
    expect(await run(() => Promise.reject(new Error('runs no more')))).toMatchObject(created);
  });
});

describe('the fingerprint of a request', () => {
  it('does not depend on the order of members', () => {
    expect(fingerprintOf({ a: 1, b: { c: 2, d: [1, 2] } })).toBe(
      fingerprintOf({ b: { d: [1, 2], c: 2 }, a: 1 }),
    );
  });

  it('depends on every value and on the order of lists', () => {
    const prints = [{ a: 1 }, { a: '1' }, { a: 2 }, { a: [1, 2] }, { a: [2, 1] }, { a: null }, {}].map(
      fingerprintOf,
    );
    expect(new Set(prints).size).toBe(prints.length);
  });
});
