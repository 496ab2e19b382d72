import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redact } from '../../cli/doctor';
import { withHomePayloadKey, withOwnPayloadKey } from '../../cli/payload-key';
import { payloadKeysOf, readSettings, settingsSchema } from '../../platform/config';
import { SECRET_SETTINGS } from '../../platform/secret-settings';

const KEY = Buffer.alloc(32, 7).toString('base64');

type SecretName = (typeof SECRET_SETTINGS)[number];

/** A good value of each, and a part of it that nobody may see. */
const VALUES: Record<SecretName, { value: string; secret: string }> = {
  DATABASE_URL: { value: 'postgresql://app:hunter2@db/holdfast', secret: 'hunter2' },
  DATABASE_DIRECT_URL: { value: 'postgresql://app:hunter8@db/holdfast', secret: 'hunter8' },
  DATABASE_OWNER_URL: { value: 'postgresql://owner:hunter3@db/holdfast', secret: 'hunter3' },
  TEMPORAL_API_KEY: { value: 'hunter4', secret: 'hunter4' },
  PAYLOAD_KEYS: { value: `first=${KEY}`, secret: KEY },
  SIGNING_KEYS_SECRET: { value: KEY, secret: KEY },
  SMTP_URL: { value: 'smtp://shop:hunter9@mail', secret: 'hunter9' },
  STRIPE_API_KEY: { value: 'sk_test_hunter5', secret: 'hunter5' },
  STRIPE_WEBHOOK_SECRETS: { value: 'whsec_hunter6', secret: 'hunter6' },
  CARRIER_WEBHOOK_SECRETS: { value: `sandbox=whsec_${KEY}`, secret: KEY },
  HOLDFAST_API_KEY: { value: 'hf_live_hunter7', secret: 'hunter7' },
  S3_SECRET_ACCESS_KEY: { value: 'hunter9', secret: 'hunter9' },
};
/** What each is when it is wrong. */
const WRONG: Partial<Record<SecretName, string>> = {
  DATABASE_URL: 'mysql://app:hunter2@db/holdfast',
  DATABASE_DIRECT_URL: 'mysql://app:hunter2@db/holdfast',
  DATABASE_OWNER_URL: 'mysql://app:hunter2@db/holdfast',
  PAYLOAD_KEYS: 'first=hunter2',
  SIGNING_KEYS_SECRET: 'hunter2',
  SMTP_URL: 'http://shop:hunter2@mail',
  STRIPE_WEBHOOK_SECRETS: 'hunter2',
  CARRIER_WEBHOOK_SECRETS: 'sandbox=hunter2',
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** What goes with another setting: the other URLs of a database, a key with its id, a server that sends mails with who sends them. */
const around = (name: SecretName): Record<string, string> => {
  if (name === 'S3_SECRET_ACCESS_KEY') return { S3_ACCESS_KEY_ID: 'holdfast' };
  if (name === 'SMTP_URL') return { MAIL_FROM: 'shop@example.com' };
  return name === 'DATABASE_OWNER_URL' || name === 'DATABASE_DIRECT_URL'
    ? { DATABASE_URL: VALUES.DATABASE_URL.value }
    : {};
};

test('every setting that is named like a secret is known as one, or known as none', () => {
  const named = Object.keys(settingsSchema.shape).filter(
    (name) => /KEY|SECRET|TOKEN|PASSWORD|(DATABASE|SMTP).*URL/.test(name) && !name.endsWith('_FILE'),
  );
  const paths = ['TEMPORAL_TLS_CLIENT_KEY_PATH'];
  // What a token says of who issued it and for whom, and which key it is.
  const names = ['TOKEN_ISSUER', 'TOKEN_AUDIENCE', 'S3_ACCESS_KEY_ID'];
  expect(named.sort()).toEqual([...SECRET_SETTINGS, ...paths, ...names].sort());
});

describe.each(SECRET_SETTINGS)('%s', (name) => {
  const { value, secret } = VALUES[name];
  const fileSetting = `${name}_FILE`;

  test('may be in a file, and not in both', async () => {
    const file = join(folder, 'secret');
    await writeFile(file, `${value}\n`);
    const inFile = readSettings({ ...around(name), [fileSetting]: file });
    expect(inFile[name]).toEqual(readSettings({ ...around(name), [name]: value })[name]);
    expect(() => readSettings({ ...around(name), [fileSetting]: file, [name]: value })).toThrow(fileSetting);
    expect(() => readSettings({ [fileSetting]: join(folder, 'nothing') })).toThrow(`${fileSetting}: ENOENT`);
    await writeFile(file, '\n');
    expect(() => readSettings({ [fileSetting]: file })).toThrow(`${fileSetting}:`);
  });

  test('is not told: not by doctor, nor when it is wrong', () => {
    expect(redact(name, readSettings({ ...around(name), [name]: value })[name] ?? '')).not.toContain(secret);
    const wrong = WRONG[name];
    if (wrong === undefined) return;
    expect(() => readSettings({ [name]: wrong })).toThrow(`${name}:`);
    expect(() => readSettings({ [name]: wrong })).not.toThrow('hunter2');
  });
});

test('keys of payloads have ids, each once, and 32 bytes', () => {
  expect(payloadKeysOf(readSettings({ PAYLOAD_KEYS: `b=${KEY}, a.1=${KEY}` }))).toEqual([
    { id: 'b', key: Buffer.alloc(32, 7) },
    { id: 'a.1', key: Buffer.alloc(32, 7) },
  ]);
  for (const bad of [
    KEY,
    `=${KEY}`,
    `A=${KEY}`,
    'a=hunter2',
    `a=${KEY},a=${KEY}`,
    `${'a'.repeat(33)}=${KEY}`,
  ])
    expect(() => readSettings({ PAYLOAD_KEYS: bad })).toThrow('PAYLOAD_KEYS:');
});

test('a home beside its own Temporal server has one key, for its owner only; beside another none is made or used', async () => {
  const home = join(folder, 'home');
  const settings = readSettings({ HOLDFAST_HOME: home });
  expect((await withHomePayloadKey(settings)).PAYLOAD_KEYS).toEqual([]);
  const [one, two] = await Promise.all([withOwnPayloadKey(settings), withOwnPayloadKey(settings)]);
  expect(payloadKeysOf(one)).toMatchObject([{ id: 'home' }]);
  expect([two, await withHomePayloadKey(settings)]).toEqual([one, one]);
  expect((await stat(join(home, 'payload-keys'))).mode & 0o777).toBe(0o600);
  const elsewhere = readSettings({ HOLDFAST_HOME: home, TEMPORAL_ADDRESS: 'temporal:7233' });
  expect(await withOwnPayloadKey(elsewhere)).toEqual(elsewhere);
  await writeFile(join(home, 'payload-keys'), 'hunter2');
  await expect(withHomePayloadKey(settings)).rejects.toThrow(join(home, 'payload-keys'));
  await expect(withHomePayloadKey(settings)).rejects.not.toThrow('hunter2');
});
