import { generateKeyPair, type JWTPayload } from 'jose';
import { beginErasure } from '../../domain/erasure/erase';
import { linkedUser } from '../../domain/identity/linked/linked-users';
import { changeRights } from '../../domain/identity/accounts/users';
import { CLOCK_SKEW_SECONDS } from '../../domain/identity/signing/signing-keys';
import { openIdProvider } from '../../integrations/openid/provider';
import { createProviderKeys } from '../../integrations/openid/provider-keys';
import { readSettings } from '../../platform/config';
import { newId } from '../../platform/ids';
import { MAY } from '../api/access-table';
import { openTestApi, type TestApi } from '../api/support';
import { addCustomer } from './people';
import { startProvider, type TestProvider } from './provider';

let provider: TestProvider;
let api: TestApi;

const envOf = (issuer: string, more: Record<string, string> = {}) => ({
  OIDC_ISSUER: issuer,
  OIDC_AUDIENCE: 'shop',
  OIDC_ROLE_CLAIM: 'realm_access.roles',
  OIDC_ROLES: 'staff=operator,boss=admin,a=b=customer',
  ...more,
});

beforeAll(async () => {
  provider = await startProvider();
  api = await openTestApi({ env: envOf(provider.issuer) });
});
afterAll(async () => {
  await api.close();
  await provider.close();
});
beforeEach(() => {
  provider.fault = null;
  provider.reads = 0;
});

const rolesOf = (...roles: string[]) => ({ realm_access: { roles } });
const get = (token: string, path: string) =>
  api.call('GET', path, { key: null, headers: { authorization: `Bearer ${token}` } });
const readerOf = (more: Record<string, string> = {}) =>
  openIdProvider(readSettings(envOf(provider.issuer, more)))!;
const REFUSED = { code: 'NOT_SIGNED_IN' };

test('a token of the provider signs in: a customer sees their own orders, an operator everything', async () => {
  const customer = await provider.sign({ sub: newId() });
  expect(await get(customer, '/orders')).toMatchObject({ status: 200, body: { items: [] } });
  expect((await get(customer, '/inventory/alerts')).status).toBe(403);
  const operator = await provider.sign({ sub: newId(), ...rolesOf('else', 'staff') });
  expect((await get(operator, '/inventory/alerts')).status).toBe(200);
  expect((await get(operator, '/api-keys')).status).toBe(403);
  const admin = await provider.sign({ sub: newId(), ...rolesOf('staff', 'boss') });
  expect((await get(admin, '/api-keys')).status).toBe(200);
});

test('somebody is the same user each time, by issuer and subject alone, also of many requests at once', async () => {
  const { id, email } = await addCustomer(api.db);
  const identity = { issuer: provider.issuer, subject: newId() };
  const ids = await Promise.all(Array.from({ length: 10 }, () => linkedUser(api.db, identity)));
  expect(new Set(ids).size).toBe(1);
  const token = await provider.sign({ sub: identity.subject, email, email_verified: true });
  expect((await get(token, `/users/${ids[0]}`)).status).toBe(200);
  expect((await get(token, `/users/${id}`)).status).toBe(404);
  const elsewhere = await linkedUser(api.db, { ...identity, issuer: 'https://another.example' });
  expect(ids).not.toContain(elsewhere);
  const { rows } = await api.db.pool.query<{ count: number }>(
    `select count(*) from users u where password_hash is null
     and not exists (select from user_identities i where i.user_id = u.id)`,
  );
  expect(rows[0]!.count).toBe(0);
});

test('somebody who was disabled here is refused with the next request', async () => {
  const subject = newId();
  const token = await provider.sign({ sub: subject });
  expect((await get(token, '/orders')).status).toBe(200);
  await changeRights(api.db, (await linkedUser(api.db, { issuer: provider.issuer, subject }))!, {
    actor: 'test',
    status: 'disabled',
  });
  expect((await get(token, '/orders')).status).toBe(401);
});

