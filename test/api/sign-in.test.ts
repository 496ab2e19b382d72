import { SignJWT } from 'jose';
import { problemResponse } from '../../api/http/response';
import { createAccounts } from '../../api/services/accounts';
import { createSigningKeys, rotateSigningKeys } from '../../domain/identity/signing/signing-keys';
import { idOf, newEmail, PASSWORD } from '../identity/people';
import { readSettings } from '../../platform/config';
import { newId } from '../../platform/ids';
import { logIn, peopleApis, sessionOf, SIGNING_SECRET } from './people-api';
import { openTestApi } from './support';

const apis = peopleApis();
const { post, as, addPerson, setRole } = apis;

test('to sign in fails alike with a wrong password and without an account, and takes as long', async () => {
  const { email } = await addPerson();
  const tried = async (address: string) => {
    const begun = performance.now();
    const reply = await logIn(apis.one, address, 'wrong password');
    return { ms: performance.now() - begun, reply };
  };
  const known: number[] = [];
  const unknown: number[] = [];
  for (let n = 0; n < 9; n++) {
    await apis.one.db.pool.query('delete from sign_in_attempts');
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
  for (let n = 0; n < 5; n++)
    statuses.push((await logIn(n % 2 ? apis.one : apis.two, email, 'wrong')).status);
  await apis.one.db.pool.query(
    `update sign_in_attempts set blocked_until = now() + interval '30 s' where failures >= 5`,
  );
  const refused = await Promise.all([logIn(apis.one, email), logIn(apis.two, email)]);
  expect(statuses).toEqual([401, 401, 401, 401, 401]);
  for (const reply of refused) {
    expect(reply).toMatchObject({ status: 429, body: { code: 'TOO_MANY_ATTEMPTS' } });
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  }
});

test('a refresh token at two processes at once has one successor; later it ends the session', async () => {
  const { refreshToken } = await addPerson();
  const replies = await Promise.all(
    [apis.one, apis.two, apis.one, apis.two].map((api) => post('/auth/refresh', { refreshToken }, api)),
  );
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(new Set(replies.map((reply) => sessionOf(reply).refreshToken)).size).toBe(1);
  await apis.one.db.pool.query(
    `update refresh_tokens set used_at = used_at - interval '11 s' where used_at is not null`,
  );
  for (const token of [refreshToken, sessionOf(replies[0]!).refreshToken])
    expect((await post('/auth/refresh', { refreshToken: token }, apis.two)).body.code).toBe('SESSION_ENDED');
});

test('a token of one process is good at the other, also after the keys were rotated', async () => {
  const before = await addPerson();
  await rotateSigningKeys(apis.one.db, SIGNING_SECRET, { isLeaked: false, actor: 'test' });
  const after = await createSigningKeys({ db: apis.one.db, secret: SIGNING_SECRET }).current();
  const token = await tokenBy(after, { sub: before.id, sid: before.user.id });
  for (const api of [apis.one, apis.two])
    for (const each of [before.accessToken, token])
      expect((await as(each, 'GET', `/users/${before.id}`, undefined, api)).status).toBe(200);
  const { keys } = (await apis.two.call('GET', '//.well-known/jwks.json', { key: null })).body as unknown as {
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
  const reply = await apis.one.call('GET', '/products', {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  expect(reply.status).toBe(401);
});

test('keys are made by an admin who has signed in within a quarter of an hour, however often the session was refreshed', async () => {
  const admin = await addPerson();
  await setRole(admin.id, 'admin');
  const first = sessionOf(await logIn(apis.one, admin.email));
  const newKey = () => ({ service: `s-${admin.id}-${newId()}`, role: 'service', scopes: ['orders'] });
  expect((await as(first.accessToken, 'POST', '/api-keys', newKey())).status).toBe(201);
  await apis.one.db.pool.query(
    `update sessions set created_at = created_at - interval '16 minutes' where user_id = $1`,
    [admin.id],
  );
  const refreshed = sessionOf(await post('/auth/refresh', { refreshToken: first.refreshToken }));
  expect(await as(refreshed.accessToken, 'POST', '/api-keys', newKey())).toMatchObject({
    status: 401,
    body: { code: 'SIGN_IN_NOT_RECENT' },
  });
  expect((await as(refreshed.accessToken, 'GET', '/api-keys')).status).toBe(200);
  const again = sessionOf(await logIn(apis.one, admin.email));
  expect((await as(again.accessToken, 'POST', '/api-keys', newKey())).status).toBe(201);
});

test('without the secret for signing keys sign-in says so, and begins no session', async () => {
  const bare = await openTestApi({ shop: apis.one });
  try {
    const { email, id } = await addPerson();
    const reply = await logIn(bare, email);
    expect(reply).toMatchObject({ status: 503, body: { code: 'SIGN_IN_NOT_SET_UP' } });
    const { rows } = await apis.one.db.pool.query<{ count: number }>(
      'select count(*) from sessions where user_id = $1',
      [id],
    );
    expect(rows[0]!.count).toBe(1);
    expect(await idOf(apis.one.db, email)).toBe(id);
  } finally {
    await bare.close();
  }
});

test('hashes run two at a time, fifty more wait, and who would be one more is told to come back', async () => {
  const { depsFor } = createAccounts({ db: apis.one.db, settings: readSettings({}) });
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
  expect((await logIn(apis.one, email)).status).toBe(200);
});
