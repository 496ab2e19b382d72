import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { problemResponse } from '../../api/http/response';
import { createAccounts } from '../../api/services/accounts';
import { createSigningKeys, rotateSigningKeys } from '../../domain/identity/signing/signing-keys';
import { deliver, idOf, newEmail, PASSWORD, tokenIn } from '../identity/people';
import { readSettings } from '../../platform/config';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { openTestApi, type CallOptions, type Reply, type TestApi } from './support';

const SECRET = randomBytes(32);
const NEW_PASSWORD = 'another password altogether';

let one: TestApi;
/** Another API process on the same database. */
let two: TestApi;

beforeAll(async () => {
  const env = { SIGNING_KEYS_SECRET: SECRET.toString('base64') };
  one = await openTestApi({ env });
  two = await openTestApi({ env: { ...env, LIMIT_REGISTRATIONS: '0' }, shop: one });
});
afterAll(async () => {
  await two.close();
  await one.close();
});
beforeEach(() => one.db.pool.query('delete from sign_in_attempts'));

interface SessionBody {
  accessToken: string;
  refreshToken: string;
  expiresIn: number;
  user: { id: string; role: string };
}
const sessionOf = ({ body }: Reply) => body as unknown as SessionBody;

const anonymously = (api: TestApi, method: string, path: string, options: CallOptions = {}) =>
  api.call(method, path, { ...options, key: null });
const post = (path: string, body: unknown, api = one) => anonymously(api, 'POST', path, { body });
const as = (token: string, method: string, path: string, body?: unknown, api = one) =>
  anonymously(api, method, path, { body, headers: { authorization: `Bearer ${token}` } });
const logIn = (email: string, password = PASSWORD, api = one) =>
  post('/auth/login', { email, password }, api);

interface Person extends SessionBody {
  email: string;
  id: string;
}

async function addPerson(): Promise<Person> {
  const email = newEmail();
  expect(await post('/users', { email, password: PASSWORD, name: 'Ada' })).toMatchObject({ status: 202 });
  const reply = await logIn(email);
  expect(reply.status).toBe(200);
  return { ...sessionOf(reply), email, id: sessionOf(reply).user.id };
}

const setRole = (id: string, role: string) => one.call('PUT', `/users/${id}`, { body: { role } });

test('somebody registers, confirms their address, signs in, reads and changes themselves, and signs out', async () => {
  const { email, id, accessToken, refreshToken, expiresIn } = await addPerson();
  expect(expiresIn).toBe(600);
  expect(await as(accessToken, 'GET', `/users/${id}`)).toMatchObject({
    status: 200,
    body: { id, email, name: 'Ada', role: 'customer', status: 'active', emailConfirmed: false },
  });
  const mail = (await deliver(one.db)).find(({ to }) => to === email);
  const token = tokenIn(mail!);
  expect(await post('/auth/confirm-email', { token })).toMatchObject({
    status: 403,
    body: { code: 'CONFIRMATION_UNPROVEN' },
  });
  expect(await as((await addPerson()).accessToken, 'POST', '/auth/confirm-email', { token })).toMatchObject({
    status: 403,
  });
  expect(await as(accessToken, 'POST', '/auth/confirm-email', { token })).toMatchObject({ status: 204 });
  expect(await post('/auth/confirm-email', { token, password: PASSWORD })).toMatchObject({ status: 204 });
  expect(await as(accessToken, 'PUT', `/users/${id}`, { name: 'Grace' })).toMatchObject({
    status: 200,
    body: { name: 'Grace', emailConfirmed: true },
  });
  const refreshed = await post('/auth/refresh', { refreshToken });
  expect(refreshed.headers.get('cache-control')).toBe('no-store');
  expect(await post('/auth/logout', { refreshToken })).toMatchObject({ status: 204, text: '' });
  const ended = await post('/auth/refresh', { refreshToken: sessionOf(refreshed).refreshToken });
  expect(ended).toMatchObject({ status: 401, body: { code: 'SESSION_ENDED' } });
  expect(ended.headers.get('www-authenticate')).toContain('Bearer');
});

