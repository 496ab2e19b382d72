import { writeFile } from 'node:fs/promises';
import { stackOf } from '../platform/errors';
import { BUILT_BUNDLE, makeBundle } from './bundle';

/** Run by `npm run build`, so that workers start without bundling and images need no compiler. */
async function main(): Promise<void> {
  const { code } = await makeBundle();
  await writeFile(BUILT_BUNDLE, code);
}

main().catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
