import type { WebhookWithSecret } from '../../domain/webhooks/types';
import { createWebhookSender } from '../../integrations/webhook-sender/sender';
import { allowedNetworks } from '../../integrations/webhook-sender/address';
import type { WebhookDispatcherInput } from '../../workflows/contract/messages';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { openStackApi, type StackApi } from '../api/stack-api';
import { keepHistory } from '../replay/record';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { namesOf, RECEIVER_CA, startReceiver, type Receiver } from '../webhooks/receiver';

let api: StackApi;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await startReceiver();
  api = await openStackApi({
    settings: { PAYLOAD_KEYS: [`test=${Buffer.alloc(32, 5).toString('base64')}`] },
    integrations: (made) => ({
      ...made,
      sendWebhook: createWebhookSender({
        allowed: allowedNetworks(['127.0.0.1']),
        timeoutMs: 5_000,
        ca: RECEIVER_CA,
        addressesOf: namesOf(),
      }),
    }),
  });
});
afterAll(async () => {
  await api.stack.stop();
  await receiver.close();
});
afterEach(() => expectInvariants(api.stack.db));

const types = () => receiver.received.map(({ body }) => (JSON.parse(body) as { type: string }).type);

test('what happens to an order comes to a webhook, and no order waits for it', async () => {
  const { client } = api.stack.temporal;
  const { names } = api.stack;
  const input: WebhookDispatcherInput = { roundsPerRun: 3 };
  const first = await client.workflow.start(WORKFLOW_TYPES.webhookDispatcher, {
    workflowId: names.webhookDispatcherWorkflowId,
    taskQueue: names.jobsQueue,
    args: [input],
  });
  const made = await api.call('POST', '/webhooks', {
    body: { url: receiver.url, types: ['order.*', 'payment.captured'] },
  });
  expect(made.status).toBe(201);
  const { secret, id } = JSON.parse(made.text) as WebhookWithSecret;
  expect(secret).toMatch(/^whsec_/);
  const sku = await api.newSku(5);
  // The receiver is away at first: the order goes on.
  let away = 3;
  receiver.answer = (res) => res.writeHead((away -= 1) >= 0 ? 503 : 200).end();
  const placed = await api.place({
    customerId: 'c-1',
    items: [{ sku, quantity: 1 }],
    payment: { method: 'card', token: 'tok_ok' },
  });
  expect(placed.status).toBe(201);
  await waitFor(() => {
    const seen = new Set(types());
    return seen.has('order.placed') && seen.has('payment.captured') && seen.has('order.fulfilled');
  });
  await waitFor(async () => {
    const { text } = await api.call('GET', `/webhooks/${id}/deliveries?status=pending`);
    return (JSON.parse(text) as { items: unknown[] }).items.length === 0;
  });
  const runs = client.workflow.getHandle(first.workflowId, first.firstExecutionRunId);
  for (let n = 0; n < 5; n++) await client.workflow.getHandle(first.workflowId).signal('webhooksReady');
  await waitFor(async () => {
    await client.workflow.getHandle(first.workflowId).signal('webhooksReady');
    return (await runs.describe()).status.name === 'CONTINUED_AS_NEW';
  });
  await keepHistory(runs, 'webhook-dispatcher');
  expect((await client.workflow.getHandle(first.workflowId).describe()).status.name).toBe('RUNNING');
});

test('a dispatcher that was ended by hand is started by the next event', async () => {
  const { client } = api.stack.temporal;
  const id = api.stack.names.webhookDispatcherWorkflowId;
  await client.workflow.getHandle(id).terminate();
  const before = receiver.received.length;
  const sku = await api.newSku(5);
  await api.place({ customerId: 'c-1', items: [{ sku, quantity: 1 }] });
  await waitFor(() => receiver.received.length > before);
  expect((await client.workflow.getHandle(id).describe()).status.name).toBe('RUNNING');
});

test('a webhook is listed, changed, given another secret, told again, and removed; what is wrong is refused', async () => {
  const { text } = await api.call('POST', '/webhooks', {
    body: { url: 'https://shop.example/hook', types: ['stock.*'], description: 'the shop' },
  });
  const { id, secret } = JSON.parse(text) as WebhookWithSecret;
  const read = await api.call('GET', `/webhooks/${id}`);
  expect(read.body).toMatchObject({
    url: 'https://shop.example/hook',
    disabled: null,
    description: 'the shop',
  });
  expect(read.text).not.toContain(secret);
  expect((await api.call('GET', '/webhooks')).text).not.toContain('whsec_');
  const changed = await api.call('PUT', `/webhooks/${id}`, {
    body: { url: 'https://shop.example/other', types: ['stock.ship'], enabled: false },
  });
  expect(changed.body).toMatchObject({
    url: 'https://shop.example/other',
    disabled: 'by_hand',
    description: null,
  });
  const rotated = await api.call('POST', `/webhooks/${id}/rotate-secret`, { body: { overlapSeconds: 60 } });
  expect(JSON.parse(rotated.text)).toMatchObject({ secret: expect.stringMatching(/^whsec_/) as string });
  expect(rotated.headers.get('cache-control')).toBe('no-store');
  expect((await api.call('POST', `/webhooks/${id}/redeliver`, { body: { from: 1, to: 1 } })).status).toBe(
    200,
  );
  expect((await api.call('POST', `/webhooks/${id}/redeliver`, { body: { from: 2, to: 1 } })).status).toBe(
    422,
  );
  expect(
    (await api.call('POST', `/webhooks/${id}/redeliver`, { body: { from: 1, to: 10_001 } })).status,
  ).toBe(422);
  for (const body of [
    { url: 'http://shop.example/', types: ['stock.*'] },
    { url: 'https://10.0.0.1/', types: ['stock.*'] },
    { url: 'https://shop.example/', types: [] },
    { url: 'https://shop.example/', types: ['stock.nothing'] },
    { url: 'https://shop.example/', types: ['stock.*'], unknown: 1 },
  ])
    expect((await api.call('POST', '/webhooks', { body })).status).toBe(422);
  expect((await api.call('DELETE', `/webhooks/${id}`)).status).toBe(204);
  const { rows } = await api.stack.db.pool.query<{ text: string }>(
    `select concat(before, after) as text from audit_log where subject_type = 'webhook'`,
  );
  expect(rows.length).toBeGreaterThanOrEqual(5);
  expect(rows.filter(({ text }) => text.includes('whsec_'))).toEqual([]);
  expect((await api.call('GET', `/webhooks/${id}`)).status).toBe(404);
  expect((await api.call('GET', `/webhooks/${id}/deliveries`)).status).toBe(404);
  expect((await api.call('DELETE', `/webhooks/${id}`)).status).toBe(404);
});
