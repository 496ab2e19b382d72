import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withHomeCarrierSecret, withOwnCarrierSecret } from '../../cli/carrier-secret';
import { readSettings } from '../../platform/config';
import { isWebhookSecret } from '../../platform/webhook-signature';
import { CARRIER_SECRETS } from '../support/carrier-signature';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-secret-'));
});
afterEach(() => rm(folder, { recursive: true }));

const settingsOf = (env: Record<string, string> = {}) =>
  readSettings({ HOLDFAST_HOME: join(folder, 'home'), ...env });
const path = () => join(folder, 'home', 'carrier-secret');

test('a home has one secret, for its owner only, also when two begin at once', async () => {
  const [one, two] = await Promise.all([
    withOwnCarrierSecret(settingsOf()),
    withOwnCarrierSecret(settingsOf()),
  ]);
  const secret = (await readFile(path(), 'utf8')).trim();
  expect(isWebhookSecret(secret)).toBe(true);
  expect((await stat(path())).mode & 0o777).toBe(0o600);
  for (const settings of [
    one,
    two,
    await withOwnCarrierSecret(settingsOf()),
    await withHomeCarrierSecret(settingsOf()),
  ])
    expect(settings.CARRIER_WEBHOOK_SECRETS).toEqual([`sandbox=${secret}`]);
  expect(await readdir(join(folder, 'home'))).toEqual(['carrier-secret']);
});

test('a part beside it makes none', async () => {
  expect((await withHomeCarrierSecret(settingsOf())).CARRIER_WEBHOOK_SECRETS).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
});

test('none is made where one is set, or where unsigned updates are allowed', async () => {
  for (const env of [CARRIER_SECRETS, { CARRIER_UPDATES_UNSIGNED: 'allow' }])
    expect(await withOwnCarrierSecret(settingsOf(env))).toEqual(settingsOf(env));
  expect(await readdir(folder)).toEqual([]);
});

test('a file that holds no secret is told of, and not what it holds', async () => {
  await withOwnCarrierSecret(settingsOf());
  await writeFile(path(), 'hunter2');
  await expect(withOwnCarrierSecret(settingsOf())).rejects.toThrow(path());
  await expect(withOwnCarrierSecret(settingsOf())).rejects.not.toThrow('hunter2');
});
