import {
  acceptKey,
  claimKey,
  finishKey,
  fingerprintOf,
  isSameRequest,
  refuseKey,
  releaseKey,
  renewKey,
  startKey,
  type ClaimedKey,
  type NewKey,
} from '../../platform/database/idempotency';
import { runOnce } from '../../api/idempotency/run-once';
import type { ApiResponse } from '../../api/http/response';
import { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

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
    received: '2:f',
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
    expect(isSameRequest(entry, { ...wanted, fingerprint: 'other', received: '2:other' })).toBe(false);
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
    expect(
      await claimKey(shop.db, { ...wanted, fingerprint: 'other', received: '2:other' }, 15),
    ).toMatchObject({
      existing: { fingerprint: 'f' },
    });
  });
});

/** Runs `work` under a key, as a request of this body. */
function runUnder(
  key: string,
  work: () => Promise<ApiResponse>,
  body: unknown = {},
  receivedBody: unknown = body,
): Promise<ApiResponse> {
  const request = { keyCaller: 'anonymous', idempotencyKey: key, body, receivedBody };
  return runOnce(
    { db: shop.db },
    { ...request, requestId: newId(), log: testLogger() },
    'POST /things',
    work,
  );
}

describe('a request that takes longer than its lease', () => {
  const endLease = (key: string) =>
    shop.db.pool.query(
      `update idempotency_keys set updated_at = updated_at - interval '1 hour' where key = $1`,
      [key],
    );

  function repeatable() {
    const key = newId();
    const run = (work: () => Promise<ApiResponse>) => runUnder(key, work);
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

describe('a key across versions', () => {
  const understood = { items: [], holdSeconds: 900 };
  const received = { items: [] };
  const run = (key: string, body: unknown, receivedBody: unknown, work: () => Promise<ApiResponse>) =>
    runUnder(key, work, body, receivedBody);
  const never = () => Promise.reject(new Error('it ran again'));

  it('is of the same request when a later version understands more of it', async () => {
    const key = newId();
    await run(key, understood, received, () => Promise.resolve(created));
    const later = { ...understood, giftWrap: false };
    expect(await run(key, later, { items: [] }, never)).toMatchObject(created);
    const another = { items: [], giftWrap: true };
    await expect(run(key, { ...later, giftWrap: true }, another, never)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('is of the same request when its defaults are written out', async () => {
    const key = newId();
    await run(key, understood, received, () => Promise.resolve(created));
    expect(await run(key, understood, { holdSeconds: 900, items: [] }, never)).toMatchObject(created);
  });

  it('that the version before has written is compared as that one did, and its requests go on', async () => {
    const key = newId();
    await shop.db.pool.query(
      `insert into idempotency_keys (caller, key, scope, fingerprint, subject_id, state) values
         ('anonymous', $1, 'POST /things', $2, $3, 'accepted')`,
      [key, fingerprintOf(understood), newId()],
    );
    const spelled = { items: [], holdSeconds: 900 };
    await expect(run(key, { items: [1] }, spelled, never)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect(await run(key, understood, spelled, () => Promise.resolve(created))).toEqual(created);
    expect(await run(key, understood, spelled, never)).toMatchObject(created);
  });

  it('is found by the version before, which reads the fingerprint of what it understood', async () => {
    const key = newId();
    await run(key, understood, received, () => Promise.resolve(created));
    const { rows } = await shop.db.pool.query(
      'select fingerprint, received from idempotency_keys where key = $1',
      [key],
    );
    expect(rows).toEqual([
      { fingerprint: fingerprintOf(understood), received: `2:${fingerprintOf(received)}` },
    ]);
  });
});

describe('what is stored under a key', () => {
  const answer = (response: ApiResponse | Error, key: string) =>
    runUnder(key, () => (response instanceof Error ? Promise.reject(response) : Promise.resolve(response)));

  it('has its headers: a repeat gets Location and ETag as the first request did', async () => {
    const key = newId();
    const headers = { location: '/api/v1/things/1', etag: '"1"' };
    const first = { ...created, headers };
    expect(await answer(first, key)).toEqual(first);
    expect(await answer(new Error('it ran again'), key)).toEqual({
      ...created,
      headers: { ...headers, 'idempotency-replayed': 'true' },
    });
  });

  it.each([
    [200, 'done'],
    [201, 'done'],
    [402, 'done'],
    [409, 'done'],
    [422, 'done'],
    [202, 'accepted'],
    [429, 'accepted'],
    [500, 'accepted'],
    [503, 'accepted'],
  ])('is a response that will stay: of %s the key is %s', async (status, state) => {
    const key = newId();
    await answer({ status, body: {} }, key);
    const { rows } = await shop.db.pool.query('select state from idempotency_keys where key = $1', [key]);
    expect(rows).toEqual([{ state }]);
  });

  it.each([
    'RATE_LIMITED',
    'PAYMENT_ATTEMPTS_EXCEEDED',
    'OVERLOADED',
    'ENGINE_UNAVAILABLE',
    'DATABASE_UNAVAILABLE',
  ])('is no problem that passes: %s', async (code) => {
    const key = newId();
    await expect(answer(new AppError(code, 'later'), key)).rejects.toMatchObject({ code });
    expect(await answer(created, key)).toEqual(created);
  });
});

describe('the lease of a key', () => {
  it('is renewed while the work runs, however long that takes', async () => {
    const key = newId();
    const run = (work: () => Promise<ApiResponse>) => runUnder(key, work);
    const isOverdue = async () => {
      const { rows } = await shop.db.pool.query<{ overdue: boolean }>(
        `select updated_at < clock_timestamp() - interval '15 seconds' as overdue from idempotency_keys where key = $1`,
        [key],
      );
      return rows[0]?.overdue;
    };
    const first = run(async () => {
      await shop.db.pool.query(
        `update idempotency_keys set updated_at = updated_at - interval '1 hour' where key = $1`,
        [key],
      );
      expect(await isOverdue()).toBe(true);
      await waitFor(async () => (await isOverdue()) === false);
      await expect(run(() => Promise.resolve(created))).rejects.toMatchObject({
        code: 'IDEMPOTENCY_IN_FLIGHT',
      });
      return created;
    });
    expect(await first).toEqual(created);
  });

  it('is not renewed by a run whose key another has', async () => {
    const wanted = request();
    const [late, next] = [await claimKey(shop.db, wanted, 15), await claimKey(shop.db, wanted, 0)];
    if ('existing' in late || 'existing' in next) throw new Error('the key was not claimed');
    expect([await renewKey(shop.db, late.claimed), await renewKey(shop.db, next.claimed)]).toEqual([
      false,
      true,
    ]);
    await releaseKey(shop.db, next.claimed);
    expect(await renewKey(shop.db, next.claimed)).toBe(false);
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
