import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildGoTool, toolPath } from '../../platform/embedded/go-tool';
import { startChild } from '../support/child';
import { recordingLogger } from '../support/recording-logger';
import { scratchFolder } from '../support/servers';
import { describeWithGo } from '../support/with-go';

const CHILD = join(__dirname, 'children', 'build-go-tool.ts');
/** Builds in seconds: it needs only the standard library. */
const TOOL = { package: 'golang.org/x/example/hello', version: 'v0.0.0-20250915201037-7f05d217867b' };

describeWithGo('a Go tool', () => {
  test('that two processes want at once is built once, and both get it', async () => {
    const cacheDir = await scratchFolder('go');
    const children = [1, 2].map(() => startChild(CHILD, [TOOL.package, TOOL.version, cacheDir]));
    const path = toolPath(TOOL, cacheDir);
    for (const child of children) {
      expect(await child.answer).toEqual({ path });
      expect(await child.ended).toBe(0);
    }
    const builds = children.map((child) => child.said().match(/"building /g)?.length ?? 0);
    expect(builds.sort()).toEqual([0, 1]);
    expect(spawnSync(path, { encoding: 'utf8' }).stdout).toBe('Hello, world!\n');
    // Nothing is left of the building but the tool.
    expect(await readdir(dirname(path))).toEqual(['hello']);
  });

  test('is built although a killed process left its lock and half a build', async () => {
    const cacheDir = await scratchFolder('go');
    const folder = dirname(toolPath(TOOL, cacheDir));
    await mkdir(join(folder, 'build-killed'), { recursive: true });
    await writeFile(join(folder, 'build-killed', 'hello'), 'half');
    await mkdir(join(folder, 'lock'));
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(join(folder, 'lock'), longAgo, longAgo);
    const { log } = recordingLogger();
    const path = await buildGoTool(TOOL, { log, cacheDir });
    expect(existsSync(path)).toBe(true);
    expect(await readdir(folder)).toEqual(['hello']);
  });

  test('that can’t be built fails with what Go said, and leaves nothing', async () => {
    const cacheDir = await scratchFolder('go');
    const { log } = recordingLogger();
    const tool = { package: 'golang.org/x/example/nothing-here', version: TOOL.version };
    await expect(buildGoTool(tool, { log, cacheDir })).rejects.toMatchObject({
      code: 'GO_BUILD_FAILED',
      message: expect.stringContaining('nothing-here') as string,
    });
    expect(existsSync(toolPath(tool, cacheDir))).toBe(false);
  });
});

test('without Go the failure has a code of its own', async () => {
  const cacheDir = await scratchFolder('go');
  const { log } = recordingLogger();
  const built = buildGoTool(TOOL, { log, cacheDir, env: { PATH: '' } });
  await expect(built).rejects.toMatchObject({ code: 'GO_MISSING' });
});
