import { beginErasure, continueErasure, eraseAgain } from '../../domain/erasure/erase';
import { raiseAttention } from '../../domain/orders/attention';
import type { Database, Statement, Transaction } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { openStackApi, type StackApi } from '../api/stack-api';
import type { Reply } from '../api/support';
import { idOf, newEmail, PASSWORD } from '../identity/people';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { tablesWith } from './everything';

let test: StackApi;
const db = () => test.stack.db;

beforeAll(async () => {
  test = await openStackApi();
});
afterEach(() => expectInvariants(db()));
afterAll(() => test.stack.stop());

async function addPerson(): Promise<string> {
  const email = newEmail();
  const { status } = await test.call('POST', '/users', { body: { email, password: PASSWORD, name: 'Ada' } });
  expect(status).toBe(202);
  return idOf(db(), email);
}

const post = (path: string, body: unknown): Promise<Reply> =>
  test.call('POST', path, { body, headers: { 'idempotency-key': newId() } });

/** An order of theirs that is paid and delivered, and whose saga has ended. */
async function deliveredTo(customerId: string, words: string): Promise<{ orderId: string; sku: string }> {
  const sku = await test.newSku(5);
  const placed = await post('/orders', {
    customerId,
    items: [{ sku, quantity: 2 }],
    shipTo: { region: words },
    payment: { method: 'card', token: 'tok_ok' },
  });
  expect(placed.status).toBe(201);
  const orderId = placed.body.id;
  await waitFor(async () => (await test.status(orderId)) === 'fulfilled');
  await test.stack.temporal.client.workflow.getHandle(test.stack.names.orderWorkflowId(orderId)).result();
  return { orderId, sku };
}

async function erased(userId: string): Promise<{ orders: number; isFinished: boolean } | undefined> {
  const { rows } = await db().pool.query<{ orders: number; isFinished: boolean }>(
    'select orders, finished_at is not null as "isFinished" from erasures where user_id = $1',
    [userId],
  );
  return rows[0];
}

async function messages(orderId: string): Promise<number> {
  const { rows } = await db().pool.query(`select from outbox where topic = 'order.erase' and key = $1`, [
    orderId,
  ]);
  return rows.length;
}

it('what is written about an order after it was erased is erased too, once nothing of it is to be done', async () => {
  const words = {
    returned: 'too small for Ludmilla',
    refunded: 'told Ludmilla on the phone',
    disputed: 'Ludmilla says that she did not buy it',
    looked: 'Ludmilla was called',
    ended: 'Ludmilla has agreed',
  };
  const person = await addPerson();
  const { orderId, sku } = await deliveredTo(person, 'Ludmillaham');
  expect((await test.call('DELETE', `/users/${person}`)).status).toBe(202);
  await waitFor(async () => (await erased(person))?.orders === 1);
  expect(await tablesWith(db(), 'Ludmilla')).toEqual([]);
  // What was written while it was erased is looked at again.
  expect(await messages(orderId)).toBeGreaterThan(0);
  await db().pool.query(`delete from outbox where topic = 'order.erase'`);

  const refunded = await post(`/orders/${orderId}/refunds`, { amountMinor: 1, reason: words.refunded });
  expect(refunded.status).toBe(201);
  const returned = await post('/returns', {
    orderId,
    items: [{ sku, quantity: 1, reason: words.returned }],
  });
  expect(returned.status).toBe(201);
  expect(await messages(orderId)).toBeGreaterThan(0);
  await db().pool.query(`delete from outbox where topic = 'order.erase'`);
  await db().transaction((tx) =>
    raiseAttention(tx, [{ orderId, kind: 'refund_unknown', about: newId(), why: words.disputed }]),
  );
  expect(await messages(orderId)).toBe(1);
  const { rows } = await db().pool.query<{ id: string }>(`select id from alerts where order_id = $1`, [
    orderId,
  ]);
  const alert = `/inventory/alerts/${rows[0]!.id}`;
  expect((await test.call('POST', `${alert}/acknowledge`, { body: { note: words.looked } })).status).toBe(
    200,
  );

  // While goods are to come back, why they do is needed.
  await eraseAgain(db(), orderId);
  expect(await tablesWith(db(), words.returned)).not.toEqual([]);
  expect((await test.call('POST', `${alert}/resolve`, { body: { note: words.ended } })).status).toBe(200);
  for (const word of Object.values(words))
    expect({ word, in: (await tablesWith(db(), word)).length > 0 }).toEqual({ word, in: true });

  expect((await test.call('POST', `/returns/${returned.body.id}/cancel`)).status).toBe(200);
  await waitFor(async () => {
    const open = await db().pool.query(`select from refunds where status in ('planned', 'pending')`);
    return open.rows.length === 0;
  });
  await eraseAgain(db(), orderId);
  expect(await tablesWith(db(), 'Ludmilla')).toEqual([]);
});

it('what is written about an order of somebody who was not erased stays', async () => {
  const { orderId } = await deliveredTo(await addPerson(), 'Stayham');
  await eraseAgain(db(), orderId);
  expect(await tablesWith(db(), 'Stayham')).not.toEqual([]);
  expect(await messages(orderId)).toBe(0);
});

/** A database whose process dies with this statement: that one, and all that come after it, are not run. */
function dyingAt(statement: number, alive: Database): Database {
  let count = 0;
  const live = () => {
    count += 1;
    if (count >= statement) throw new Error('the process died');
  };
  const counted = <Q extends Database | Transaction>(on: Q): Q => ({
    ...on,
    query: async (given: Statement) => {
      live();
      return on.query(given);
    },
  });
  return {
    ...counted(alive),
    transaction: (work) => alive.transaction((tx, early) => work(counted(tx), early)),
    retrying: (work, limits) => alive.retrying((tx) => work(counted(tx)), limits),
  };
}

it('a process may die at each statement of an erasure: the next goes on, and in the end nothing is left and all is counted once', async () => {
  const person = await addPerson();
  for (const words of ['Dieham', 'Dieham East']) await deliveredTo(person, words);
  // Nobody else goes on with it.
  await test.stack.stopWorker();
  let deaths = 0;
  const survives = async (run: (at: number) => Promise<unknown>): Promise<void> => {
    for (let at = 1; ; at++) {
      try {
        await run(at);
        return;
      } catch (error) {
        expect(error).toMatchObject({ message: 'the process died' });
        deaths += 1;
      }
    }
  };
  await survives((at) => beginErasure(dyingAt(at, db()), person, 'test'));
  const begun = deaths;
  expect(begun).toBeGreaterThan(8);
  expect(await erased(person)).toEqual({ orders: 0, isFinished: false });
  await survives((at) => continueErasure({ db: dyingAt(at, db()), mailer: null, lateSeconds: -1 }, person));
  expect(deaths - begun).toBeGreaterThan(12);
  expect(await erased(person)).toEqual({ orders: 2, isFinished: true });
  expect(await tablesWith(db(), 'Dieham')).toEqual([]);
  await test.stack.startWorker();
});
