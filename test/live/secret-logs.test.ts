import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { createKey } from '../../domain/identity/keys';
import { signUp, type Person } from '../api/people-api';
import { openTestApi, type TestApi } from '../api/support';
import { recordingLines } from '../support/recording-logger';
import { waitFor } from '../support/wait';
import { connect, refused } from './client';

const { log, lines } = recordingLines();
const PROTOCOL = 'holdfast.v1';
let test: TestApi;
let ada: Person;
beforeAll(async () => {
  test = await openTestApi({ log, env: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64') } });
  ada = await signUp(test);
});
afterAll(() => test.close());

async function newTicket(headers: Record<string, string>): Promise<string> {
  const { status, text } = await test.call('POST', '/ws/tickets', { key: null, headers });
  expect(status).toBe(201);
  return (JSON.parse(text) as { ticket: string }).ticket;
}

/** What a client sends by hand, until the connection ends. */
async function sendRaw(text: string): Promise<void> {
  const socket = connectTcp(Number(new URL(test.api.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.end(text);
  socket.resume();
  await once(socket, 'close');
}

it('no line shows a ticket, a token or a key of a socket, wherever a client puts it and whatever goes wrong', async () => {
  const { key } = await createKey(test.db, {
    service: 'a shop',
    role: 'service',
    scopes: ['orders:all'],
    kind: 'live',
    label: null,
    expiresInSeconds: null,
    actor: 'a test',
  });
  const bearer = { authorization: `Bearer ${ada.accessToken}` };
  const [good, unused, lost] = [
    await newTicket(bearer),
    await newTicket(bearer),
    await newTicket({ 'x-api-key': key }),
  ];
  const secrets = [good, unused, lost, ada.accessToken, key];

  // As it should be, used twice, and where it does not belong.
  const byTicket = { key: null, protocols: [PROTOCOL, `ticket.${good}`] };
  const client = await connect(test, byTicket);
  expect(await refused(test, byTicket)).toMatchObject({ status: 401 });
  expect(await refused(test, { key: null, headers: bearer, protocols: [`ticket.${unused}`] })).toMatchObject({
    status: 401,
  });
  expect(await refused(test, { path: `/ws?ticket=${unused}` })).toMatchObject({ status: 422 });
  expect(await refused(test, { path: `/api/v1/ws?access_token=${ada.accessToken}` })).toMatchObject({
    status: 422,
  });
  expect(await refused(test, { path: `/api/v1/ws/${unused}` })).toMatchObject({ status: 404 });
  expect(await test.call('GET', `/live?topic=${unused}`)).toMatchObject({ status: 422 });
  for (const message of [
    { type: 'subscribe', topic: `jobs:${unused}` },
    { type: 'subscribe', topic: 'alerts', after: unused },
    { type: 'ticket', ticket: unused, token: ada.accessToken },
    `ticket.${unused}`,
  ])
    client.send(message);
  await waitFor(() => client.said.filter(({ type }) => type === 'error').length === 4);
  // What is no message, with it inside.
  client.send(`${unused} ${key} `.repeat(100));
  expect(await client.closed).toBe(1009);
  const { port } = new URL(test.api.url);
  const head = `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
  await sendRaw(
    `${head}Sec-WebSocket-Protocol: ${PROTOCOL}, ticket.${unused}\r\nSec-WebSocket-Key: ${unused}\r\n\r\n`,
  );
  await sendRaw(`${head}Authorization Bearer ${ada.accessToken}\r\n\r\n`);
  // Our own error, while it is looked up.
  await test.db.pool.query('alter table live_tickets rename to live_tickets_away');
  expect(await refused(test, { key: null, protocols: [PROTOCOL, `ticket.${lost}`] })).toMatchObject({
    status: 500,
  });
  expect(await test.call('POST', '/ws/tickets', { key: null, headers: bearer })).toMatchObject({
    status: 500,
  });
  await test.db.pool.query('alter table live_tickets_away rename to live_tickets');

  await waitFor(() => lines.some((line) => line.includes('live_tickets')));
  expect(lines.length).toBeGreaterThan(10);
  for (const secret of secrets) expect(lines.filter((line) => line.includes(secret))).toEqual([]);
});
