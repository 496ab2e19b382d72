import {
  acceptKey,
  claimKey,
  finishKey,
  fingerprintOf,
  isSameRequest,
  refuseKey,
  releaseKey,
  startKey,
  type NewKey,
} from '../../platform/database/idempotency';
import { newId } from '../../platform/ids';
import { openTestShop, type TestShop } from '../support/fixtures';

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

  it('lends a key to one run at a time, until it is finished', async () => {
    const wanted = request();
    expect(await claimKey(shop.db, wanted, 15)).toBeNull();
    expect(await claimKey(shop.db, wanted, 15)).toMatchObject({ state: 'started', response: null });
    await releaseKey(shop.db, wanted);
    expect(await claimKey(shop.db, wanted, 15)).toBeNull();
    await finishKey(shop.db, wanted, created);
    expect(await claimKey(shop.db, wanted, 15)).toMatchObject({ state: 'done', response: created });
  });

  it('lends a key again when its run has died', async () => {
    const wanted = request();
    await claimKey(shop.db, wanted, 15);
    expect(await claimKey(shop.db, wanted, 0)).toBeNull();
  });

  it('does not lend a key for another body', async () => {
    const wanted = request();
    await claimKey(shop.db, wanted, 15);
    await releaseKey(shop.db, wanted);
    expect(await claimKey(shop.db, { ...wanted, fingerprint: 'other' }, 15)).toMatchObject({
      fingerprint: 'f',
    });
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
