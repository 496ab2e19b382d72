import { addUser } from '../../domain/identity/accounts/register';
import { passwords } from '../../domain/identity/accounts/passwords';
import { changeRights } from '../../domain/identity/accounts/users';
import type { UserRole } from '../../domain/identity/accounts/types';
import { newId } from '../../platform/ids';
import { PASSWORD } from '../identity/people';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.close());

const word = () => newId().slice(-12);

const add = (email: string, role: UserRole = 'customer') =>
  addUser({ db: test.db, passwords }, { email, password: PASSWORD, name: null, role, actor: 'service:test' });

async function found(query: string): Promise<string[]> {
  const { status, body } = await test.call('GET', `/users?${query}`);
  expect(status).toBe(200);
  return body.items.map(({ id }) => id);
}

it('users are listed newest first, in pages', async () => {
  const stem = word();
  const ids: string[] = [];
  for (const n of [1, 2, 3]) ids.unshift(await add(`${stem}${n}@example.com`));
  const first = await test.call('GET', `/users?text=${stem}&limit=2`);
  expect(first.body.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  expect(first.body.items[0]).toMatchObject({
    email: `${stem}3@example.com`,
    role: 'customer',
    status: 'active',
  });
  expect(await found(`text=${stem}&cursor=${first.body.nextCursor ?? ''}`)).toEqual(ids.slice(2));
});

it('users are found by what their address begins with, in any case, or by their id; never by a part within', async () => {
  const stem = word();
  const id = await add(`${stem}.Smith_x@example.com`);
  for (const text of [`${stem}.SMITH`, `${stem}.smith_x@EXAMPLE.com`, id])
    expect(await found(`text=${encodeURIComponent(text)}`)).toEqual([id]);
  for (const text of ['smith', `${stem}.smithx`, '%', '_', `${stem}%`, newId(), '\\'])
    expect(await found(`text=${encodeURIComponent(text)}`)).toEqual([]);
});

it('users are filtered by role and status', async () => {
  const stem = word();
  const [operator, customer, disabled] = [
    await add(`${stem}1@example.com`, 'operator'),
    await add(`${stem}2@example.com`),
    await add(`${stem}3@example.com`),
  ];
  await changeRights(test.db, disabled, { status: 'disabled', actor: 'service:test' });
  expect(await found(`text=${stem}&role=operator`)).toEqual([operator]);
  expect(await found(`text=${stem}&role=customer&status=active`)).toEqual([customer]);
  expect(await found('status=disabled')).toEqual([disabled]);
  for (const query of ['role=boss', 'status=gone', 'name=x', 'cursor=e30'])
    expect((await test.call('GET', `/users?${query}`)).status).toBe(422);
});