describe('what cannot be taken back, or gives others rights, needs a sign-in of just now', () => {
  const ago = (seconds: number) => Math.floor(Date.now() / 1_000) - seconds;
  const call = (token: string, method: string, path: string, body?: unknown) =>
    api.call(method, path, {
      key: null,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body }),
    });
  const STALE: readonly [string, JWTPayload][] = [
    ['signed in too long ago', { auth_time: ago(901) }],
    ['does not say when', {}],
    ['says something else', { auth_time: String(ago(1)) }],
    ['says a time to come', { auth_time: ago(-600) }],
    ['says a time that there is not', { auth_time: 1e20 }],
  ];
  const webhook = { url: 'https://shop.example/holdfast', types: ['order.*'] };
  /** What needs it, with a body that is good. */
  const SENSITIVE: Readonly<Record<string, unknown>> = {
    'POST /api-keys': { service: 'new', role: 'service', scopes: ['orders'] },
    'POST /api-keys/{id}/rotate': undefined,
    'PUT /users/{id}': { role: 'admin' },
    'DELETE /users/{id}': undefined,
    'POST /webhooks': webhook,
    'PUT /webhooks/{id}': webhook,
    'DELETE /webhooks/{id}': undefined,
    'POST /webhooks/{id}/rotate-secret': undefined,
  };
  /** Of admins alone, and done at once: what ends rights, and what changes nothing. */
  const AT_ONCE = ['DELETE /api-keys/{id}', 'POST //codec/decode', 'POST //codec/encode'];

  test('as all does that only admins may change, but to end rights', () => {
    const ofAdmins = Object.entries(MAY).flatMap(([operation, who]) =>
      who.join() === 'admin' && !operation.startsWith('GET ') ? [operation] : [],
    );
    const known = [...Object.keys(SENSITIVE), ...AT_ONCE];
    expect(ofAdmins.filter((operation) => !known.includes(operation))).toEqual([]);
  });

  test.each(STALE)('of somebody who %s', async (_, claims) => {
    const subject = newId();
    const token = await provider.sign({ sub: subject, ...claims });
    const id = (await linkedUser(api.db, { issuer: provider.issuer, subject }))!;
    const reply = await call(token, 'DELETE', `/users/${id}`);
    expect(reply).toMatchObject({ status: 401, body: { code: 'SIGN_IN_NOT_RECENT', maxAge: 900 } });
    expect(reply.headers.get('www-authenticate')).toBe(
      'Bearer realm="holdfast", error="insufficient_user_authentication", max_age="900"',
    );
    // What is read does not need it.
    expect((await call(token, 'GET', `/users/${id}`)).status).toBe(200);

    const admin = await provider.sign({ sub: newId(), ...rolesOf('boss'), ...claims });
    for (const [operation, body] of Object.entries(SENSITIVE)) {
      const [method = '', path = ''] = operation.replace('{id}', id).split(' ');
      const { code } = (await call(admin, method, path, body)).body;
      expect([operation, code]).toEqual([operation, 'SIGN_IN_NOT_RECENT']);
    }
  });

  test('who has signed in just now may', async () => {
    const subject = newId();
    const id = (await linkedUser(api.db, { issuer: provider.issuer, subject }))!;
    const adminSubject = newId();
    const adminId = (await linkedUser(api.db, { issuer: provider.issuer, subject: adminSubject }))!;
    await changeRights(api.db, adminId, { actor: 'test', role: 'admin' });
    const admin = await provider.sign({ sub: adminSubject, ...rolesOf('boss'), auth_time: ago(890) });
    const key = { service: `s-${newId()}`, role: 'service', scopes: ['orders'] };
    expect((await call(admin, 'POST', '/api-keys', key)).status).toBe(201);
    const token = await provider.sign({ sub: subject, auth_time: ago(10) });
    // There is no password that could be asked for, or changed.
    const password = { current: 'whatever it is', new: 'another password' };
    expect(await call(token, 'PUT', `/users/${id}`, { password })).toMatchObject({
      body: { code: 'PASSWORD_NOT_RIGHT' },
    });
    expect((await call(token, 'DELETE', `/users/${id}`)).status).toBe(202);
  });
});

test('somebody who was disabled stays out also once they were erased; who was not is somebody new', async () => {
  const [disabled, active] = [newId(), newId()].map((subject) => ({ issuer: provider.issuer, subject }));
  const ids = {
    disabled: (await linkedUser(api.db, disabled!))!,
    active: (await linkedUser(api.db, active!))!,
  };
  await changeRights(api.db, ids.disabled, { actor: 'test', status: 'disabled' });
  for (const id of Object.values(ids)) await beginErasure(api.db, id, 'test');
  const token = await provider.sign({ sub: disabled!.subject, ...rolesOf('boss') });
  expect((await get(token, '/orders')).status).toBe(401);
  expect(await linkedUser(api.db, disabled!)).toBeNull();
  expect([null, ...Object.values(ids)]).not.toContain(await linkedUser(api.db, active!));
});

