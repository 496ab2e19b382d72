import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import { payloadKeysOf, readSettings } from '../../platform/config';
import { createPayloadCodec } from '../../platform/temporal/payload-codec';
import { createKey } from '../../domain/identity/keys';
import { AS_ADMIN } from '../support/access-keys';
import { openTestApi, type TestApi } from './support';

const PAYLOAD_KEYS = `now=${randomBytes(32).toString('base64')},before=${randomBytes(32).toString('base64')}`;
const UI = 'https://temporal.example';
const SHOP = 'https://shop.example';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi({ env: { PAYLOAD_KEYS, TEMPORAL_UI_ORIGINS: UI, ALLOWED_ORIGINS: SHOP } });
});
afterAll(() => test.close());

const keys = payloadKeysOf(readSettings({ PAYLOAD_KEYS }));
const plain = defaultPayloadConverter.toPayload({ street: 'Elm Street 5' });

/** As Temporal's JSON has payloads. */
async function encrypted(by = keys) {
  const [payload] = await createPayloadCodec(by).encode([plain]);
  return asJson(payload ?? {});
}

const base64 = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64');
const asJson = ({
  metadata,
  data,
}: {
  metadata?: Record<string, Uint8Array> | null;
  data?: Uint8Array | null;
}) => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)])),
  data: base64(data),
});
const decode = (payloads: unknown, options: object = {}) =>
  test.call('POST', '//codec/decode', { body: { payloads, somethingNewer: 1 }, ...options });

it('decrypts what is encrypted, by each key, and gives back what is not', async () => {
  const sent = [await encrypted(), await encrypted(keys.slice(1)), asJson(plain)];
  const { status, body, headers } = await decode(sent);
  expect({ status, body }).toEqual({ status: 200, body: { payloads: Array(3).fill(asJson(plain)) } });
  expect(headers.get('cache-control')).toContain('no-store');
});

it('encrypts what is sent to a workflow by hand', async () => {
  const { body } = await test.call('POST', '//codec/encode', { body: { payloads: [asJson(plain)] } });
  const { payloads } = body as unknown as { payloads: unknown[] };
  expect(payloads).not.toEqual([asJson(plain)]);
  // As the command line sends an empty list.
  expect(await test.call('POST', '//codec/encode', { body: {} })).toMatchObject({ body: { payloads: [] } });
  expect(await decode(payloads)).toMatchObject({ status: 200, body: { payloads: [asJson(plain)] } });
});

it('names the key that is not known, and refuses what is no payload', async () => {
  const foreign = await encrypted([{ id: 'gone', key: randomBytes(32) }]);
  const lost = await decode([foreign]);
  expect(lost).toMatchObject({ status: 422, body: { code: 'PAYLOAD_NOT_READABLE', keyId: 'gone' } });
  expect(await decode([{ data: '%%%' }])).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
});

it('is for administrators alone', async () => {
  const { key } = await createKey(test.db, {
    service: 'an operator',
    role: 'operator',
    scopes: [],
    kind: 'live',
    label: null,
    expiresInSeconds: null,
    actor: 'a test',
  });
  expect(await decode([await encrypted()], { key })).toMatchObject({ status: 403 });
  expect(await decode([await encrypted()], { key: null })).toMatchObject({ status: 401 });
});

it("is called by pages of Temporal's web UI, and by no others; these call nothing else", async () => {
  const preflight = (path: string, origin: string) =>
    fetch(`${test.api.url}${path}`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-namespace',
      },
    });
  const asked = await preflight('/codec/decode', UI);
  expect(asked.status).toBe(204);
  expect(asked.headers.get('access-control-allow-origin')).toBe(UI);
  for (const name of ['Authorization', 'Content-Type', 'X-Namespace'])
    expect(asked.headers.get('access-control-allow-headers')).toContain(name);
  const read = await decode([await encrypted()], { headers: { ...AS_ADMIN, origin: UI } });
  expect(read.status).toBe(200);
  expect(read.headers.get('access-control-allow-origin')).toBe(UI);
  expect(await decode([await encrypted()], { headers: { origin: SHOP } })).toMatchObject({
    status: 403,
    body: { code: 'CROSS_SITE_REQUEST' },
  });
  // By another spelling of the address it is none of the codec's, and there is nothing.
  for (const path of ['/Codec/decode', '/CODEC/decode'])
    expect(
      (await fetch(`${test.api.url}${path}`, { method: 'POST', headers: { ...AS_ADMIN, origin: SHOP } }))
        .status,
    ).toBe(404);
  expect((await preflight('/api/v1/orders', UI)).status).toBe(403);
  expect((await preflight('/api/v1/orders', SHOP)).status).toBe(204);
});
