import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { toolPath } from '../../platform/embedded/go-tool';
import { findTemporalCli, TEMPORAL_CLI } from '../../platform/embedded/temporal-cli';
import { recordingLogger } from '../support/recording-logger';
import { scratchFolder } from '../support/servers';

const describeWithShell = process.platform === 'win32' ? describe.skip : describe;

/** A program that answers --version as the CLI with that server would. */
async function fakeCli(file: string, server: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho "temporal version 9.9.9 (Server ${server}, UI 2.0.0)"\n`);
  await chmod(file, 0o755);
  return file;
}

describeWithShell('the temporal program', () => {
  test('is the one of TEMPORAL_CLI_PATH before any other', async () => {
    const folder = await scratchFolder('cli');
    const given = await fakeCli(join(folder, 'given', 'my-temporal'), '1.30.0');
    await fakeCli(join(folder, 'path', 'temporal'), '1.30.0');
    const { log, messages } = recordingLogger();
    const env = { PATH: join(folder, 'path') };
    expect(await findTemporalCli({ log, explicitPath: given, env })).toBe(given);
    expect(messages).toEqual([`temporal: TEMPORAL_CLI_PATH: ${given}`]);
  });

  test('is not another one when TEMPORAL_CLI_PATH is wrong', async () => {
    const folder = await scratchFolder('cli');
    await fakeCli(join(folder, 'path', 'temporal'), '1.30.0');
    const { log } = recordingLogger();
    const wanted = findTemporalCli({
      log,
      explicitPath: '/nowhere/temporal',
      env: { PATH: join(folder, 'path') },
    });
    await expect(wanted).rejects.toMatchObject({
      code: 'TEMPORAL_CLI_MISSING',
      message: expect.stringContaining("/nowhere/temporal can't be run") as string,
    });
  });

  test('on PATH is passed over when its server is too old', async () => {
    const folder = await scratchFolder('cli');
    await fakeCli(join(folder, 'old', 'temporal'), '1.20.4');
    const good = await fakeCli(join(folder, 'new', 'temporal'), '1.29.1');
    const { log } = recordingLogger();
    const env = { PATH: [join(folder, 'old'), join(folder, 'new')].join(delimiter) };
    expect(await findTemporalCli({ log, env, cacheDir: folder })).toBe(good);
  });

  test('comes from the cache when PATH has none', async () => {
    const cacheDir = await scratchFolder('cli');
    const cached = await fakeCli(toolPath(TEMPORAL_CLI, cacheDir), '1.29.1');
    const { log, messages } = recordingLogger();
    expect(await findTemporalCli({ log, env: { PATH: '' }, cacheDir })).toBe(cached);
    expect(messages).toEqual([
      'temporal: TEMPORAL_CLI_PATH: not set',
      'temporal: PATH: no temporal there',
      `temporal: cache: ${cached}`,
    ]);
  });

  test('that can’t be had by any means is one error that names them all', async () => {
    const cacheDir = await scratchFolder('cli');
    const { log } = recordingLogger();
    // No such version can be downloaded, with a network or without.
    const tool = { ...TEMPORAL_CLI, version: 'v0.0.1-none' };
    const found = findTemporalCli({ log, env: { PATH: '' }, cacheDir, tool });
    await expect(found).rejects.toMatchObject({ code: 'TEMPORAL_CLI_MISSING' });
    const message = await found.catch((error: unknown) => (error as Error).message);
    for (const way of [
      'TEMPORAL_ADDRESS',
      'TEMPORAL_CLI_PATH: not set',
      'PATH: no temporal there',
      'cache: nothing at',
    ]) {
      expect(message).toContain(way);
    }
    expect(message).toMatch(/download of v0\.0\.1-none: ./);
    expect(message).toMatch(/go install .*temporal@v0\.0\.1-none: .*no "go" on PATH/);
  });
});
