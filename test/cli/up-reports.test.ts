import { request, type ClientRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { callApi } from '../api/support';
import { waitFor } from '../support/wait';
import { ensureBuilt } from './build';
import { createHome, expectStopped, READY, type DevFile, type Home } from './home';

/** Two stages: one of them falls due while the API stops, on a slow machine too. */
const STAGE_MS = 3_000;

let home: Home;
beforeAll(async () => {
  await ensureBuilt();
  home = await createHome();
});
afterEach(() => home.close());

/** A request whose body is not complete: the API waits for it before it has stopped. */
function openRequest({ baseUrl, adminApiKey }: DevFile): ClientRequest {
  const open = request(`${baseUrl}/api/v1/orders`, {
    method: 'POST',
    headers: { 'X-Api-Key': adminApiKey, 'Content-Type': 'application/json', 'Content-Length': 2 },
  });
  open.write('{');
  return open;
}

test('what a parcel comes to while the API of the same process stops is reported after the next start, and nothing warns', async () => {
  const before = home.up(['--no-demo'], { SANDBOX_CARRIER_DELAY_MS: String(STAGE_MS) });
  await before.says(READY);
  const dev = await home.devFile();
  const placed = await callApi(dev.baseUrl, 'POST', '/orders', {
    key: dev.adminApiKey,
    body: {
      items: [{ sku: 'LAPTOP-001', quantity: 1 }],
      customerId: 'c-1',
      payment: { method: 'card', token: 'tok_ok' },
    },
  });
  expect(placed.status).toBe(201);
  const { id } = placed.body;
  const order = async ({ baseUrl, adminApiKey: key }: DevFile) =>
    (await callApi(baseUrl, 'GET', `/orders/${id}`, { key })).body;
  await waitFor(async () => (await order(dev)).shipments.length === 1);

  const open = openRequest(dev);
  const responded = new Promise((resolve, reject) => {
    open.once('response', (response) => resolve(response.resume().statusCode));
    open.once('error', reject);
  });
  before.kill('SIGTERM');
  await before.says('Stopping');
  await delay(STAGE_MS + 1_000);
  open.end('}');
  expect(await responded).toBe(422);
  expectStopped(await before.ended);

  const after = home.up(['--no-demo'], { SANDBOX_CARRIER_DELAY_MS: String(STAGE_MS) });
  await after.says(READY);
  const again = await home.devFile();
  await waitFor(async () => (await order(again)).status === 'fulfilled');
  after.kill('SIGTERM');
  expectStopped(await after.ended);
});
