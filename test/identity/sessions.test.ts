import { logIn } from '../../domain/identity/accounts/sign-in';
import { changeRights } from '../../domain/identity/accounts/users';
import { beginSession, logOut, logOutOfAll, refreshSession } from '../../domain/identity/sessions/sessions';
import { openDatabase, type Database } from '../../platform/database/database';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { accountsOf, ADDRESS, addCustomer, PASSWORD } from './people';

let shop: TestShop;
/** Another process's connections. */
let other: Database;

beforeAll(async () => {
  shop = await openTestShop();
  other = openDatabase({ url: shop.runtimeUrl, poolSize: 5, log: testLogger() });
});
afterAll(async () => {
  await other.close();
  await shop.close();
});

const refresh = (token: string, db: Database = shop.db) => refreshSession(db, token, testLogger());

async function signedIn() {
  const { id, email } = await addCustomer(shop.db);
  const session = await logIn(accountsOf(shop.db), { email, password: PASSWORD, address: ADDRESS });
  return { id, email, ...session };
}

async function endOf(sessionId: string): Promise<string | null> {
  const { rows } = await shop.db.pool.query<{ ended_by: string | null }>(
    'select ended_by from sessions where id = $1',
    [sessionId],
  );
  return rows[0]!.ended_by;
}

/** As if every token of the session had been used so much earlier. */
const ago = (sessionId: string, seconds: number) =>
  shop.db.pool.query(
    'update refresh_tokens set used_at = used_at - make_interval(secs => $2) where session_id = $1',
    [sessionId, seconds],
  );

test('a refresh token is exchanged for its successor, which is good in its place', async () => {
  const { sessionId, refreshToken } = await signedIn();
  const first = await refresh(refreshToken);
  const second = await refresh(first.refreshToken);
  expect(first.sessionId).toBe(sessionId);
  expect(new Set([refreshToken, first.refreshToken, second.refreshToken]).size).toBe(3);
});

test('the same token twice within ten seconds has the same successor, and the session goes on', async () => {
  const { sessionId, refreshToken } = await signedIn();
  const first = await refresh(refreshToken);
  await ago(sessionId, 9);
  expect((await refresh(refreshToken)).refreshToken).toBe(first.refreshToken);
  expect(await endOf(sessionId)).toBeNull();
  await expect(refresh(first.refreshToken)).resolves.toMatchObject({ sessionId });
});

test('at two processes at once a token has one successor', async () => {
  const { refreshToken, sessionId } = await signedIn();
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, (_, n) => refresh(refreshToken, n % 2 === 0 ? shop.db : other)),
  );
  expect(new Set(outcomes.map((outcome) => outcome.refreshToken)).size).toBe(1);
  const { rows } = await shop.db.pool.query<{ count: number }>(
    'select count(*) from refresh_tokens where session_id = $1',
    [sessionId],
  );
  expect(rows[0]!.count).toBe(2);
});

test('a token that is used again later ends its session: nobody refreshes it any more', async () => {
  const { sessionId, refreshToken } = await signedIn();
  const { refreshToken: successor } = await refresh(refreshToken);
  await ago(sessionId, 11);
  await expect(refresh(refreshToken)).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  expect(await endOf(sessionId)).toBe('reuse');
  await expect(refresh(successor)).rejects.toMatchObject({ code: 'SESSION_ENDED' });
});

test.each([
  ['no token', ''],
  ['another text', 'x'.repeat(43)],
  ['a text of another length', 'x'.repeat(44)],
  ['control characters', '\u0000'.repeat(43)],
])('%s is refused', async (_, token) => {
  await expect(refresh(token)).rejects.toMatchObject({ code: 'SESSION_ENDED' });
});

test('a token that has expired is refused, and so is one of a session that is over', async () => {
  const [expired, over] = [await signedIn(), await signedIn()];
  await shop.db.pool.query('update refresh_tokens set expires_at = now() where session_id = $1', [
    expired.sessionId,
  ]);
  await shop.db.pool.query('update sessions set expires_at = now() where id = $1', [over.sessionId]);
  for (const { refreshToken } of [expired, over])
    await expect(refresh(refreshToken)).rejects.toMatchObject({ code: 'SESSION_ENDED' });
});

test('a session does not last longer by being refreshed', async () => {
  const { sessionId, refreshToken } = await signedIn();
  await shop.db.pool.query(`update sessions set expires_at = now() + interval '1 day' where id = $1`, [
    sessionId,
  ]);
  await refresh(refreshToken);
  const { rows } = await shop.db.pool.query<{ latest: boolean }>(
    `select max(t.expires_at) = max(s.expires_at) as latest from refresh_tokens t join sessions s on s.id = t.session_id
     where s.id = $1 and t.used_at is null`,
    [sessionId],
  );
  expect(rows[0]!.latest).toBe(true);
});

test('to log out ends the one session, also by a token that was used, and again changes nothing', async () => {
  const person = await signedIn();
  const elsewhere = await logIn(accountsOf(shop.db), {
    email: person.email,
    password: PASSWORD,
    address: ADDRESS,
  });
  const { refreshToken: successor } = await refresh(person.refreshToken);
  await logOut(shop.db, person.refreshToken);
  await logOut(shop.db, person.refreshToken);
  await logOut(shop.db, 'nothing');
  expect([await endOf(person.sessionId), await endOf(elsewhere.sessionId)]).toEqual(['logout', null]);
  await expect(refresh(successor)).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  await expect(refresh(elsewhere.refreshToken)).resolves.toMatchObject({ userId: person.id });
});

test("to log out everywhere ends all of a user's sessions, and nobody else's", async () => {
  const [person, another] = [await signedIn(), await signedIn()];
  await logOutOfAll(shop.db, person.id);
  await expect(refresh(person.refreshToken)).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  await expect(refresh(another.refreshToken)).resolves.toMatchObject({ userId: another.id });
});

test('another role, and being disabled, end the sessions; the next one has the new role', async () => {
  const person = await signedIn();
  await changeRights(shop.db, person.id, { actor: 'test', role: 'operator' });
  expect(await endOf(person.sessionId)).toBe('role');
  const next = await logIn(accountsOf(shop.db), {
    email: person.email,
    password: PASSWORD,
    address: ADDRESS,
  });
  expect(next.role).toBe('operator');
  await changeRights(shop.db, person.id, { actor: 'test', status: 'disabled' });
  await expect(refresh(next.refreshToken)).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  expect(await endOf(next.sessionId)).toBe('disabled');
});

test('no session begins with a password that is not the present one any more', async () => {
  const { id } = await signedIn();
  await expect(beginSession(shop.db, { userId: id, passwordHash: 'of before' })).resolves.toBeNull();
});

test('the database has no token in a form in which it could be used', async () => {
  const { refreshToken, sessionId } = await signedIn();
  const { refreshToken: successor } = await refresh(refreshToken);
  const { rows } = await shop.db.pool.query<{ row: string }>(
    `select t::text || encode(t.token_hash, 'escape') || coalesce(encode(t.successor, 'escape'), '') as row
     from refresh_tokens t where session_id = $1`,
    [sessionId],
  );
  expect(rows).toHaveLength(2);
  for (const { row } of rows) {
    expect(row).not.toContain(refreshToken);
    expect(row).not.toContain(successor);
  }
});
