import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { openTestApi, type TestApi } from './support';
import { ADMIN_CALLER } from '../support/access-keys';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'LAMP', 'AMS', 10);
  await addStock(test.db, 'LAMP', 'BER', 10);
  await addStock(test.db, 'DESK', 'AMS', 10);
  await addStock(test.db, 'NONE', 'AMS', 0);
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

interface Entry {
  id: number;
  at: string;
  kind: string;
  warehouse: string;
  onHandDelta: number;
}

async function ledger(query = '', sku = 'LAMP'): Promise<{ items: Entry[]; nextCursor: string | null }> {
  const { status, body } = await test.call('GET', `/inventory/${sku}/transactions${query}`);
  expect(status).toBe(200);
  return body as unknown as { items: Entry[]; nextCursor: string | null };
}

const deltas = ({ items }: { items: Entry[] }) => items.map((item) => item.onHandDelta);

function adjust(location: string, delta: number, more: object = {}) {
  return test.call('POST', '/inventory/LAMP/adjust', { body: { location, delta, reason: 'count', ...more } });
}

describe('the ledger of a product', () => {
  it('is listed newest first, over all locations, and without other products', async () => {
    await adjust('AMS', 1);
    await adjust('BER', 2, { reference: 'NOTE-7' });
    await adjust('AMS', 3);
    const { items, nextCursor } = await ledger();
    expect(items.map((item) => item.onHandDelta)).toEqual([3, 2, 1, 10, 10]);
    expect(nextCursor).toBeNull();
    expect(items[1]).toEqual({
      id: expect.any(Number) as number,
      at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      kind: 'adjust',
      warehouse: 'BER',
      onHandDelta: 2,
      reservedDelta: 0,
      reservationId: null,
      orderId: null,
      reason: 'count',
      reference: 'NOTE-7',
      actor: ADMIN_CALLER,
      asOf: null,
      number: null,
    });
  });

  it('is found by location, kind, reference and time', async () => {
    expect(deltas(await ledger('?location=BER'))).toEqual([2, 10]);
    expect(deltas(await ledger('?kind=opening'))).toEqual([10, 10]);
    expect(deltas(await ledger('?kind=opening&location=NOPE'))).toEqual([]);
    expect(deltas(await ledger('?reference=NOTE-7'))).toEqual([2]);
    expect(deltas(await ledger('?kind=ship'))).toEqual([]);
    const { items } = await ledger();
    const [first] = [items[2]!];
    // `at` is cut to milliseconds: what was written within this one is after it.
    expect(deltas(await ledger(`?from=${first.at}`))).toEqual([3, 2, 1]);
    expect(deltas(await ledger(`?to=${first.at}`))).toEqual([10, 10]);
  });

  it('is paged without a gap or a repeat, also while it grows and where many entries have one time', async () => {
    await test.call('POST', '/inventory/batch', {
      body: {
        updates: Array.from({ length: 30 }, (_, n) => ({
          sku: 'LAMP',
          location: n % 2 ? 'AMS' : 'BER',
          delta: 1,
          reason: 'x',
        })),
      },
    });
    const all = (await ledger('?limit=100')).items;
    expect(all).toHaveLength(35);
    const seen: Entry[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await ledger(`?limit=4${cursor ? `&cursor=${cursor}` : ''}`);
      seen.push(...page.items);
      cursor = page.nextCursor;
      await adjust('AMS', 1);
    }
    expect(seen).toEqual(all);
    expect((await ledger('?limit=5&offset=9')).items).toEqual(
      (await ledger('?limit=100')).items.slice(9, 14),
    );
  });

  it('is empty for a product without any, and not there for no product', async () => {
    await test.db.pool.query(
      `insert into products (sku, name, price_minor, currency) values ('NEW', 'New', 1, 'USD')`,
    );
    expect(await ledger('', 'NEW')).toEqual({ items: [], nextCursor: null });
    expect(await test.call('GET', '/inventory/NOPE/transactions')).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND' },
    });
  });

  it.each([
    'limit=0',
    'limit=101',
    'limit=x',
    'offset=-1',
    'cursor=x',
    `cursor=${Buffer.from(JSON.stringify({ atMicros: 'now', id: 1 })).toString('base64url')}`,
    `cursor=${Buffer.from(JSON.stringify({ atMicros: '2026-01-01T00:00:00Z', id: newId() })).toString('base64url')}`,
    'kind=theft',
    'location=',
    'reference=%00',
    'from=yesterday',
    'to=2026-01-01',
  ])('refuses ?%s', async (query) => {
    expect(await test.call('GET', `/inventory/LAMP/transactions?${query}`)).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED' },
    });
  });
});