test('an address that has an account is answered as one that has none', async () => {
  const { email } = await addPerson();
  const again = await post('/users', { email: email.toUpperCase(), password: NEW_PASSWORD });
  const fresh = await post('/users', { email: newEmail(), password: NEW_PASSWORD });
  expect([again.status, again.text]).toEqual([fresh.status, fresh.text]);
  const resets = await Promise.all(
    [email, newEmail()].map((each) => post('/auth/password-reset', { email: each })),
  );
  expect(resets.map(({ status, text }) => [status, text])).toEqual(
    Array(2).fill([202, '{"status":"accepted"}']),
  );
});

test('to sign in fails alike with a wrong password and without an account, and takes as long', async () => {
  const { email } = await addPerson();
  const tried = async (address: string) => {
    const begun = performance.now();
    const reply = await logIn(address, 'wrong password');
    return { ms: performance.now() - begun, reply };
  };
  const known: number[] = [];
  const unknown: number[] = [];
  for (let n = 0; n < 9; n++) {
    await one.db.pool.query('delete from sign_in_attempts');
    const [a, b] = [await tried(email), await tried(newEmail())];
    known.push(a.ms);
    unknown.push(b.ms);
    expect(a.reply).toMatchObject({ status: 401, body: { code: 'SIGN_IN_FAILED' } });
    expect({ ...b.reply.body, instance: '' }).toEqual({ ...a.reply.body, instance: '' });
  }
  // A hash takes most of it: where none was made, it would be several times as fast. The fastest of each, since others use the machine.
  const [slow, fast] = [Math.min(...known), Math.min(...unknown)].sort((a, b) => b - a);
  expect(slow! / fast!).toBeLessThan(2);
});

test('failed attempts are counted over two processes, with a wait that the response tells', async () => {
  const { email } = await addPerson();
  const statuses: number[] = [];
  for (let n = 0; n < 5; n++) statuses.push((await logIn(email, 'wrong', n % 2 ? one : two)).status);
  await one.db.pool.query(
    `update sign_in_attempts set blocked_until = now() + interval '30 s' where failures >= 5`,
  );
  const refused = await Promise.all([logIn(email, PASSWORD, one), logIn(email, PASSWORD, two)]);
  expect(statuses).toEqual([401, 401, 401, 401, 401]);
  for (const reply of refused) {
    expect(reply).toMatchObject({ status: 429, body: { code: 'TOO_MANY_ATTEMPTS' } });
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  }
});

test('a refresh token at two processes at once has one successor; later it ends the session', async () => {
  const { refreshToken } = await addPerson();
  const replies = await Promise.all(
    [one, two, one, two].map((api) => post('/auth/refresh', { refreshToken }, api)),
  );
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(new Set(replies.map((reply) => sessionOf(reply).refreshToken)).size).toBe(1);
  await one.db.pool.query(
    `update refresh_tokens set used_at = used_at - interval '11 s' where used_at is not null`,
  );
  for (const token of [refreshToken, sessionOf(replies[0]!).refreshToken])
    expect((await post('/auth/refresh', { refreshToken: token }, two)).body.code).toBe('SESSION_ENDED');
});

test('a token of one process is good at the other, also after the keys were rotated', async () => {
  const before = await addPerson();
  await rotateSigningKeys(one.db, SECRET, { isLeaked: false, actor: 'test' });
  const after = await createSigningKeys({ db: one.db, secret: SECRET }).current();
  const token = await tokenBy(after, { sub: before.id, sid: before.user.id });
  for (const api of [one, two])
    for (const each of [before.accessToken, token])
      expect((await as(each, 'GET', `/users/${before.id}`, undefined, api)).status).toBe(200);
  const { keys } = (await anonymously(two, 'GET', '//.well-known/jwks.json')).body as unknown as {
    keys: { kid: string; d?: string }[];
  };
  expect(keys.map(({ kid }) => kid)).toContain(after.kid);
  expect(keys.length).toBeGreaterThan(1);
  expect(keys.filter((key) => 'd' in key)).toEqual([]);
});

