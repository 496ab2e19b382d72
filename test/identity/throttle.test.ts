import { logIn } from '../../domain/identity/accounts/sign-in';
import { ATTEMPT_LIMITS } from '../../domain/identity/throttle/rules';
import { beginAttempt } from '../../domain/identity/throttle/throttle';
import { openDatabase, type Database } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { accountsOf, ADDRESS, addCustomer, newEmail, PASSWORD } from './people';

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
beforeEach(() => shop.db.pool.query('delete from sign_in_attempts'));

const tryIn = (email: string, password = 'wrong password', db: Database = shop.db, address = ADDRESS) =>
  logIn(accountsOf(db), { email, password, address });
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'in',
    (error: unknown) => (error as AppError).code,
  );
/** As if so many seconds had passed. */
const later = (seconds: number) =>
  shop.db.pool.query(
    `update sign_in_attempts set blocked_until = blocked_until - make_interval(secs => $1), last_at = last_at - make_interval(secs => $1)`,
    [seconds],
  );

test.each([true, false])('after five failures it waits, whoever asks (an account: %s)', async (isThere) => {
  const email = isThere ? (await addCustomer(shop.db)).email : newEmail();
  const codes: string[] = [];
  for (let n = 0; n < 7; n++) codes.push(await codeOf(tryIn(email, undefined, n % 2 ? other : shop.db)));
  expect(codes).toEqual([
    ...Array<string>(5).fill('SIGN_IN_FAILED'),
    'TOO_MANY_ATTEMPTS',
    'TOO_MANY_ATTEMPTS',
  ]);
  await expect(tryIn(email.toUpperCase())).rejects.toMatchObject({ details: { retryAfter: 1 } });
  await later(1);
  expect(await codeOf(tryIn(email))).toBe('SIGN_IN_FAILED');
  await expect(tryIn(email)).rejects.toMatchObject({ details: { retryAfter: 2 } });
});

test('many at once, of two processes, are counted each', async () => {
  const { email } = await addCustomer(shop.db);
  const codes = await Promise.all(
    Array.from({ length: 20 }, (_, n) => codeOf(tryIn(email, undefined, n % 2 ? other : shop.db))),
  );
  expect(codes.filter((code) => code === 'SIGN_IN_FAILED')).toHaveLength(ATTEMPT_LIMITS.account.free);
});

test('whoever is right is let in again and again, and their failures are forgotten', async () => {
  const { email } = await addCustomer(shop.db);
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 4; n++) expect(await codeOf(tryIn(email))).toBe('SIGN_IN_FAILED');
    expect(await codeOf(tryIn(email, PASSWORD))).toBe('in');
  }
});

test('failures are forgotten a day after the last one', async () => {
  const email = newEmail();
  for (let n = 0; n < 5; n++) await codeOf(tryIn(email));
  await later(86_401);
  for (let n = 0; n < 4; n++) expect(await codeOf(tryIn(email))).toBe('SIGN_IN_FAILED');
});

test('a network that tries many accounts waits too, and others do not', async () => {
  const guarded = { address: '192.0.2.9' };
  for (let n = 0; n < 50; n++) await beginAttempt(shop.db, guarded);
  expect(await codeOf(tryIn(newEmail(), undefined, shop.db, '::ffff:192.0.2.9'))).toBe('TOO_MANY_ATTEMPTS');
  expect(await codeOf(tryIn(newEmail()))).toBe('SIGN_IN_FAILED');
});

test('an attempt that is refused counts for nothing, of account or network', async () => {
  const email = newEmail();
  for (let n = 0; n < 5; n++) await codeOf(tryIn(email));
  await shop.db.pool.query(
    `update sign_in_attempts set blocked_until = blocked_until + interval '60 s' where blocked_until > now()`,
  );
  for (let n = 0; n < 100; n++) expect(await codeOf(tryIn(email))).toBe('TOO_MANY_ATTEMPTS');
  expect(await codeOf(tryIn(newEmail()))).toBe('SIGN_IN_FAILED');
});

test('an attempt whose hash was not made counts for nothing', async () => {
  const { email } = await addCustomer(shop.db);
  const refusing = {
    db: shop.db,
    passwords: {
      ...accountsOf(shop.db).passwords,
      verify: () => Promise.reject(new AppError('OVERLOADED', 'not now')),
    },
  };
  for (let n = 0; n < 20; n++)
    expect(await codeOf(logIn(refusing, { email, password: PASSWORD, address: ADDRESS }))).toBe('OVERLOADED');
  expect(await codeOf(tryIn(email, PASSWORD))).toBe('in');
});

test('no e-mail address is kept', async () => {
  const email = newEmail();
  await codeOf(tryIn(email));
  const { rows } = await shop.db.pool.query<{ row: string }>(
    `select encode(subject, 'escape') || a::text as row from sign_in_attempts a`,
  );
  expect(rows.filter(({ row }) => row.includes(email))).toEqual([]);
});
