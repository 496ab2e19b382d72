import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { AppError } from '../platform/errors';

/**
 * Asks on the terminal for what is not shown as it is typed.
 *
 * @throws AppError `NO_TERMINAL` where nobody can answer
 */
export async function askHidden(question: string): Promise<string> {
  if (!process.stdin.isTTY)
    throw new AppError('NO_TERMINAL', 'There is no terminal to ask on: use --password-file.');
  process.stderr.write(question);
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
