import { request as httpRequest } from 'node:http';
import { newId } from '../../platform/ids';
import { openTestApi, order, type TestApi } from './support';
import { AS_ADMIN } from '../support/access-keys';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi({ env: { REQUEST_BODY_SECONDS: '2' } });
});
afterAll(() => test.close());

function expectProblem(
  reply: { status: number; headers: Headers; body: unknown },
  status: number,
  code: string,
): void {
  expect(reply.body).toMatchObject({ status, code, instance: reply.headers.get('x-request-id') });
  expect(reply.status).toBe(status);
  expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(JSON.stringify(reply.body)).not.toMatch(/\bat .*\.[jt]s|node_modules|select |insert |update /);
}

describe('errors', () => {
  it('responds to malformed JSON with 400', async () => {
    for (const raw of ['{"items": [', '{', "{'a': 1}", 'undefined', '\u0000']) {
      expectProblem(await test.call('POST', '/orders', { raw }), 400, 'MALFORMED_JSON');
    }
  });

  it('responds to JSON that is no object with 422', async () => {
    for (const raw of ['null', '"order"', '[]', '7']) {
      expectProblem(await test.call('POST', '/orders', { raw }), 422, 'VALIDATION_FAILED');
    }
  });

  it('names a thousand of the members that it does not know, however many come', async () => {
    const body = Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`x${n}`, 0]));
    const reply = await test.call('POST', '/auth/login', { key: null, body });
    expectProblem(reply, 422, 'VALIDATION_FAILED');
    expect(reply.body.errors).toHaveLength(1_000);
  });

  it('responds to a missing body with 422', async () => {
    expectProblem(await test.call('POST', '/orders'), 422, 'VALIDATION_FAILED');
  });

  it('responds to a body of 2 MB with 413', async () => {
    const body = { ...order('A', 1), note: 'x'.repeat(2 * 1024 * 1024) };
    expectProblem(await test.call('POST', '/orders', { body }), 413, 'PAYLOAD_TOO_LARGE');
    // The connection was not cut: the next request on it is answered.
    expect((await test.call('GET', '/products')).status).toBe(200);
  });

  it('responds to a body of 2 MB that comes in chunks, without a length, with 413', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = httpRequest(
        `${test.api.url}/api/v1/orders`,
        { method: 'POST', headers: { ...AS_ADMIN, 'content-type': 'application/json' } },
        (response) => {
          response.resume();
          response.once('end', () => resolve(response.statusCode));
        },
      );
      sent.once('error', reject);
      for (let n = 0; n < 32; n++) sent.write(' '.repeat(64 * 1024));
      sent.end('{}');
    });
    expect(status).toBe(413);
  });

  it('responds to a body that does not come in time with 408, and closes the connection', async () => {
    const { status, headers, text } = await new Promise<{
      status: number | undefined;
      headers: Headers;
      text: string;
    }>((resolve, reject) => {
      const sent = httpRequest(
        `${test.api.url}/api/v1/orders`,
        {
          method: 'POST',
          headers: { ...AS_ADMIN, 'content-type': 'application/json', 'content-length': '100' },
        },
        (response) => {
          const headers = new Headers(response.headers as Record<string, string>);
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.once('end', () => resolve({ status: response.statusCode, headers, text }));
        },
      );
      sent.once('error', reject);
      sent.write('{"items":');
    });
    expectProblem({ status: status ?? 0, headers, body: JSON.parse(text) }, 408, 'REQUEST_TIMEOUT');
    expect(headers.get('connection')).toBe('close');
  });

  it('responds to a body that is not JSON with 415', async () => {
    const headers = { 'content-type': 'text/plain' };
    expectProblem(
      await test.call('POST', '/orders', { raw: 'hello', headers }),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    );
    const encoded = { 'content-type': 'application/json', 'content-encoding': 'holdfast' };
    expectProblem(
      await test.call('POST', '/orders', { raw: '{}', headers: encoded }),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    );
  });

  it('responds to what is not there with 404', async () => {
    for (const path of [
      '/nothing',
      `/orders/${newId()}`,
      '/orders/not-a-uuid',
      '/products/NOPE',
      '/inventory/NOPE',
    ]) {
      expectProblem(await test.call('GET', path), 404, 'NOT_FOUND');
    }
    for (const path of [
      `/orders/${newId()}/status`,
      `/orders/${newId()}/events`,
      `/orders/${newId()}/sourcing`,
    ]) {
      expectProblem(await test.call('GET', path), 404, 'NOT_FOUND');
    }
    expectProblem(await test.call('GET', '/products/%00'), 404, 'NOT_FOUND');
  });

  it('responds to a path that cannot be decoded with 400', async () => {
    expectProblem(await test.call('GET', '/products/%E0%A4%A'), 400, 'BAD_REQUEST');
  });

  it('responds to another method with 405 and says which are allowed', async () => {
    const reply = await test.call('DELETE', '/orders');
    expectProblem(reply, 405, 'METHOD_NOT_ALLOWED');
    expect(reply.headers.get('allow')).toBe('POST, GET, HEAD, OPTIONS');
    expectProblem(await test.call('POST', '//health'), 405, 'METHOD_NOT_ALLOWED');
    const options = await test.call('OPTIONS', `/orders/${newId()}/cancel`);
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST, PUT, OPTIONS']);
  });

  it('responds to list parameters that break a rule with 422 and names them', async () => {
    const queries = ['limit=0', 'limit=101', 'limit=abc', 'limit=', 'limit=1.5', 'offset=-1', 'cursor=abc'];
    for (const query of [...queries, 'status=lost', 'from=yesterday', 'limit=1&limit=2']) {
      const reply = await test.call('GET', `/orders?${query}`);
      expectProblem(reply, 422, 'VALIDATION_FAILED');
      expect(reply.body.errors[0]?.path).toBe(query.split('=')[0]);
    }
  });

  it('responds to a cursor of another list with 422', async () => {
    const cursor = Buffer.from(JSON.stringify({ sku: 'A' })).toString('base64url');
    expect((await test.call('GET', `/products?cursor=${cursor}`)).status).toBe(200);
    expectProblem(await test.call('GET', `/orders?cursor=${cursor}`), 422, 'VALIDATION_FAILED');
    expectProblem(await test.call('GET', `/warehouses?cursor=${cursor}`), 422, 'VALIDATION_FAILED');
  });

  it('says neither stack nor SQL when something of ours is broken', async () => {
    await test.db.pool.query('alter table products rename to products_away');
    try {
      expectProblem(await test.call('GET', '/products'), 500, 'INTERNAL');
    } finally {
      await test.db.pool.query('alter table products_away rename to products');
    }
  });
});

