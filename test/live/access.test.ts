import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { createKey, revokeKey } from '../../domain/identity/keys';
import { changeRights } from '../../domain/identity/accounts/users';
import { newId } from '../../platform/ids';
import { asPerson, signUp, type Person } from '../api/people-api';
import { openTestApi, type TestApi } from '../api/support';
import { AS_ADMIN } from '../support/access-keys';
import { addPaidOrder, addStock } from '../support/fixtures';
import { waitFor } from '../support/wait';
import { connect, refused, tryConnect, type Client } from './client';

const SHOP = 'https://shop.example';
let test: TestApi;
let ada: Person;

beforeAll(async () => {
  test = await openTestApi({
    env: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64'), ALLOWED_ORIGINS: SHOP },
  });
  await addStock(test.db, 'A', 'AMS', 1_000);
  ada = await signUp(test);
});
afterAll(() => test.close());

const PROTOCOL = 'holdfast.v1';
const bearer = ({ accessToken }: Person) => ({ authorization: `Bearer ${accessToken}` });

async function newTicket(headers: Record<string, string> = bearer(ada)): Promise<string> {
  const { status, text } = await test.call('POST', '/ws/tickets', { key: null, headers });
  expect(status).toBe(201);
  return (JSON.parse(text) as { ticket: string }).ticket;
}

const byTicket = (ticket: string) => ({ key: null, protocols: [PROTOCOL, `ticket.${ticket}`] });

async function keyOfService(service: string): Promise<{ id: string; key: string }> {
  return createKey(test.db, {
    service,
    role: 'service',
    scopes: ['orders:all'],
    kind: 'live',
    label: null,
    expiresInSeconds: null,
    actor: 'a test',
  });
}

