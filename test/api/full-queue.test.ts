import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { waitFor } from '../support/wait';
import { openTestApi, order, type TestApi } from './support';

/** One place and no queue; and no worker, so that an order which was started keeps the place until it is undecided. */
let test: TestApi;

beforeAll(async () => {
  test = await openTestApi({
    env: { ADMISSION_LIMIT: '1', ADMISSION_QUEUE: '0', OUTCOME_TIMEOUT_MS: '6000' },
  });
  await addStock(test.db, 'FULL-1', 'AMS', 10);
});
afterAll(() => test.close());

function place(sku: string, key?: string) {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  return test.call('POST', '/orders', { body: order(sku, 1), headers });
}

async function keyState(key: string): Promise<string | undefined> {
  const found = await test.db.pool.query<{ state: string }>(
    'select state from idempotency_keys where key = $1',
    [key],
  );
  return found.rows[0]?.state;
}

it('refuses what is new while the queue is full, but never a repeat of what was started or answered', async () => {
  const [answered, started, fresh] = [newId(), newId(), newId()];
  expect((await place('NO-SUCH-SKU', answered)).status).toBe(422);
  const first = place('FULL-1', started);
  await waitFor(async () => (await keyState(started)) === 'started');

  expect((await place('FULL-1')).body).toMatchObject({ code: 'OVERLOADED', retryAfter: 1 });
  const refused = await place('FULL-1', fresh);
  expect([refused.status, refused.body.code]).toEqual([503, 'OVERLOADED']);
  expect(refused.headers.get('retry-after')).toMatch(/^[12]$/);
  expect(await keyState(fresh)).toBeUndefined();

  const replay = await place('NO-SUCH-SKU', answered);
  expect([replay.status, replay.headers.get('idempotency-replayed')]).toEqual([422, 'true']);
  const repeat = await place('FULL-1', started);
  expect(repeat.status).toBe(202);
  expect((await place('NO-SUCH-SKU', started)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
  const undecided = await first;
  expect(undecided.status).toBe(202);
  expect(repeat.headers.get('location')).toBe(undecided.headers.get('location'));
});
