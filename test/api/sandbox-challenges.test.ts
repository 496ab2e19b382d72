import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import type { ChargeOutcome, ChargeRequest, ClosableGateway } from '../../domain/payments/gateway';
import { CAPTURED_NOW } from '../payments/charge-terms';
import { insertOrder, insertPayment } from '../payments/orders';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
let elsewhere: TestApi;
let gateway: ClosableGateway;

beforeAll(async () => {
  test = await openTestApi();
  elsewhere = await openTestApi({
    shop: test,
    env: { PAYMENT_GATEWAY: 'stripe', STRIPE_API_KEY: 'sk_test_1' },
  });
  gateway = openGateway();
});
afterAll(async () => {
  await gateway.close();
  await elsewhere.close();
  await expectInvariants(test.db);
  await test.close();
});

function openGateway(): ClosableGateway {
  return createSandboxGateway({
    url: test.url,
    log: testLogger(),
    callTimeoutMs: 5_000,
    slowMs: 60_000,
    pagesUrl: test.api.url,
  });
}

const RETURN_URL = 'https://shop.example/thanks?order=1&b="><script>';

/** A payment that waits for its customer, and the address that it names. */
async function waiting(changes: Partial<ChargeRequest> = {}, at: ClosableGateway = gateway) {
  const order = await insertOrder(test.db);
  const paymentId = await insertPayment(test.db, order, { token: 'tok_3ds_abandoned' });
  await test.db.pool.query(
    `update payments set next_try_at = clock_timestamp() + interval '1 day' where id = $1`,
    [paymentId],
  );
  const charge: ChargeRequest = {
    ...CAPTURED_NOW,
    paymentId,
    orderId: order.orderId,
    amountMinor: 5_000,
    currency: 'USD',
    method: 'card',
    token: 'tok_3ds_abandoned',
    gatewayRef: null,
    ...changes,
  };
  const outcome = await at.charge(charge);
  if (outcome.status !== 'requires_action') throw new Error(`it was ${outcome.status}`);
  const { url } = outcome.nextAction;
  return { charge, url, path: new URL(url).pathname };
}