async function tokenBy(
  { kid, key }: Awaited<ReturnType<ReturnType<typeof createSigningKeys>['current']>>,
  claims: Record<string, unknown>,
): Promise<string> {
  return new SignJWT({ role: 'customer', iss: 'holdfast', aud: 'holdfast-api', ...claims })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid })
    .setIssuedAt()
    .setExpirationTime('600 s')
    .sign(key);
}

test.each(['', 'x', 'a.b.c', 'eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYWRtaW4ifQ.'])(
  'the access token "%s" is refused, also where none is needed',
  async (token) => {
    for (const path of ['/orders', '/products']) {
      const reply = await as(token, 'GET', path);
      expect(reply).toMatchObject({ status: 401, body: { code: 'NOT_SIGNED_IN' } });
    }
  },
);

test('an access token beside an API key is refused', async () => {
  const { accessToken } = await addPerson();
  const reply = await one.call('GET', '/products', { headers: { authorization: `Bearer ${accessToken}` } });
  expect(reply.status).toBe(401);
});

test('nobody sees or changes another customer, who does not exist for them', async () => {
  const [ada, bob] = [await addPerson(), await addPerson()];
  for (const [method, body] of [['GET'], ['PUT', { name: 'Mallory' }]] as const) {
    for (const id of [bob.id, '00000000-0000-4000-8000-000000000000'])
      expect((await as(ada.accessToken, method, `/users/${id}`, body)).status).toBe(404);
  }
  expect((await as(ada.accessToken, 'GET', `/users/${ada.id.toUpperCase()}`)).status).toBe(200);
  expect((await anonymously(one, 'GET', `/users/${ada.id}`)).status).toBe(401);
});

test('nobody gives themselves a role; operators read everybody and change nobody', async () => {
  const [ada, bob] = [await addPerson(), await addPerson()];
  expect(await as(ada.accessToken, 'PUT', `/users/${ada.id}`, { role: 'admin' })).toMatchObject({
    status: 403,
    body: { code: 'NOT_ALLOWED' },
  });
  expect((await setRole(ada.id, 'operator')).status).toBe(200);
  // The token says what was when it was made; the session has ended.
  expect((await post('/auth/refresh', { refreshToken: ada.refreshToken })).status).toBe(401);
  const operator = sessionOf(await logIn(ada.email));
  expect(operator.user.role).toBe('operator');
  expect((await as(operator.accessToken, 'GET', `/users/${bob.id}`)).status).toBe(200);
  for (const body of [
    { name: 'x' },
    { status: 'disabled' },
    { password: { current: PASSWORD, new: NEW_PASSWORD } },
  ])
    expect((await as(operator.accessToken, 'PUT', `/users/${bob.id}`, body)).status).toBe(403);
});

test('somebody who was disabled does not sign in, and the only admin is not disabled', async () => {
  const ada = await addPerson();
  await setRole(ada.id, 'admin');
  const reply = await one.call('PUT', `/users/${ada.id}`, { body: { status: 'disabled' } });
  expect(reply).toMatchObject({ status: 409, body: { code: 'LAST_ADMIN' } });
  const bob = await addPerson();
  expect((await one.call('PUT', `/users/${bob.id}`, { body: { status: 'disabled' } })).status).toBe(200);
  expect((await logIn(bob.email)).body.code).toBe('SIGN_IN_FAILED');
});

