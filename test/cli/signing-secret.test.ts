import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redact } from '../../cli/doctor';
import { withHomeSigningSecret, withOwnSigningSecret } from '../../cli/signing-secret';
import { readSettings } from '../../platform/config';

const SECRET = Buffer.alloc(32, 7).toString('base64');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-secret-'));
});
afterEach(() => rm(folder, { recursive: true }));

const settingsOf = (env: Record<string, string> = {}) =>
  readSettings({ HOLDFAST_HOME: join(folder, 'home'), ...env });
const path = () => join(folder, 'home', 'signing-keys-secret');

test('a home has one secret, for its owner only, also when two begin at once', async () => {
  const made = await Promise.all([withOwnSigningSecret(settingsOf()), withOwnSigningSecret(settingsOf())]);
  const secret = (await readFile(path(), 'utf8')).trim();
  expect(Buffer.from(secret, 'base64')).toHaveLength(32);
  expect((await stat(path())).mode & 0o777).toBe(0o600);
  for (const settings of [...made, await withHomeSigningSecret(settingsOf())])
    expect(settings.SIGNING_KEYS_SECRET).toBe(secret);
});

test('a part beside it makes none, and beside a database elsewhere none is made or used', async () => {
  expect((await withHomeSigningSecret(settingsOf())).SIGNING_KEYS_SECRET).toBeUndefined();
  await withOwnSigningSecret(settingsOf());
  const elsewhere = settingsOf({ DATABASE_URL: 'postgresql://db/holdfast' });
  expect(await withOwnSigningSecret(elsewhere)).toEqual(elsewhere);
  expect(await readdir(join(folder, 'home'))).toEqual(['signing-keys-secret']);
});

test('it may be in a file; not in both, and what is no secret is told of without saying it', async () => {
  const file = join(folder, 'secret');
  await writeFile(file, `${SECRET}\n`);
  expect(settingsOf({ SIGNING_KEYS_SECRET_FILE: file }).SIGNING_KEYS_SECRET).toBe(SECRET);
  expect(() => settingsOf({ SIGNING_KEYS_SECRET_FILE: file, SIGNING_KEYS_SECRET: SECRET })).toThrow(
    'SIGNING_KEYS_SECRET_FILE',
  );
  expect(() => settingsOf({ SIGNING_KEYS_SECRET_FILE: join(folder, 'nothing') })).toThrow('ENOENT');
  for (const bad of ['hunter2', `${SECRET}${SECRET}`, SECRET.replace('=', '')]) {
    expect(() => settingsOf({ SIGNING_KEYS_SECRET: bad })).toThrow('SIGNING_KEYS_SECRET: must be');
    expect(() => settingsOf({ SIGNING_KEYS_SECRET: bad })).not.toThrow(bad);
  }
  await withOwnSigningSecret(settingsOf());
  await writeFile(path(), 'hunter2');
  await expect(withOwnSigningSecret(settingsOf())).rejects.toThrow(path());
  await expect(withOwnSigningSecret(settingsOf())).rejects.not.toThrow('hunter2');
});

test('doctor does not show it', () => {
  expect(redact('SIGNING_KEYS_SECRET', SECRET)).not.toContain(SECRET);
});
