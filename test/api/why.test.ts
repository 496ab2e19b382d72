import { PassThrough } from 'node:stream';
import { createOutput } from '../../cli/output';
import { listAttention, runWhy } from '../../cli/why';
import type { Explanation, WhySubject } from '../../domain/administration/why/types';
import { createCallerRunJob, failJob } from '../../domain/jobs/jobs';
import { readSettings } from '../../platform/config';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { scratchFolder, temporalAddress } from '../support/servers';
import { waitFor } from '../support/wait';
import { openStackApi, type StackApi } from './stack-api';
import { NOWHERE, order } from './support';

let test: StackApi;
let home: string;
beforeAll(async () => {
  test = await openStackApi({ settings: { REVIEW_FROM: ['USD:5000'], REVIEW_SECONDS: 3_600 } });
  home = await scratchFolder('home');
});
afterEach(() => expectInvariants(test.stack.db));
afterAll(() => test.stack.stop());

const settings = (env: NodeJS.ProcessEnv = {}) =>
  readSettings({
    DATABASE_URL: test.stack.databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress(),
    HOLDFAST_HOME: home,
    LOG_LEVEL: 'silent',
    ...env,
  });

function recording(isJson: boolean) {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { output: createOutput(stream, () => isJson), text: () => text };
}

/** As its user runs it, as text; and the same as JSON, which says the same. */
async function why(type: WhySubject, id: string, env: NodeJS.ProcessEnv = {}) {
  const asText = recording(false);
  const code = await runWhy(settings(env), { type, id }, asText.output, test.stack.names);
  const asJson = recording(true);
  expect(await runWhy(settings(env), { type, id }, asJson.output, test.stack.names)).toBe(code);
  const json = JSON.parse(asJson.text()) as Explanation & { workflow: { state: string } | null };
  for (const { why: words, next } of json.waiting)
    for (const each of [words, next]) expect(asText.text()).toContain(each);
  expect(asText.text()).not.toMatch(/undefined|\bnull\b|NaN/);
  return { code, text: asText.text(), json };
}

async function placed(quantity: number, token?: string): Promise<{ id: string; sku: string }> {
  const sku = await test.newSku(10);
  const payment = token === undefined ? {} : { payment: { method: 'card', token } };
  const { body } = await test.place({ ...order(sku, quantity), ...payment });
  return { id: body.id, sku };
}

const post = (path: string, body: object = {}) =>
  test.call('POST', path, { body, headers: { 'idempotency-key': newId() } });

describe('holdfast why order', () => {
  it('says what an order waits for, from its rows, its history and its workflow', async () => {
    const { id, sku } = await placed(2);
    const { code, text, json } = await why('order', id.toUpperCase());
    expect(code).toBe(0);
    expect(text).toMatch(
      /^The order is reserved\. Waiting for payment until \d{4}-.*, when the reservation expires\./,
    );
    expect(text).toContain(`2 × ${sku}: 2 reserved (2 at AMS).`);
    expect(text).toContain('It runs.');
    expect(text).toMatch(/What happened last[\s\S]*placed/);
    expect(json).toMatchObject({
      subject: { type: 'order', id },
      waiting: [],
      workflow: { state: 'running' },
    });
    expect(json.next).toContain(`PUT /api/v1/admin/orders/${id}/status {"status": "cancelled"}`);
  });

  it('tells that it waits for a person, with the commands that end it', async () => {
    const { id } = await placed(5, 'tok_ok');
    await waitFor(async () => (await why('order', id)).code === 1);
    const { text, json } = await why('order', id);
    expect(text).toMatch(/Waiting for its review until/);
    expect(text).toMatch(/Waits for a person\n\n {2}review_open/);
    expect(json.waiting).toMatchObject([{ kind: 'review_open' }]);
    expect(text).toContain(`holdfast order review ${id} --decision approve`);
    await post(`/orders/${id}/review`, { decision: 'reject' });
    await waitFor(async () => (await why('order', id)).code === 0);
    expect((await why('order', id)).text).toMatch(/^The order is cancelled/);
  });

  it('tells that its workflow is gone although something is left to do; where Temporal is away it says the rest', async () => {
    const { id } = await placed(1);
    await test.terminate(id);
    await waitFor(async () => (await why('order', id)).code === 1);
    const { text, json } = await why('order', id);
    expect(json).toMatchObject({ waiting: [], workflow: { state: 'gone', isWrong: true } });
    expect(text).toContain('the reconciler starts it again from the rows');
    const away = await why('order', id, { TEMPORAL_ADDRESS: NOWHERE });
    expect(away).toMatchObject({ code: 0, json: { workflow: { state: 'unknown' } } });
    expect(away.text).toContain('Temporal was not asked');
    expect(away.text).toContain('Waiting for payment until');
    await test.call('POST', `/orders/${id}/cancel`, { body: {} });
  });
});