/** As a browser does it: redirects are not followed, so that they can be looked at. */
async function call(method: string, path: string, headers: Record<string, string> = {}, { api } = test) {
  const sent = request(new URL(path, api.url), { method, headers });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

/** Where the page's button leads to. */
function actionOf(page: string, answer: string, url: string): string {
  const action = new RegExp(`action="([^"]*${answer})"`).exec(page)?.[1];
  return new URL(action ?? '', url).pathname;
}

async function isDue({ paymentId }: ChargeRequest): Promise<boolean | undefined> {
  const { rows } = await test.db.pool.query<{ due: boolean }>(
    'select next_try_at is null as due from payments where id = $1',
    [paymentId],
  );
  return rows[0]?.due;
}

const found = (charge: ChargeRequest): Promise<ChargeOutcome | null> => gateway.find(charge);

describe('the page of a payment that waits for its customer', () => {
  it('shows the amount and both buttons, and is kept, framed and scripted by nobody', async () => {
    const { path } = await waiting({ amountMinor: 123_456 });
    const page = await call('GET', path);
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['cache-control']).toBe('no-store');
    expect(page.headers['x-content-type-options']).toBe('nosniff');
    expect(page.headers['referrer-policy']).toBe('same-origin');
    const policy = page.headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("form-action 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/script|unsafe|\*/);
    expect(page.body).toMatch(/USD\s1,234\.56/);
    expect(page.body.match(/<button>/g)).toHaveLength(2);
    expect(page.body).not.toContain('<script');
  });

  it.each([
    ['JPY', 500, /JPY\s500\b/],
    ['KWD', 1_230, /KWD\s1\.230\b/],
  ])('counts an amount as %s is counted', async (currency, amountMinor, shown) => {
    const { path } = await waiting({ currency, amountMinor });
    expect((await call('GET', path)).body).toMatch(shown);
  });

  it.each([
    ['authenticate', { status: 'captured' }, /paid/],
    [
      'refuse',
      { status: 'declined', declineCode: 'authentication_failed' },
      /declined \(authentication_failed\)/,
    ],
  ])('takes %s, tells Holdfast, and says what became of it', async (answer, end, words) => {
    const { path, url, charge } = await waiting();
    const action = actionOf((await call('GET', path)).body, answer, url);
    for (let n = 0; n < 2; n++) {
      const answered = await call('POST', action, {
        origin: test.api.url,
        'content-type': 'application/x-www-form-urlencoded',
      });
      expect(answered.status).toBe(303);
      expect(new URL(answered.headers.location ?? '', new URL(action, url)).href).toBe(url);
    }
    expect(await found(charge)).toMatchObject(end);
    expect(await isDue(charge)).toBe(true);
    const page = await call('GET', path);
    expect(page.body).toMatch(words);
    expect(page.body).not.toContain('<form');
  });

  it('leads back to the shop where it has an address, and lets a browser do so', async () => {
    const { path, url, charge } = await waiting({ returnUrl: RETURN_URL, captureLater: true });
    const page = await call('GET', path);
    expect(page.headers['content-security-policy']).toContain("form-action 'self' https://shop.example;");
    const answered = await call('POST', actionOf(page.body, 'authenticate', url));
    expect(answered).toMatchObject({ status: 303, headers: { location: new URL(RETURN_URL).href } });
    expect(answered.headers['cache-control']).toBe('no-store');
    expect(await found(charge)).toMatchObject({ status: 'authorized' });
    const after = await call('GET', path);
    expect(after.body).toContain('authorised');
    // The address is not kept.
    expect(after.body).not.toContain('shop.example');
  });

  it('shows the way back to the shop to a customer who had authenticated by itself', async () => {
    // Closed before the customer acts: whichever of the gateway and the page finds out first is given the address.
    const closed = openGateway();
    const { path } = await waiting({ returnUrl: RETURN_URL }, closed);
    await closed.close();
    await test.db.pool.query(
      `update sandbox_gateway.charges set acts_at = clock_timestamp() where '/sandbox/3ds/' || ref = $1`,
      [path],
    );
    const { body } = await call('GET', path);
    expect(body).toContain('paid.');
    expect(body).toContain('href="https://shop.example/thanks');
    expect(body).not.toContain('<script');
  });

  it.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'not an address',
    'https://shop;script-src.example/',
    'https://user:secret@shop.example/',
  ])('does not lead to %s', async (returnUrl) => {
    const { path, url } = await waiting({ returnUrl });
    const page = await call('GET', path);
    expect(page.headers['content-security-policy']).toContain("form-action 'self';");
    const answered = await call('POST', actionOf(page.body, 'authenticate', url));
    expect(answered.headers.location).toMatch(/^\.\.\/sandbox_ch_/);
    expect((await call('GET', path)).body).not.toContain('<a');
  });

  it('takes nothing from pages of other sites, by the browser of whoever is on them', async () => {
    const { path, charge } = await waiting();
    const foreign: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ];
    for (const headers of foreign) {
      const answered = await call('POST', `${path}/authenticate`, headers);
      expect({ status: answered.status, body: answered.body }).toMatchObject({
        status: 403,
        body: expect.stringContaining('CROSS_SITE_REQUEST') as string,
      });
    }
    expect(await found(charge)).toMatchObject({ status: 'requires_action' });
    const own = { 'sec-fetch-site': 'same-origin', origin: 'https://behind.a.proxy' };
    expect((await call('POST', `${path}/authenticate`, own)).status).toBe(303);
    // A shop sends the customer to it from another site.
    expect((await call('GET', path, { 'sec-fetch-site': 'cross-site' })).status).toBe(200);
  });

  it('is there for what the sandbox has open where another gateway takes payments, and for nothing else', async () => {
    const { path } = await waiting();
    expect((await call('GET', path, {}, elsewhere)).status).toBe(200);
    expect((await call('POST', `${path}/refuse`, {}, elsewhere)).status).toBe(303);
    expect((await call('GET', path)).status).toBe(200);
    for (const method of ['GET', 'POST'])
      expect(
        (await call(method, method === 'GET' ? path : `${path}/authenticate`, {}, elsewhere)).status,
      ).toBe(404);
  });

  it('is not there for a payment that there is not', async () => {
    const none = '/sandbox/3ds/sandbox_ch_00000000-0000-4000-8000-000000000000';
    const { path } = await waiting();
    for (const [method, address] of [
      ['GET', none],
      ['POST', `${none}/authenticate`],
      ['GET', '/sandbox/3ds/x'],
      ['POST', `${path}/other`],
    ] as const)
      expect((await call(method, address)).status).toBe(404);
  });
});
