import { readFile } from 'node:fs/promises';
import { passwords } from '../domain/identity/accounts/passwords';
import { addUser } from '../domain/identity/accounts/register';
import type { User, UserRole, UserStatus } from '../domain/identity/accounts/types';
import { changeRights, listUsers, userOfEmail } from '../domain/identity/accounts/users';
import { rotateSigningKeys } from '../domain/identity/signing/signing-keys';
import type { Settings } from '../platform/config';
import { AppError, configError } from '../platform/errors';
import { askHidden } from './ask-hidden';
import { operator } from './operator';
import type { Output } from './output';
import { withHomeSigningSecret } from './signing-secret';
import { withDatabase } from './verify';

/** Most accounts that are listed: the newest. */
const LISTED = 1_000;
/** As the API has it. */
const SHORTEST_PASSWORD = 10;
const LONGEST_PASSWORD = 200;
const EMAIL = /^[\x21-\x7e]+@[\w.-]+$/;

export interface NewAdmin {
  email: string;
  name?: string;
  /** `-`: standard input. Without it, the password is asked for. */
  passwordFile?: string;
}

/** `holdfast users create-admin`. The password is never an argument: others on this machine see those. */
export async function createAdmin(
  settings: Settings,
  { email, name, passwordFile }: NewAdmin,
  output: Output,
): Promise<number> {
  if (!EMAIL.test(email) || email.length > 254)
    throw new AppError('VALIDATION_FAILED', `${email} is not an e-mail address.`);
  const password = await readPassword(passwordFile);
  if (password.length < SHORTEST_PASSWORD || password.length > LONGEST_PASSWORD)
    throw new AppError(
      'VALIDATION_FAILED',
      `A password has ${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD} characters.`,
    );
  return withDatabase(settings, async (db) => {
    const given = { email, name: name ?? null, password, role: 'admin', actor: operator() } as const;
    const id = await addUser({ db, passwords }, given);
    output.line(`${id}  ${email} is an admin.`);
    output.json({ id, email, role: given.role });
    return 0;
  });
}

async function readPassword(file: string | undefined): Promise<string> {
  if (file === undefined) return askHidden('Password: ');
  const text = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8');
  return text.split(/\r?\n/, 1)[0] ?? '';
}

/** `holdfast users list`. */
export function showUsers(settings: Settings, output: Output): Promise<number> {
  return withDatabase(settings, async (db) => {
    const users = await listUsers(db, LISTED);
    output.json(users);
    if (users.length === 0) output.line('There are no accounts.');
    for (const user of users) output.line(describe(user));
    return 0;
  });
}

function describe({ id, email, role, status, emailConfirmed }: User): string {
  const notes = [...(status === 'active' ? [] : [status]), ...(emailConfirmed ? [] : ['not confirmed'])];
  return [id, role.padEnd(8), email ?? '(erased)', ...notes].join('  ');
}

/** `holdfast users disable`, `enable`, `set-role`. */
export function setUserRights(
  settings: Settings,
  email: string,
  rights: { role?: UserRole; status?: UserStatus },
  output: Output,
): Promise<number> {
  return withDatabase(settings, async (db) => {
    await changeRights(db, await userOfEmail(db, email), { ...rights, actor: operator() });
    output.line(`${email} is ${rights.role ?? rights.status}. Access tokens end within 10 minutes.`);
    output.json({ email, ...rights });
    return 0;
  });
}

/** `holdfast signing-keys rotate`. */
export async function rotateKeys(given: Settings, isLeaked: boolean, output: Output): Promise<number> {
  const settings = await withHomeSigningSecret(given);
  const { SIGNING_KEYS_SECRET: secret } = settings;
  if (secret === undefined) throw configError(['SIGNING_KEYS_SECRET: is needed, the same as in the API']);
  return withDatabase(settings, async (db) => {
    const kid = await rotateSigningKeys(db, Buffer.from(secret, 'base64'), { isLeaked, actor: operator() });
    output.line(`${kid} signs from now on, in every process within half a minute.`);
    output.json({ kid });
    return 0;
  });
}
