import { randomBytes } from 'node:crypto';
import { newEmail, PASSWORD } from '../identity/people';
import { openTestApi, type Reply, type TestApi } from './support';

/** What signing in gives. */
export interface Session {
  accessToken: string;
  refreshToken: string;
  expiresIn: number;
  user: { id: string; role: string };
}

/** Somebody who has signed in. */
export interface Person extends Session {
  id: string;
  email: string;
}

type Callable = Pick<TestApi, 'call'>;

export const sessionOf = ({ body }: Reply) => body as unknown as Session;

export const logIn = (test: Callable, email: string, password = PASSWORD): Promise<Reply> =>
  test.call('POST', '/auth/login', { key: null, body: { email, password } });

/** A new customer, who has registered and signed in. */
export async function signUp(test: Callable, name: string | null = 'Ada'): Promise<Person> {
  const email = newEmail();
  const body = { email, password: PASSWORD, name };
  expect(await test.call('POST', '/users', { key: null, body })).toMatchObject({ status: 202 });
  const reply = await logIn(test, email);
  expect(reply.status).toBe(200);
  const session = sessionOf(reply);
  return { ...session, email, id: session.user.id };
}

/** A call of theirs. */
export function asPerson(
  test: Callable,
  { accessToken }: Pick<Session, 'accessToken'>,
  method: string,
  path: string,
  { body, headers }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Reply> {
  return test.call(method, path, {
    key: null,
    body,
    headers: { authorization: `Bearer ${accessToken}`, ...headers },
  });
}

/** What the APIs of `peopleApis` sign with. */
export const SIGNING_SECRET = randomBytes(32);

/** Two API processes on one database for the tests of a file about people, and what these ask of them: of the first unless told otherwise. */
export function peopleApis() {
  let one: TestApi;
  let two: TestApi;
  beforeAll(async () => {
    const env = { SIGNING_KEYS_SECRET: SIGNING_SECRET.toString('base64') };
    one = await openTestApi({ env });
    two = await openTestApi({ env: { ...env, LIMIT_REGISTRATIONS: '0' }, shop: one });
  });
  afterAll(async () => {
    await two.close();
    await one.close();
  });
  beforeEach(() => one.db.pool.query('delete from sign_in_attempts'));
  return {
    get one() {
      return one;
    },
    get two() {
      return two;
    },
    post: (path: string, body: unknown, api = one) => api.call('POST', path, { key: null, body }),
    as: (accessToken: string, method: string, path: string, body?: unknown, api = one) =>
      asPerson(api, { accessToken }, method, path, { body }),
    addPerson: () => signUp(one),
    setRole: (id: string, role: string) => one.call('PUT', `/users/${id}`, { body: { role } }),
  };
}
