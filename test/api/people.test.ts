import { deliver, newEmail, PASSWORD, tokenIn } from '../identity/people';
import { addStock } from '../support/fixtures';
import { logIn, peopleApis, sessionOf, SIGNING_SECRET } from './people-api';
import { openTestApi } from './support';

const NEW_PASSWORD = 'another password altogether';

const apis = peopleApis();
const { post, as, addPerson, setRole } = apis;

test('somebody registers, confirms their address, signs in, reads and changes themselves, and signs out', async () => {
  const { email, id, accessToken, refreshToken, expiresIn } = await addPerson();
  expect(expiresIn).toBe(600);
  expect(await as(accessToken, 'GET', `/users/${id}`)).toMatchObject({
    status: 200,
    body: { id, email, name: 'Ada', role: 'customer', status: 'active', emailConfirmed: false },
  });
  const mail = (await deliver(apis.one.db)).find(({ to }) => to === email);
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

test('nobody sees or changes another customer, who does not exist for them', async () => {
  const [ada, bob] = [await addPerson(), await addPerson()];
  for (const [method, body] of [['GET'], ['PUT', { name: 'Mallory' }]] as const) {
    for (const id of [bob.id, '00000000-0000-4000-8000-000000000000'])
      expect((await as(ada.accessToken, method, `/users/${id}`, body)).status).toBe(404);
  }
  expect((await as(ada.accessToken, 'GET', `/users/${ada.id.toUpperCase()}`)).status).toBe(200);
  expect((await apis.one.call('GET', `/users/${ada.id}`, { key: null })).status).toBe(401);
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
  const operator = sessionOf(await logIn(apis.one, ada.email));
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
  const reply = await apis.one.call('PUT', `/users/${ada.id}`, { body: { status: 'disabled' } });
  expect(reply).toMatchObject({ status: 409, body: { code: 'LAST_ADMIN' } });
  const bob = await addPerson();
  expect((await apis.one.call('PUT', `/users/${bob.id}`, { body: { status: 'disabled' } })).status).toBe(200);
  expect((await logIn(apis.one, bob.email)).body.code).toBe('SIGN_IN_FAILED');
});

test('an admin who was demoted or disabled gives no rights with the token from before', async () => {
  const left = await addPerson();
  await setRole(left.id, 'admin');
  for (const change of [{ role: 'customer' }, { status: 'disabled' }]) {
    const eve = await addPerson();
    await setRole(eve.id, 'admin');
    const { accessToken } = sessionOf(await logIn(apis.one, eve.email));
    const newKey = { service: `eve-${eve.id}`, role: 'admin' };
    expect((await as(accessToken, 'PUT', `/users/${left.id}`, { name: 'Ada' })).status).toBe(200);
    expect((await apis.one.call('PUT', `/users/${eve.id}`, { body: change })).status).toBe(200);
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

test('a changed password ends all sessions; the present one is asked for', async () => {
  const { id, email, accessToken, refreshToken } = await addPerson();
  const change = (current: string) =>
    as(accessToken, 'PUT', `/users/${id}`, { password: { current, new: NEW_PASSWORD } });
  expect((await change('wrong password')).body.code).toBe('PASSWORD_NOT_RIGHT');
  expect((await change(PASSWORD)).status).toBe(200);
  expect((await post('/auth/refresh', { refreshToken })).status).toBe(401);
  expect([
    (await logIn(apis.one, email)).status,
    (await logIn(apis.one, email, NEW_PASSWORD)).status,
  ]).toEqual([401, 200]);
});

test('a new password by mail, and to sign out everywhere', async () => {
  const { email } = await addPerson();
  await deliver(apis.one.db);
  await post('/auth/password-reset', { email });
  const token = tokenIn((await deliver(apis.one.db))[0]!);
  expect(await post('/auth/password-reset/confirm', { token, password: NEW_PASSWORD })).toMatchObject({
    status: 204,
  });
  expect(await post('/auth/password-reset/confirm', { token, password: PASSWORD })).toMatchObject({
    status: 422,
    body: { code: 'MAIL_TOKEN_INVALID' },
  });
  const sessions = [
    sessionOf(await logIn(apis.one, email, NEW_PASSWORD)),
    sessionOf(await logIn(apis.one, email, NEW_PASSWORD)),
  ];
  expect((await as(sessions[0]!.accessToken, 'POST', '/auth/logout-all')).status).toBe(204);
  for (const { refreshToken } of sessions)
    expect((await post('/auth/refresh', { refreshToken })).status).toBe(401);
  expect((await apis.one.call('POST', '/auth/logout-all', { key: null })).status).toBe(401);
});

describe('what somebody does again and again to their own account', () => {
  const recorded = async (id: string, action: string) =>
    (
      await apis.one.db.pool.query('select from audit_log where subject_id = $1 and action = $2', [
        id,
        action,
      ])
    ).rows.length;

  it('is recorded once where sessions were ended and none is left', async () => {
    const { accessToken, id } = await addPerson();
    for (let n = 0; n < 3; n++) expect((await as(accessToken, 'POST', '/auth/logout-all')).status).toBe(204);
    expect(await recorded(id, 'user.sessions_ended')).toBe(1);
  });

  it('is a new name once a minute, on whatever process; the same name again is no change', async () => {
    const { accessToken, id } = await addPerson();
    const rename = (name: string, api = apis.one) => as(accessToken, 'PUT', `/users/${id}`, { name }, api);
    expect((await rename('Grace')).status).toBe(200);
    expect((await rename('Grace', apis.two)).status).toBe(200);
    const refused = await rename('Ada', apis.two);
    expect(refused).toMatchObject({ status: 429, body: { code: 'TOO_MANY_ATTEMPTS' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await as(accessToken, 'GET', `/users/${id}`)).toMatchObject({ body: { name: 'Grace' } });
    expect(await recorded(id, 'user.renamed')).toBe(1);
    // An admin is not held.
    expect((await apis.one.call('PUT', `/users/${id}`, { body: { name: 'Eve' } })).status).toBe(200);
    await apis.one.db.pool.query(
      `update user_profiles set renamed_at = clock_timestamp() - interval '61 seconds' where user_id = $1`,
      [id],
    );
    expect((await rename('Ada')).status).toBe(200);
    expect(await recorded(id, 'user.renamed')).toBe(3);
  });

  it('has a limit of its own: one customer changes so much a minute, others and services are not held', async () => {
    const narrow = await openTestApi({
      env: { SIGNING_KEYS_SECRET: SIGNING_SECRET.toString('base64'), LIMIT_CUSTOMER_WRITES: '2' },
      shop: apis.one,
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
  await addStock(apis.one.db, 'A', 'AMS', 10);
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
    const reply = await apis.one.call('POST', '/users', { body: { email: newEmail(), password: PASSWORD } });
    statuses.add(reply.status);
  }
  expect(statuses).toEqual(new Set([202]));
});

test('a service registers so many a minute and no more: nobody sends mails to whom they like by it', async () => {
  const narrow = await openTestApi({ env: { LIMIT_REGISTRATIONS: '3' }, shop: apis.one });
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
    (await apis.one.call('PUT', `/users/${id}`, { body: { email: { address: wanted, password: PASSWORD } } }))
      .status,
  ).toBe(403);
  expect(await ask(PASSWORD)).toMatchObject({ status: 200, body: { email, pendingEmail: wanted } });
  expect((await logIn(apis.one, wanted)).status).toBe(401);
  const mail = (await deliver(apis.one.db)).find(({ to }) => to === wanted);
  expect(await post('/auth/confirm-email', { token: tokenIn(mail!), password: PASSWORD })).toMatchObject({
    status: 204,
  });
  expect(await as(accessToken, 'GET', `/users/${id}`)).toMatchObject({
    body: { email: wanted, pendingEmail: null, emailConfirmed: true },
  });
  expect([(await logIn(apis.one, email)).status, (await logIn(apis.one, wanted)).status]).toEqual([401, 200]);
  expect((await deliver(apis.one.db)).map(({ to, subject }) => [to, subject])).toContainEqual([
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
