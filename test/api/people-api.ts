import { newEmail, PASSWORD } from '../identity/people';
import type { Reply, TestApi } from './support';

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
