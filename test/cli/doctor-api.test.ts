import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkApi } from '../../cli/doctor-api';
import type { Settings } from '../../platform/config';
import { openTestApi, type TestApi } from '../api/support';

let api: TestApi;
let settings: Settings;
beforeAll(async () => {
  api = await openTestApi();
  const home = await mkdtemp(join(tmpdir(), 'holdfast-home-'));
  settings = { ...api.settings, HOLDFAST_HOME: home, PORT: Number(new URL(api.api.url).port) };
});
afterAll(() => api.close());

test('a proxy that is not trusted is told of, with the setting to use; without one nothing is', async () => {
  expect((await checkApi(settings)).map(({ name }) => name)).toEqual(['API']);
  for (const client of ['192.0.2.1', '192.0.2.2'])
    await fetch(`${api.api.url}/health`, { headers: { 'x-forwarded-for': client } });
  expect(await checkApi(settings)).toMatchObject([
    { name: 'API' },
    {
      name: 'Proxy',
      ok: true,
      detail: expect.stringMatching(/^2 requests .* TRUSTED_PROXIES/) as string,
      advice: expect.stringContaining('set TRUSTED_PROXIES') as string,
    },
  ]);
});

test('an API that is away is told of, and nothing of its proxy', async () => {
  expect(await checkApi({ ...settings, PORT: 1 })).toMatchObject([{ name: 'API', ok: false }]);
});
