import { openTestApi, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.close());

it.each(['/orders?limit=1', '/jobs', '/jobs?type=settlement'])(
  '%s is there without the prefix',
  async (path) => {
    const [short, long] = [await test.call('GET', `/${path}`), await test.call('GET', path)];
    expect([short.status, short.body]).toEqual([200, long.body]);
  },
);

it('an order and a job are found under both, and what is not there under neither', async () => {
  const nothing = '00000000-0000-4000-8000-000000000000';
  for (const path of [`/orders/${nothing}`, `/jobs/${nothing}`, `/downloads/${nothing}.csv`])
    expect(await test.call('GET', `/${path}`)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
});

it('the rules of the addresses are the same', async () => {
  expect((await test.call('GET', '//jobs', { key: null })).status).toBe(401);
  expect((await test.call('GET', '//orders?limt=1')).status).toBe(422);
  expect((await test.call('DELETE', '//orders')).status).toBe(405);
  for (const path of ['//ordersx', '//products', '//Orders'])
    expect((await test.call('GET', path)).status).toBe(404);
});