describe('holdfast why', () => {
  it('of a product tells its places, who keeps its units, and its ledger', async () => {
    const { id, sku } = await placed(3);
    const { code, text, json } = await why('sku', sku);
    expect(code).toBe(0);
    expect(text).toContain(`${sku} (${sku}): 10 on hand, 3 reserved, 7 can be ordered.`);
    expect(text).toContain('AMS: 10 on hand, 3 reserved, 7 available.');
    expect(text).toContain(`The order ${id} (reserved) keeps 3.`);
    expect(text).toMatch(/opening +AMS {2}on hand \+10, reserved 0/);
    expect(text).toMatch(/reserve +AMS {2}on hand 0, reserved \+3/);
    expect(json.history.map(({ type }) => type)).toEqual(['opening', 'reserve']);
    expect(json.next).toContain(`holdfast why order ${id}`);
  });

  it('of a reservation without an order tells when it ends and how', async () => {
    const sku = await test.newSku(5);
    const { body } = await post('/reservations', { items: [{ sku, quantity: 2 }] });
    const { code, text, json } = await why('reservation', body.id);
    expect(code).toBe(0);
    expect(text).toMatch(/^The reservation is pending: its units are kept until .* unless it is confirmed\./);
    expect(text).toContain(`2 × ${sku} (2 at AMS): 2 still reserved.`);
    expect(json.next).toContain(`POST /api/v1/reservations/${body.id}/release`);
    await post(`/reservations/${body.id}/release`);
    expect((await why('reservation', body.id)).text).toMatch(/^The reservation was released/);
  });

  it('of a reservation of an order points to the order', async () => {
    const { id } = await placed(1);
    const { body } = await test.call('GET', `/orders/${id}`);
    const reservation = (body.reservation as unknown as { id: string }).id;
    const { json } = await why('reservation', reservation);
    expect(json.next).toContain(`holdfast why order ${id}`);
    expect(json.because[0]).toBe(`It is of the order ${id}, whose saga looks after it.`);
  });

  it('of a payment tells what the gateway said, its refunds, and that one of them waits for a person', async () => {
    const { id } = await placed(2, 'tok_refund_fails');
    await waitFor(async () => (await test.status(id)) === 'fulfilled');
    const { body } = await test.call('GET', `/orders/${id}`);
    expect(await why('payment', body.payment.id)).toMatchObject({ code: 0 });
    await post(`/orders/${id}/refunds`, { amountMinor: 700, reason: 'damaged' });
    await waitFor(async () => (await why('payment', body.payment.id)).code === 1);
    const { text, json } = await why('payment', body.payment.id);
    expect(text).toMatch(/^The payment .* of 20\.00 USD is captured; 20\.00 USD captured\./);
    expect(text).toMatch(/The refund .* of 7\.00 USD is failed; .*damaged.*the card account is closed/);
    expect(json.waiting).toMatchObject([{ kind: 'refund_failed', subject: { id } }]);
  });

  it('of a job tells why it failed, until somebody has seen that', async () => {
    const { db } = test.stack;
    const id = newId();
    await createCallerRunJob(db, { id, type: 'consistency', input: {}, actor: 'test' });
    expect((await why('job', id)).text).toMatch(/^The job \(consistency\) waits for a worker/);
    await failJob(db, id, { code: 'DISK_FULL', detail: 'No space is left.' });
    const failed = await why('job', id);
    expect(failed.code).toBe(1);
    expect(failed.text).toMatch(/^The job \(consistency\) failed after .*: DISK_FULL\. No space is left\./);
    await post(`/admin/jobs/${id}/acknowledge`, { note: 'added a disk' });
    const seen = await why('job', id);
    expect(seen.code).toBe(0);
    expect(seen.text).toMatch(/has seen it at .*: added a disk/);
  });

  it.each(['order', 'reservation', 'payment', 'job', 'sku'] as const)(
    'of %s that there is not says so',
    async (type) => {
      await expect(why(type, newId())).rejects.toMatchObject({ code: 'NOT_FOUND' });
      if (type === 'sku') return;
      await expect(runWhy(settings(), { type, id: 'no id' }, recording(false).output)).rejects.toMatchObject({
        code: 'VALIDATION_FAILED',
      });
    },
  );
});

it('holdfast attention lists what waits and says by its exit code whether something does', async () => {
  const list = async (kind: 'job_failed' | undefined, isJson: boolean) => {
    const { output, text } = recording(isJson);
    return { code: await listAttention(settings(), { kind, limit: 10 }, output), text: text() };
  };
  expect(await list('job_failed', false)).toEqual({ code: 0, text: 'Nothing waits for a person.\n' });
  expect(await list('job_failed', true)).toEqual({ code: 0, text: '{"items":[],"more":false}\n' });
  const id = newId();
  await createCallerRunJob(test.stack.db, { id, type: 'consistency', input: {}, actor: 'test' });
  await failJob(test.stack.db, id, { code: 'X', detail: 'Y.' });
  const told = await list('job_failed', false);
  expect(told.code).toBe(1);
  expect(told.text).toContain(`job_failed  job ${id}  since `);
  expect(told.text).toContain(`holdfast why job ${id}`);
  await post(`/admin/jobs/${id}/acknowledge`);
});