test('an admin who was demoted or disabled gives no rights with the token from before', async () => {
  const left = await addPerson();
  await setRole(left.id, 'admin');
  for (const change of [{ role: 'customer' }, { status: 'disabled' }]) {
    const eve = await addPerson();
    await setRole(eve.id, 'admin');
    const { accessToken } = sessionOf(await logIn(eve.email));
    const newKey = { service: `eve-${eve.id}`, role: 'admin' };
    expect((await as(accessToken, 'PUT', `/users/${left.id}`, { name: 'Ada' })).status).toBe(200);
    expect((await one.call('PUT', `/users/${eve.id}`, { body: change })).status).toBe(200);
    for (const [method, path, body] of [
      ['PUT', `/users/${eve.id}`, { role: 'admin', status: 'active' }],
      ['PUT', `/users/${left.id}`, { status: 'disabled' }],
      ['POST', '/api-keys', newKey],
    ] as const)
      expect(await as(accessToken, method, path, body)).toMatchObject({
        status: 403,
        body: { code: 'NOT_ALLOWED' },
      });
  }
});

test('keys are made by an admin who has signed in within a quarter of an hour, however often the session was refreshed', async () => {
  const admin = await addPerson();
  await setRole(admin.id, 'admin');
  const first = sessionOf(await logIn(admin.email));
  const newKey = () => ({ service: `s-${admin.id}-${newId()}`, role: 'service', scopes: ['orders'] });
  expect((await as(first.accessToken, 'POST', '/api-keys', newKey())).status).toBe(201);
  await one.db.pool.query(
    `update sessions set created_at = created_at - interval '16 minutes' where user_id = $1`,
    [admin.id],
  );
  const refreshed = sessionOf(await post('/auth/refresh', { refreshToken: first.refreshToken }));
  expect(await as(refreshed.accessToken, 'POST', '/api-keys', newKey())).toMatchObject({
    status: 401,
    body: { code: 'SIGN_IN_NOT_RECENT' },
  });
  expect((await as(refreshed.accessToken, 'GET', '/api-keys')).status).toBe(200);
  const again = sessionOf(await logIn(admin.email));
  expect((await as(again.accessToken, 'POST', '/api-keys', newKey())).status).toBe(201);
});

test('a changed password ends all sessions; the present one is asked for', async () => {
  const { id, email, accessToken, refreshToken } = await addPerson();
  const change = (current: string) =>
    as(accessToken, 'PUT', `/users/${id}`, { password: { current, new: NEW_PASSWORD } });
  expect((await change('wrong password')).body.code).toBe('PASSWORD_NOT_RIGHT');
  expect((await change(PASSWORD)).status).toBe(200);
  expect((await post('/auth/refresh', { refreshToken })).status).toBe(401);
  expect([(await logIn(email)).status, (await logIn(email, NEW_PASSWORD)).status]).toEqual([401, 200]);
});

test('a new password by mail, and to sign out everywhere', async () => {
  const { email } = await addPerson();
  await deliver(one.db);
  await post('/auth/password-reset', { email });
  const token = tokenIn((await deliver(one.db))[0]!);
  expect(await post('/auth/password-reset/confirm', { token, password: NEW_PASSWORD })).toMatchObject({
    status: 204,
  });
  expect(await post('/auth/password-reset/confirm', { token, password: PASSWORD })).toMatchObject({
    status: 422,
    body: { code: 'MAIL_TOKEN_INVALID' },
  });
  const sessions = [sessionOf(await logIn(email, NEW_PASSWORD)), sessionOf(await logIn(email, NEW_PASSWORD))];
  expect((await as(sessions[0]!.accessToken, 'POST', '/auth/logout-all')).status).toBe(204);
  for (const { refreshToken } of sessions)
    expect((await post('/auth/refresh', { refreshToken })).status).toBe(401);
  expect((await anonymously(one, 'POST', '/auth/logout-all')).status).toBe(401);
});

