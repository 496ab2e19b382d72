import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDemoCustomer } from '../../cli/demo-customer';
import { createOutput } from '../../cli/output';
import { createAdmin, rotateKeys, setUserRights, showUsers } from '../../cli/users';
import { logIn } from '../../domain/identity/accounts/sign-in';
import type { User } from '../../domain/identity/accounts/types';
import { createSigningKeys } from '../../domain/identity/signing/signing-keys';
import { readSettings } from '../../platform/config';
import { openTestShop, type TestShop } from '../support/fixtures';
import { accountsOf, ADDRESS, addCustomer, newEmail, PASSWORD } from './people';

const SECRET = Buffer.alloc(32, 1);

let shop: TestShop;
let home: string;
beforeEach(async () => {
  shop = await openTestShop();
  home = await mkdtemp(join(tmpdir(), 'holdfast-users-'));
});
afterEach(async () => {
  await shop.close();
  await rm(home, { recursive: true });
});

const settings = (env: Record<string, string> = {}) =>
  readSettings({ DATABASE_URL: shop.runtimeUrl, HOLDFAST_HOME: home, LOG_LEVEL: 'silent', ...env });

function recording(isJson = false) {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text) } as unknown as NodeJS.WritableStream;
  return { output: createOutput(stream, () => isJson), text: () => written.join('') };
}

async function run(
  work: (output: ReturnType<typeof createOutput>) => Promise<number>,
  isJson = false,
): Promise<string> {
  const { output, text } = recording(isJson);
  expect(await work(output)).toBe(0);
  return text();
}

async function passwordFile(text: string): Promise<string> {
  const path = join(home, 'password');
  await writeFile(path, text);
  return path;
}

const signIn = (email: string, password = PASSWORD) =>
  logIn(accountsOf(shop.db), { email, password, address: ADDRESS });

test('an admin is made with the first line of a file, signs in, and is confirmed; again is refused', async () => {
  const email = newEmail();
  const file = await passwordFile(`${PASSWORD}\nnot this\n`);
  const given = { email, name: 'Root', passwordFile: file };
  expect(await run((output) => createAdmin(settings(), given, output))).toContain(`${email} is an admin`);
  await expect(signIn(email)).resolves.toMatchObject({ role: 'admin' });
  const again = createAdmin(settings(), { ...given, email: email.toUpperCase() }, recording().output);
  await expect(again).rejects.toMatchObject({ code: 'EMAIL_TAKEN' });
});

test.each([
  ['a short password', newEmail(), 'short'],
  ['an empty file', newEmail(), ''],
  ['no address', 'somebody', PASSWORD],
])('%s is refused before anything is written', async (_, email, password) => {
  const given = { email, passwordFile: await passwordFile(password) };
  await expect(createAdmin(settings(), given, recording().output)).rejects.toMatchObject({
    code: 'VALIDATION_FAILED',
  });
  expect(await run((output) => showUsers(settings(), output))).toContain('There are no accounts.');
});

test('without a terminal and a file nobody waits for a password', async () => {
  await expect(createAdmin(settings(), { email: newEmail() }, recording().output)).rejects.toMatchObject({
    code: 'NO_TERMINAL',
  });
});

test('accounts are listed, given a role, disabled and enabled, by their address', async () => {
  const { email } = await addCustomer(shop.db);
  await run((output) => setUserRights(settings(), email, { role: 'operator' }, output));
  await run((output) => setUserRights(settings(), email, { status: 'disabled' }, output));
  const listed = JSON.parse(await run((output) => showUsers(settings(), output), true)) as User[];
  expect(listed).toMatchObject([{ email, role: 'operator', status: 'disabled', emailConfirmed: false }]);
  expect(await run((output) => showUsers(settings(), output))).toMatch(
    new RegExp(`operator +${email} +disabled +not confirmed`),
  );
  await expect(signIn(email)).rejects.toMatchObject({ code: 'SIGN_IN_FAILED' });
  await run((output) => setUserRights(settings(), email, { status: 'active' }, output));
  await expect(signIn(email)).resolves.toMatchObject({ role: 'operator' });
  await expect(
    setUserRights(settings(), newEmail(), { role: 'admin' }, recording().output),
  ).rejects.toMatchObject({ code: 'UNKNOWN_USER' });
});

test('signing keys are rotated with the secret of the API, and not without one', async () => {
  const keys = () => createSigningKeys({ db: shop.db, secret: SECRET });
  const before = await keys().current();
  const env = { SIGNING_KEYS_SECRET: SECRET.toString('base64') };
  const told = await run((output) => rotateKeys(settings(env), false, output));
  const after = await keys().current();
  expect(after.kid).not.toBe(before.kid);
  expect(told).toContain(after.kid);
  await expect(rotateKeys(settings(), false, recording().output)).rejects.toThrow('SIGNING_KEYS_SECRET');
});

test('the demo customer keeps their password over starts, and has that of the file when it was lost', async () => {
  const [first, again] = [
    await ensureDemoCustomer(settings(), shop.db),
    await ensureDemoCustomer(settings(), shop.db),
  ];
  expect(again).toEqual(first);
  await expect(signIn(first.email, first.password)).resolves.toMatchObject({ role: 'customer' });
  const file = join(home, 'demo-customer-password');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await readFile(file, 'utf8')).trim()).toBe(first.password);
  await rm(file);
  const renewed = await ensureDemoCustomer(settings(), shop.db);
  expect(renewed.password).not.toBe(first.password);
  await expect(signIn(renewed.email, renewed.password)).resolves.toBeDefined();
});
