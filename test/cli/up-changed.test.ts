import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { callApi } from '../api/support';
import { scratchFolder } from '../support/servers';
import { waitFor } from '../support/wait';
import { ensureBuilt } from './build';
import { createHome, expectStopped, READY, type Home } from './home';

const ROOT = join(__dirname, '..', '..');
let home: Home;
beforeAll(async () => {
  await ensureBuilt();
  home = await createHome();
});
afterEach(() => home.close());

/** The program with other workflow code, as after an edit and a build. Returns its cli/main.js. */
async function changedProgram(): Promise<string> {
  const folder = await scratchFolder('changed');
  await cp(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  await cp(join(ROOT, 'migrations'), join(folder, 'migrations'), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const bundle = join(folder, 'dist', 'workflow-bundle.js');
  await writeFile(bundle, `/* changed */\n${await readFile(bundle, 'utf8')}`);
  return join(folder, 'dist', 'cli', 'main.js');
}

test('a start after a change of the workflows makes its build current, and orders of before go on', async () => {
  const before = home.up(['--no-demo']);
  await before.says(READY);
  const order = { items: [{ sku: 'LAPTOP-001', quantity: 1 }], customerId: 'c-1', holdSeconds: 3600 };
  const first = await home.devFile();
  const placed = await callApi(first.baseUrl, 'POST', '/orders', { key: first.adminApiKey, body: order });
  expect(placed.status).toBe(201);
  before.kill('SIGTERM');
  expectStopped(await before.ended);

  const after = home.up(['--no-demo'], { SANDBOX_CARRIER_DELAY_MS: '0' }, await changedProgram());
  await after.says(READY);
  expect(after.stdout()).toMatch(/Build +build [0-9a-f]{12} takes the place of [0-9a-f]{12}\n/);
  const { baseUrl, adminApiKey: key } = await home.devFile();
  const { id } = placed.body as { id: string };
  const paid = await callApi(baseUrl, 'POST', `/orders/${id}/payments`, {
    key,
    body: { method: 'card', token: 'tok_ok' },
  });
  expect(paid.status).toBe(200);
  await waitFor(
    async () => (await callApi(baseUrl, 'GET', `/orders/${id}/status`, { key })).body.status === 'fulfilled',
  );
  after.kill('SIGTERM');
  expectStopped(await after.ended);
});