describe('what somebody does again and again to their own account', () => {
  const recorded = async (id: string, action: string) =>
    (await one.db.pool.query('select from audit_log where subject_id = $1 and action = $2', [id, action]))
      .rows.length;

  it('is recorded once where sessions were ended and none is left', async () => {
    const { accessToken, id } = await addPerson();
    for (let n = 0; n < 3; n++) expect((await as(accessToken, 'POST', '/auth/logout-all')).status).toBe(204);
    expect(await recorded(id, 'user.sessions_ended')).toBe(1);
  });

  it('is a new name once a minute, on whatever process; the same name again is no change', async () => {
    const { accessToken, id } = await addPerson();
    const rename = (name: string, api = one) => as(accessToken, 'PUT', `/users/${id}`, { name }, api);
    expect((await rename('Grace')).status).toBe(200);
    expect((await rename('Grace', two)).status).toBe(200);
    const refused = await rename('Ada', two);
    expect(refused).toMatchObject({ status: 429, body: { code: 'TOO_MANY_ATTEMPTS' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await as(accessToken, 'GET', `/users/${id}`)).toMatchObject({ body: { name: 'Grace' } });
    expect(await recorded(id, 'user.renamed')).toBe(1);
    // An admin is not held.
    expect((await one.call('PUT', `/users/${id}`, { body: { name: 'Eve' } })).status).toBe(200);
    await one.db.pool.query(
      `update user_profiles set renamed_at = clock_timestamp() - interval '61 seconds' where user_id = $1`,
      [id],
    );
    expect((await rename('Ada')).status).toBe(200);
    expect(await recorded(id, 'user.renamed')).toBe(3);
  });

  it('has a limit of its own: one customer changes so much a minute, others and services are not held', async () => {
    const narrow = await openTestApi({
      env: { SIGNING_KEYS_SECRET: SECRET.toString('base64'), LIMIT_CUSTOMER_WRITES: '2' },
      shop: one,
    });
    try {
      const [ada, bob] = [await addPerson(), await addPerson()];
      const statuses: number[] = [];
      for (const { accessToken } of [ada, ada, ada, bob])
        statuses.push((await as(accessToken, 'POST', '/auth/logout-all', undefined, narrow)).status);
      expect(statuses).toEqual([204, 204, 429, 204]);
      expect((await as(ada.accessToken, 'GET', `/users/${ada.id}`, undefined, narrow)).status).toBe(200);
      for (let n = 0; n < 4; n++)
        expect((await narrow.call('POST', `/refunds/${ada.id}/retry`)).status).toBe(404);
    } finally {
      await narrow.close();
    }
  });
});

test('a signed-in customer orders for themselves only, and sees their orders only', async () => {
  await addStock(one.db, 'A', 'AMS', 10);
  const [ada, bob] = [await addPerson(), await addPerson()];
  for (const { accessToken } of [ada, bob])
    expect(await as(accessToken, 'GET', '/orders')).toMatchObject({ status: 200, body: { items: [] } });
  const forAnother = await as(ada.accessToken, 'POST', '/orders', {
    items: [{ sku: 'A', quantity: 1 }],
    customerId: bob.id,
  });
  expect(forAnother.status).toBe(403);
  expect((await as(ada.accessToken, 'POST', '/inventory/A/adjust', {})).status).toBe(403);
});

test.each([
  ['/users', { email: 'x', password: PASSWORD }, 'email'],
  ['/users', { email: 'a@example.com', password: 'short' }, 'password'],
  ['/users', { email: 'a@example.com', password: 'x'.repeat(201) }, 'password'],
  ['/users', { email: 'a@example.com', password: PASSWORD, role: 'admin' }, 'role'],
  ['/users', { email: 'a@example.com', password: PASSWORD, name: 'a\u0000b' }, 'name'],
  ['/users', { email: 'a\r\nBcc: b@example.com', password: PASSWORD }, 'email'],
  ['/auth/login', { email: 'a@example.com' }, 'password'],
  ['/auth/login', { email: { $ne: '' }, password: PASSWORD }, 'email'],
  ['/auth/refresh', {}, 'refreshToken'],
  ['/auth/password-reset/confirm', { token: 'x', password: 'short' }, 'password'],
])('%s %j is refused by name', async (path, body, member) => {
  const reply = await post(path, body);
  expect(reply).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
  expect(reply.body.errors.map((error) => error.path)).toContain(member);
});

test('a service registers many customers from one address', async () => {
  const statuses = new Set<number>();
  for (let n = 0; n < 25; n++) {
    const reply = await one.call('POST', '/users', { body: { email: newEmail(), password: PASSWORD } });
    statuses.add(reply.status);
  }
  expect(statuses).toEqual(new Set([202]));
});

test('a service registers so many a minute and no more: nobody sends mails to whom they like by it', async () => {
  const narrow = await openTestApi({ env: { LIMIT_REGISTRATIONS: '3' }, shop: one });
  try {
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++) {
      const body = { email: newEmail(), password: PASSWORD };
      statuses.push((await narrow.call('POST', '/users', { body })).status);
    }
    expect(statuses).toEqual([202, 202, 202, 429]);
  } finally {
    await narrow.close();
  }
});

test('somebody changes their address: the new one counts once it is confirmed', async () => {
  const { id, email, accessToken } = await addPerson();
  const wanted = newEmail();
  const ask = (password: string, token = accessToken) =>
    as(token, 'PUT', `/users/${id}`, { email: { address: wanted, password } });
  expect(await ask('wrong password')).toMatchObject({ status: 422, body: { code: 'PASSWORD_NOT_RIGHT' } });
  expect(
    (await one.call('PUT', `/users/${id}`, { body: { email: { address: wanted, password: PASSWORD } } }))
      .status,
  ).toBe(403);
  expect(await ask(PASSWORD)).toMatchObject({ status: 200, body: { email, pendingEmail: wanted } });
  expect((await logIn(wanted)).status).toBe(401);
  const mail = (await deliver(one.db)).find(({ to }) => to === wanted);
  expect(await post('/auth/confirm-email', { token: tokenIn(mail!), password: PASSWORD })).toMatchObject({
    status: 204,
  });
  expect(await as(accessToken, 'GET', `/users/${id}`)).toMatchObject({
    body: { email: wanted, pendingEmail: null, emailConfirmed: true },
  });
  expect([(await logIn(email)).status, (await logIn(wanted)).status]).toEqual([401, 200]);
  expect((await deliver(one.db)).map(({ to, subject }) => [to, subject])).toContainEqual([
    email,
    'Your e-mail address was changed',
  ]);
  const both = {
    email: { address: newEmail(), password: PASSWORD },
    password: { current: PASSWORD, new: NEW_PASSWORD },
  };
  expect(await as(accessToken, 'PUT', `/users/${id}`, both)).toMatchObject({
    status: 422,
    body: { errors: [{ path: 'email' }] },
  });
});

test('without the secret for signing keys sign-in says so, and begins no session', async () => {
  const bare = await openTestApi({ shop: one });
  try {
    const { email, id } = await addPerson();
    const reply = await logIn(email, PASSWORD, bare);
    expect(reply).toMatchObject({ status: 503, body: { code: 'SIGN_IN_NOT_SET_UP' } });
    const { rows } = await one.db.pool.query<{ count: number }>(
      'select count(*) from sessions where user_id = $1',
      [id],
    );
    expect(rows[0]!.count).toBe(1);
    expect(await idOf(one.db, email)).toBe(id);
  } finally {
    await bare.close();
  }
});

test('hashes run two at a time, fifty more wait, and who would be one more is told to come back', async () => {
  const { depsFor } = createAccounts({ db: one.db, settings: readSettings({}) });
  const { passwords } = depsFor(new AbortController().signal);
  const outcomes = await Promise.allSettled(Array.from({ length: 60 }, () => passwords.hash(PASSWORD)));
  const refused = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  // On a slow machine some of those that wait are refused too, since they would wait too long.
  expect(refused.length).toBeGreaterThanOrEqual(8);
  for (const reason of refused)
    expect(problemResponse(reason, newId())).toMatchObject({
      status: 503,
      body: { code: 'OVERLOADED' },
      headers: { 'retry-after': expect.stringMatching(/^[1-9]/) as string },
    });
  const { email } = await addPerson();
  expect((await logIn(email)).status).toBe(200);
});