describe('requests', () => {
  it('echoes a valid request id and makes one otherwise', async () => {
    const id = async (given?: string) => {
      const headers: Record<string, string> = given === undefined ? {} : { 'x-request-id': given };
      return (await test.call('GET', '/warehouses', { headers })).headers.get('x-request-id');
    };
    expect(await id('shop-42/7')).toBe('shop-42/7');
    const made = await Promise.all([id(), id('has spaces'), id('x'.repeat(129))]);
    expect(new Set(made).size).toBe(3);
    for (const one of made) expect(one).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('gives each request an id of its own beside, which problems name', async () => {
    const headers = { 'x-request-id': 'shop-42/7' };
    const refused = await test.call('GET', '/warehouses?colour=red', { headers });
    const own = refused.headers.get('x-holdfast-request-id');
    expect(own).toMatch(/^[0-9a-f-]{36}$/);
    expect(refused.body).toMatchObject({ instance: own });
    const made = await test.call('GET', '/warehouses');
    expect(made.headers.get('x-request-id')).toBe(made.headers.get('x-holdfast-request-id'));
  });

  it('continues a trace, and begins one where there is none', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const given = `00-${traceId}-00f067aa0ba902b7-01`;
    const continued = (await test.call('GET', '/warehouses', { headers: { traceparent: given } })).headers;
    expect(continued.get('traceparent')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    expect(continued.get('traceparent')).not.toBe(given);
    for (const invalid of ['', 'garbage', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`]) {
      const begun = (await test.call('GET', '/warehouses', { headers: { traceparent: invalid } })).headers;
      expect(begun.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    }
  });

  it('takes JSON under another name', async () => {
    const headers = { 'content-type': 'application/vnd.shop+json; charset=utf-8' };
    expectProblem(await test.call('POST', '/orders', { raw: '{}', headers }), 422, 'VALIDATION_FAILED');
  });
});

describe('operations', () => {
  it('tells its health, with a check for each dependency', async () => {
    const reply = await test.call('GET', '//health');
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      status: 'up',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
      uptimeSeconds: expect.any(Number) as number,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      checks: {
        database: { status: 'up', latencyMs: expect.any(Number) as number },
        temporal: { status: 'up', latencyMs: expect.any(Number) as number },
      },
    });
    expect(await test.call('GET', '//ready')).toMatchObject({
      status: 200,
      body: { ready: true, reasons: [] },
    });
  });

  it('measures requests by route template, never by path', async () => {
    const id = newId();
    await test.call('GET', `/orders/${id}`);
    await test.call('GET', `/never/${id}`);
    const reply = await test.call('GET', '//metrics');
    expect(reply.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(reply.text).toContain('method="GET",route="/api/v1/orders/{id}",status="404"');
    expect(reply.text).toContain('route="unmatched",status="404"');
    expect(reply.text).toContain('holdfast_admission_queued{part="api"} 0');
    expect(reply.text).toContain('holdfast_db_pool_connections');
    expect(reply.text).not.toContain(id);
  });
});