describe('a token is refused', () => {
  const seconds = (more: number) => Math.floor(Date.now() / 1_000) + more;
  test.each<[string, JWTPayload]>([
    ['for another audience', { aud: 'another' }],
    ['for nobody', { aud: undefined }],
    ['about nobody', { sub: undefined }],
    ['that is not good yet', { nbf: seconds(100) }],
  ])('%s', async (_, claims) => {
    await expect(readerOf().read(await provider.sign(claims))).rejects.toMatchObject(REFUSED);
  });

  test('of another issuer: it is not the provider that reads it', async () => {
    const token = await provider.sign({ iss: 'https://another.example' });
    expect(readerOf().claims(token)).toBe(false);
    await expect(readerOf().read(token)).rejects.toMatchObject(REFUSED);
    expect((await get(token, '/orders')).status).toBe(401);
  });

  test('that somebody else has signed, or with a secret, or nobody', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    const unsigned = (await provider.sign({})).split('.')[1];
    const none = `${Buffer.from('{"alg":"none","kid":"one"}').toString('base64url')}.${unsigned}.`;
    const tokens = [
      await provider.sign({}, { key: privateKey }),
      await provider.sign({}, { key: privateKey, kid: 'unknown' }),
      await provider.sign({}, { key: Buffer.from('a secret that both have, of 32 bytes'), alg: 'HS256' }),
      none,
    ];
    for (const token of tokens) {
      await expect(readerOf().read(token)).rejects.toMatchObject(REFUSED);
      expect((await get(token, '/orders')).status).toBe(401);
    }
  });

  test('that has ended, beyond what clocks may differ by', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const reader = readerOf();
    const ended = (secondsAgo: number) => provider.sign({}, { expiresAt: now - secondsAgo });
    await expect(reader.read(await ended(CLOCK_SKEW_SECONDS - 20))).resolves.toMatchObject({
      subject: 'p-1',
    });
    await expect(reader.read(await ended(CLOCK_SKEW_SECONDS + 1))).rejects.toMatchObject(REFUSED);
  });

  test('without a role, where the settings want one', async () => {
    const reader = readerOf({ OIDC_OTHERWISE: 'refuse' });
    for (const claims of [
      {},
      rolesOf('else'),
      { realm_access: 'staff' },
      { 'realm_access.roles': {} },
      { roles: ['boss'] },
    ])
      await expect(reader.read(await provider.sign(claims))).rejects.toMatchObject(REFUSED);
    await expect(reader.read(await provider.sign(rolesOf('a=b')))).resolves.toMatchObject({
      role: 'customer',
    });
    await expect(readerOf().read(await provider.sign(rolesOf('else')))).resolves.toMatchObject({
      role: 'customer',
    });
  });
});

describe('keys of the provider', () => {
  test('are read once for many tokens, and again for a new one', async () => {
    const reader = readerOf();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => provider.sign({})));
    await Promise.all(tokens.map((token) => reader.read(token)));
    expect(provider.reads).toBe(1);
  });

  test('that were rotated are found, and tokens with keys that nobody knows read them twice a minute at most', async () => {
    let now = 0;
    const keys = createProviderKeys({ issuer: provider.issuer, jwksUrl: undefined, now: () => now });
    const find = (kid: string, alg: string) => keys({ kid, alg }, { payload: '', signature: '' });
    await find('one', 'RS256');
    await provider.rotate();
    now += 30_000;
    await expect(find('one+', 'ES256')).resolves.toBeDefined();
    const reads = provider.reads;
    for (let n = 0; n < 20; n++) await expect(find('unknown', 'ES256')).rejects.toThrow();
    expect(provider.reads).toBe(reads);
    // What is kept serves an hour while the provider is away, and no longer.
    provider.fault = 'away';
    now += 3_500_000;
    await expect(find('one+', 'ES256')).resolves.toBeDefined();
    now += 200_000;
    await expect(find('one+', 'ES256')).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    provider.fault = null;
    now += 5_000;
    await expect(find('one+', 'ES256')).resolves.toBeDefined();
  });

  test.each(['away', 'hangs up', 'endless', 'no keys', 'redirects'] as const)(
    'where the provider is not as it should be (%s), one is told to come back',
    async (fault) => {
      provider.fault = fault;
      await expect(readerOf().read(await provider.sign({}))).rejects.toMatchObject({
        code: 'PROVIDER_UNAVAILABLE',
      });
    },
  );

  test('a provider that is away is asked once for many tokens, and again once it had time to come back', async () => {
    let now = 0;
    const keys = createProviderKeys({ issuer: provider.issuer, jwksUrl: undefined, now: () => now });
    const find = () => keys({ kid: 'one', alg: 'ES256' }, { payload: '', signature: '' });
    const refused = { code: 'PROVIDER_UNAVAILABLE' };
    provider.fault = 'away';
    await Promise.all(Array.from({ length: 20 }, () => expect(find()).rejects.toMatchObject(refused)));
    for (let n = 0; n < 20; n++) await expect(find()).rejects.toMatchObject(refused);
    expect(provider.reads).toBe(1);
    now += 5_000;
    await expect(find()).rejects.toMatchObject(refused);
    expect(provider.reads).toBe(2);
  });

  test('a provider that calls itself by another name is none', async () => {
    const named = `${provider.issuer}/`;
    const token = await provider.sign({ iss: named });
    const reader = openIdProvider(readSettings(envOf(named)))!;
    await expect(reader.read(token)).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  });
});

test('settings that do not go together are refused by name', () => {
  for (const [env, name] of [
    [{ OIDC_ISSUER: 'https://id.example' }, 'OIDC_AUDIENCE'],
    [{ OIDC_AUDIENCE: 'shop' }, 'OIDC_AUDIENCE'],
    [{ OIDC_ISSUER: 'http://id.example', OIDC_AUDIENCE: 'shop' }, 'OIDC_ISSUER'],
    [envOf('https://id.example', { TOKEN_ISSUER: 'https://id.example' }), 'OIDC_ISSUER'],
    [envOf('https://id.example', { OIDC_ROLE_CLAIM: '' }), 'OIDC_ROLES'],
    [envOf('https://id.example', { OIDC_ROLES: 'boss=owner' }), 'OIDC_ROLES'],
    [envOf('https://id.example', { OIDC_ROLES: 'boss=service' }), 'OIDC_ROLES'],
  ] as const)
    expect(() => readSettings({ ...env })).toThrow(name);
});
