import { randomBytes } from 'node:crypto';
import { numberEvents } from '../../domain/event-log/sequencer';
import { newId } from '../../platform/ids';
import { addMerchant } from '../money/support';
import { owe } from '../payouts/support';
import { asPerson, logIn, sessionOf, signUp } from './people-api';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
let anna: string;
let bert: string;
beforeAll(async () => {
  test = await openTestApi({ env: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64') } });
  await addMerchant(test.db, 'acme');
  [anna, bert] = [await operator('Anna'), await operator('Bert')];
});
afterAll(() => test.close());

async function operator(name: string): Promise<string> {
  const { id, email } = await signUp(test, name);
  await test.call('PUT', `/users/${id}`, { body: { role: 'operator' } });
  return sessionOf(await logIn(test, email)).accessToken;
}

const as = (accessToken: string, method: string, path: string, body?: unknown, key = newId()) =>
  asPerson(test, { accessToken }, method, path, { body, headers: { 'idempotency-key': key } });

it('a merchant is paid: one person makes the payout, another approves it, and the bank’s reference ends it', async () => {
  await owe(test.db, 'acme', 12_000);
  const key = newId();
  const made = await as(anna, 'POST', '/payouts', { merchant: 'acme' }, key);
  expect(made).toMatchObject({
    status: 201,
    body: { status: 'pending', amountMinor: 12_000, merchant: 'acme', currency: 'USD' },
  });
  expect((await as(anna, 'POST', '/payouts', { merchant: 'acme' }, key)).body).toEqual(made.body);
  const { id } = made.body;
  expect(made.headers.get('location')).toBe(`/api/v1/payouts/${id}`);
  expect(await as(anna, 'POST', '/payouts', { merchant: 'acme' })).toMatchObject({
    status: 409,
    body: { code: 'PAYOUT_OPEN', payoutId: id },
  });
  expect(await as(anna, 'POST', `/payouts/${id}/approve`)).toMatchObject({
    status: 403,
    body: { code: 'SECOND_PERSON_REQUIRED' },
  });
  expect(await as(bert, 'POST', `/payouts/${id}/approve`)).toMatchObject({
    status: 200,
    body: { status: 'approved' },
  });
  const later = { reference: 'T-1', paidOn: '2999-01-01' };
  expect(await as(anna, 'POST', `/payouts/${id}/paid`, later)).toMatchObject({
    status: 422,
    body: { code: 'VALIDATION_FAILED', errors: [{ path: 'paidOn' }] },
  });
  const transfer = { reference: '=T-1', paidOn: '2026-07-01' };
  // As it was copied from the bank's page.
  const given = { ...transfer, reference: ' =T-1\u00a0' };
  expect(await as(anna, 'POST', `/payouts/${id}/paid`, given)).toMatchObject({
    status: 200,
    body: { status: 'paid', ...transfer },
  });
  expect((await as(anna, 'GET', '/payouts?status=paid&merchant=acme')).body.items).toMatchObject([{ id }]);
  expect((await as(anna, 'GET', `/payouts/${id}`)).body).toMatchObject({ id, status: 'paid' });
  const statement = await as(anna, 'GET', `/payouts/${id}/statement.csv`);
  expect(statement.headers.get('content-type')).toContain('text/csv');
  expect(statement.text.split('\n')[1]).toMatch(/^2026-06-01,.*,capture,.*,USD,120.00$/);
  await numberEvents(test.db);
  const { body } = await as(anna, 'GET', '/events?types=payout.*');
  expect(body.items).toMatchObject([
    { type: 'payout.created', subject: { type: 'payout', id } },
    { type: 'payout.approved' },
    { type: 'payout.paid' },
  ]);
});

it('one that is cancelled can be made anew', async () => {
  await owe(test.db, 'acme', 700);
  const { body } = await as(anna, 'POST', '/payouts', { merchant: 'acme', currency: 'USD' });
  const cancel = (reason: unknown) => as(bert, 'POST', `/payouts/${body.id}/cancel`, { reason });
  expect((await cancel('')).status).toBe(422);
  expect(await cancel('another account')).toMatchObject({
    status: 200,
    body: { status: 'cancelled', cancelReason: 'another account' },
  });
  expect(await as(bert, 'POST', `/payouts/${body.id}/paid`, { reference: 'T-2' })).toMatchObject({
    status: 409,
    body: { code: 'PAYOUT_CANCELLED' },
  });
  expect(await as(anna, 'POST', '/payouts', { merchant: 'acme' })).toMatchObject({ status: 201 });
});

it.each([
  ['POST', '/payouts', { merchant: 'nobody' }, 422, 'UNKNOWN_MERCHANT'],
  ['POST', '/payouts', { merchant: 'house' }, 409, 'NOTHING_TO_PAY_OUT'],
  ['POST', '/payouts', { merchant: 'house', amountMinor: 5 }, 422, 'VALIDATION_FAILED'],
  ['GET', '/payouts?stats=paid', undefined, 422, 'VALIDATION_FAILED'],
  ['GET', '/payouts?merchant=nobody', undefined, 422, 'UNKNOWN_MERCHANT'],
  ['GET', `/payouts/${newId()}`, undefined, 404, 'NOT_FOUND'],
  ['GET', `/payouts/${newId()}/statement.csv`, undefined, 404, 'NOT_FOUND'],
  ['POST', `/payouts/${newId()}/approve`, undefined, 404, 'NOT_FOUND'],
  ['POST', `/payouts/${newId()}/paid`, { reference: 'T' }, 404, 'NOT_FOUND'],
])('%s %s %j is %i %s', async (method, path, body, status, code) => {
  expect(await as(anna, method, path, body)).toMatchObject({ status, body: { code } });
});
