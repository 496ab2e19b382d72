import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpuMs, memory } from '../../bench/process-tree';

const onLinux = process.platform === 'linux' ? describe : describe.skip;

/** Says `done` when it has used so much CPU, and then rests until its input ends, as it does with its parent. */
const burn = (ms: number) =>
  `while (process.cpuUsage().user < ${ms} * 1000); process.stdout.write('done'); process.stdin.on('end', () => process.exit()).resume();`;

const started: ChildProcess[] = [];
afterEach(() => started.splice(0).forEach((child) => child.kill('SIGKILL')));

async function startNode(script: string): Promise<number> {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(child);
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

onLinux('/proc', () => {
  test('the CPU of a process counts its children, those that live and those that have ended', async () => {
    const alone = await startNode(burn(300));
    expect(await cpuMs(alone)).toBeGreaterThanOrEqual(250);
    const parent = await startNode(
      `const { spawn, spawnSync } = require('node:child_process');
     spawnSync(process.execPath, ['-e', ${JSON.stringify(burn(300))}]);
     const child = spawn(process.execPath, ['-e', ${JSON.stringify(burn(300))}], { stdio: ['pipe', 'pipe', 'inherit'] });
     child.stdout.on('data', () => process.stdout.write('done'));`,
    );
    expect(await cpuMs(parent)).toBeGreaterThanOrEqual(550);
  });

  test('the memory of a process counts its children', async () => {
    const alone = await startNode(burn(1));
    const { mb, kind } = await memory(alone);
    expect(mb).toBeGreaterThan(5);
    const parent = await startNode(
      `const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(burn(1))}], { stdio: ['pipe', 'pipe', 'inherit'] });
     child.stdout.on('data', () => process.stdout.write('done'));`,
    );
    expect(await memory(parent)).toMatchObject({ kind });
    expect((await memory(parent)).mb).toBeGreaterThan(mb);
  });

  test('a process that does not run is an error, not a process without CPU', async () => {
    await expect(cpuMs(2 ** 30)).rejects.toThrow('does not run');
  });
});
