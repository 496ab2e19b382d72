import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ensurePassword } from '../domain/identity/accounts/change-password';
import { passwords } from '../domain/identity/accounts/passwords';
import { addUser } from '../domain/identity/accounts/register';
import type { Settings } from '../platform/config';
import type { Database } from '../platform/database/database';
import { isAppError } from '../platform/errors';
import { keepSecret, keptSecret } from './home-secret';

/** An account for trying the embedded stack. */
export interface DemoCustomer {
  email: string;
  password: string;
}

const EMAIL = 'customer@holdfast.example';

/** The demo customer of this home, with a password of their own that is kept in a file for its owner only. */
export async function ensureDemoCustomer(settings: Settings, db: Database): Promise<DemoCustomer> {
  const path = join(settings.HOLDFAST_HOME, 'demo-customer-password');
  await keepSecret(path, randomBytes(18).toString('base64url'));
  const password = (await keptSecret(path)) ?? '';
  const customer = {
    email: EMAIL,
    password,
    name: 'Demo customer',
    role: 'customer',
    actor: 'holdfast up',
  } as const;
  try {
    await addUser({ db, passwords }, customer);
  } catch (error) {
    // It was made by a start before this one, whose file may be lost.
    if (!isAppError(error, 'EMAIL_TAKEN')) throw error;
    await ensurePassword({ db, passwords }, customer);
  }
  return { email: EMAIL, password };
}