describe('a ticket', () => {
  it('signs a page in once, as who has asked for it, and its hash is all that is kept', async () => {
    const { orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
    await test.db.pool.query('update orders set customer_id = $2 where id = $1', [orderId, ada.id]);
    const ticket = await newTicket();
    const { rows } = await test.db.pool.query<{ token_hash: Buffer }>('select * from live_tickets');
    expect(rows.map(({ token_hash }) => token_hash)).toEqual([createHash('sha256').update(ticket).digest()]);
    expect(JSON.stringify(rows)).not.toContain(ticket);
    const client = await connect(test, { ...byTicket(ticket), headers: { origin: SHOP } });
    // The ticket is not said back.
    expect(client.socket.protocol).toBe(PROTOCOL);
    client.follow(`orders:${orderId}`);
    client.follow('alerts');
    await client.hears(({ type, topic }) => type === 'subscribed' && topic === `orders:${orderId}`);
    await client.hears(
      ({ type, topic, code }) => type === 'error' && topic === 'alerts' && code === 'NOT_ALLOWED',
    );
    await client.leave();
    expect(await refused(test, byTicket(ticket))).toEqual({ status: 401, code: 'NOT_SIGNED_IN' });
  });

  it('is used by one of many that come at once', async () => {
    const ticket = await newTicket();
    const tries = await Promise.all(Array.from({ length: 5 }, () => tryConnect(test, byTicket(ticket))));
    const clients = tries.flatMap((one) => ('socket' in one ? [one] : []));
    expect(clients).toHaveLength(1);
    await Promise.all(clients.map((client) => client.leave()));
  });

  it('is good for half a minute, only while the sign-in goes on, and only for a WebSocket', async () => {
    const late = await newTicket();
    await test.db.pool.query(`update live_tickets set expires_at = clock_timestamp() - interval '1 ms'`);
    expect(await refused(test, byTicket(late))).toEqual({ status: 401, code: 'NOT_SIGNED_IN' });

    const { id, key } = await keyOfService('ticketed');
    const revoked = await newTicket({ 'x-api-key': key });
    await revokeKey(test.db, { id, actor: 'a test' });
    expect(await refused(test, byTicket(revoked))).toEqual({ status: 401, code: 'NOT_SIGNED_IN' });

    const headers = { 'sec-websocket-protocol': `${PROTOCOL}, ticket.${await newTicket()}` };
    expect(await test.call('GET', '/orders', { key: null, headers })).toMatchObject({ status: 401 });
    expect(await refused(test, byTicket('x'))).toEqual({ status: 401, code: 'NOT_SIGNED_IN' });
  });

  it('is not for who has not signed in, nor together with other credentials', async () => {
    expect(await test.call('POST', '/ws/tickets', { key: null })).toMatchObject({
      status: 401,
      body: { code: 'NOT_SIGNED_IN' },
    });
    const both = { ...byTicket(await newTicket()), headers: bearer(ada) };
    expect(await refused(test, both)).toEqual({ status: 401, code: 'NOT_SIGNED_IN' });
  });

  it('that nobody used is removed by those that come', async () => {
    for (let n = 0; n < 3; n++) await newTicket();
    await test.db.pool.query(`update live_tickets set expires_at = clock_timestamp() - interval '1 s'`);
    await newTicket();
    const { rows } = await test.db.pool.query('select 1 from live_tickets');
    expect(rows).toHaveLength(1);
  });
});

describe('a request for a WebSocket', () => {
  it('needs a sign-in, and takes none in the address', async () => {
    expect(await refused(test, { key: null })).toEqual({ status: 401, code: 'NOT_SIGNED_IN' });
    for (const query of [`ticket=${await newTicket()}`, 'access_token=x', 'topic=alerts'])
      expect(await refused(test, { path: `/api/v1/ws?${query}` })).toEqual({
        status: 422,
        code: 'VALIDATION_FAILED',
      });
    const short = await connect(test, { path: '/ws' });
    await short.leave();
  });

  it('of a page of another site is refused, whatever it has', async () => {
    const foreign = { headers: { origin: 'https://evil.example' } };
    expect(await refused(test, foreign)).toEqual({ status: 403, code: 'CROSS_SITE_REQUEST' });
    expect(await refused(test, { ...byTicket(await newTicket()), ...foreign })).toEqual({
      status: 403,
      code: 'CROSS_SITE_REQUEST',
    });
    expect(await refused(test, { headers: { origin: 'null' } })).toMatchObject({ status: 403 });
    for (const origin of [SHOP, test.api.url]) await (await connect(test, { headers: { origin } })).leave();
  });

  it('that is no handshake, or offers other subprotocols, is refused with a problem document', async () => {
    expect(await refused(test, { protocols: ['graphql-ws'] })).toEqual({ status: 400, code: 'BAD_REQUEST' });
    const sent = request(`${test.api.url}/ws`, {
      headers: { ...AS_ADMIN, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '8' },
    });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(400);
    expect(await json(response)).toMatchObject({ code: 'BAD_REQUEST' });
    const plain = await test.call('GET', '/ws');
    expect([plain.status, plain.body.code]).toEqual([426, 'UPGRADE_REQUIRED']);
    expect(plain.headers.get('upgrade')).toBe('websocket');
  });
});

/** The sign-in is looked up every ten seconds. */
describe('a connection ends with its sign-in', () => {
  it('a revoked key, an ended session, another role, a disabled account', async () => {
    const { id, key } = await keyOfService('revoked');
    const [leaving, promoted, disabled] = [await signUp(test), await signUp(test), await signUp(test)];
    const clients: Client[] = [await connect(test, { key })];
    for (const person of [leaving, promoted, disabled])
      clients.push(await connect(test, { key: null, headers: bearer(person) }));
    const byOne = await connect(test, byTicket(await newTicket(bearer(leaving))));
    clients.push(byOne);
    const staying = await connect(test, { key: null, headers: bearer(ada) });
    // A stream of server-sent events as well: its access token is good for minutes.
    const stream = await fetch(`${test.api.url}/api/v1/live?topic=inventory:A`, { headers: bearer(leaving) });
    expect(stream.status).toBe(200);

    await revokeKey(test.db, { id, actor: 'a test' });
    expect((await asPerson(test, leaving, 'POST', '/auth/logout-all')).status).toBe(204);
    await changeRights(test.db, promoted.id, { role: 'operator', actor: 'a test' });
    await changeRights(test.db, disabled.id, { status: 'disabled', actor: 'a test' });
    expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual([4401, 4401, 4401, 4401, 4401]);
    await stream.text();
    expect(staying.socket.readyState).toBe(staying.socket.OPEN);
    await staying.leave();
    await waitFor(async () =>
      /^holdfast_websockets_ended_total\{.*how="signed_out".*\} 5$/m.test(
        (await test.call('GET', '//metrics')).text,
      ),
    );
  });

  it('is told no more of what is not theirs any more', async () => {
    const { orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
    await test.db.pool.query('update orders set customer_id = $2 where id = $1', [orderId, ada.id]);
    const client = await connect(test, { key: null, headers: bearer(ada) });
    client.follow(`orders:${orderId}`);
    await client.hears(({ type }) => type === 'subscribed');
    await test.db.pool.query('update orders set customer_id = $2 where id = $1', [orderId, newId()]);
    const told = await client.hears(({ type }) => type === 'error');
    expect(told).toMatchObject({ topic: `orders:${orderId}`, code: 'NOT_FOUND' });
    await client.leave();
  });
});
