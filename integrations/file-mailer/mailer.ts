import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mailer } from '../../domain/identity/accounts/types';

/**
 * Writes each mail to a file of its own in a folder, both for their owner only: mails have tokens. The same mail again takes the place
 * of its file, which a reader sees whole or not at all.
 */
export function createFileMailer(folder: string): Mailer {
  return {
    async send({ id, to, subject, text }) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // One that was there may be open to others.
      await chmod(folder, 0o700);
      const path = join(folder, `${id}.txt`);
      await writeFile(`${path}.new`, `To: ${to}\nSubject: ${subject}\n\n${text}\n`, { mode: 0o600 });
      await rename(`${path}.new`, path);
    },
    async withdraw(mailId) {
      const path = join(folder, `${mailId}.txt`);
      await rm(path, { force: true });
      // Of a process that died while it wrote.
      await rm(`${path}.new`, { force: true });
    },
  };
}
