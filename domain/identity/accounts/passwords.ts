import { hash, verify, type Options } from '@node-rs/argon2';
import type { Passwords } from './types';

/** argon2id with the least that OWASP recommends: 19 MiB, two passes, one lane. argon2id and version 19 are the library's defaults. */
const OPTIONS: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Of a password that nobody knows, with the same options: verifying takes as long without an account as with one. */
export const NOBODYS_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$MOvzHAJZrrAQXPoIKzxXjw$iTClPCGGweN5HcoDs9/D0s/YwX24Qj+ZFyJv0RbK520';

/** Hashes at once, without waiting for a turn. */
export const passwords: Passwords = {
  hash: (password) => hash(composed(password), OPTIONS),
  async verify(stored, password) {
    const fits = await verify(stored ?? NOBODYS_HASH, composed(password));
    return stored !== null && fits;
  },
};

/** The same password typed on another keyboard may have another composition. */
function composed(password: string): string {
  return password.normalize('NFKC');
}
