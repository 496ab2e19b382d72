import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { waitFor } from '../support/wait';
import { ensureBuilt } from './build';

const DIST = join(__dirname, '..', '..', 'dist');

/** Signals and uncaught errors are a whole process's, so each test gives the body of a service to one of its own. */
function run(body: string, stopSeconds = 5) {
  const script = `
    const { runService } = require(${JSON.stringify(join(DIST, 'cli', 'service.js'))});
    const { createLogger } = require(${JSON.stringify(join(DIST, 'platform', 'telemetry', 'log.js'))});
    const say = (text) => process.stdout.write(text + '\\n');
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const part = (name, more = {}) => ({ name, stop: async () => say('stopped ' + name), kill: () => say('killed ' + name), ...more });
    runService({ log: createLogger('silent'), stopSeconds: ${stopSeconds} }, async (service) => { ${body} }).then(
      (code) => { say('code ' + code); process.exit(0); },
      (error) => { say('error ' + error.message); process.exit(0); },
    );`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<{ lines: string[]; exit: number | null }>((resolve) => {
    child.once('close', (exit) => resolve({ lines: said.trim().split('\n'), exit }));
  });
  return {
    ended,
    lines: ended.then(({ lines }) => lines),
    says: (text: string) => waitFor(() => said.includes(text)),
    kill: (signal: NodeJS.Signals) => child.kill(signal),
  };
}

beforeAll(ensureBuilt, 240_000);

describe('a service', () => {
  it('stops its parts one after the other, the last started first, except where one says otherwise', async () => {
    const { lines } = run(`
      for (const name of ['server', 'pool', 'http']) service.onStop(part(name));
      service.onStop(part('worker', { stopAfter: 'http' }));
      service.onStop(part('file'));
      return 3;`);
    expect(await lines).toEqual([
      'stopped file',
      'stopped http',
      'stopped worker',
      'stopped pool',
      'stopped server',
      'code 3',
    ]);
  });

  it('stops everything when a part fails, and fails with that', async () => {
    const { lines } = run(`
      service.onStop(part('server'));
      setTimeout(() => service.failed('worker', new Error('lost')), 10);
      await service.untilStopping();
      return 0;`);
    expect(await lines).toEqual(['stopped server', 'error lost']);
  });

  it('stops everything when an error is not caught', async () => {
    for (const uncaught of [
      "setTimeout(() => { throw new Error('oops'); }, 10)",
      "void Promise.reject(new Error('oops'))",
    ]) {
      const { lines } = run(
        `service.onStop(part('server')); ${uncaught}; await service.untilStopping(); return 0;`,
      );
      expect(await lines).toEqual(['stopped server', 'error oops']);
    }
  });

  it('stops the others although one cannot stop or takes for ever', async () => {
    const { lines } = run(
      `service.onStop(part('server'));
       service.onStop(part('stuck', { stop: () => wait(60_000) }));
       service.onStop(part('broken', { stop: async () => { throw new Error('no'); } }));
       return 0;`,
      1,
    );
    expect(await lines).toEqual(['killed stuck', 'stopped server', 'code 0']);
  });

  it('asked to stop while it starts, also stops the part that it was just starting', async () => {
    const service = run(`
      service.onStop(part('server'));
      say('starting');
      await wait(500);
      service.onStop(part('late'));
      service.stopping.throwIfAborted();
      say('never');
      return 0;`);
    await service.says('starting');
    service.kill('SIGTERM');
    expect(await service.lines).toEqual(['starting', 'stopped late', 'stopped server', 'code 0']);
  });

  it('takes two signals at once for one, and a later second one for an order to end now', async () => {
    const body = `
      setInterval(() => undefined, 1_000);
      service.onStop(part('server', { stop: async () => { say('stopping'); await wait(2500); say('stopped server'); } }));
      say('runs');
      await service.untilStopping();
      return 0;`;
    const patient = run(body);
    await patient.says('runs');
    patient.kill('SIGINT');
    patient.kill('SIGINT');
    expect(await patient.lines).toEqual(['runs', 'stopping', 'stopped server', 'code 0']);

    const impatient = run(body);
    await impatient.says('runs');
    impatient.kill('SIGINT');
    await impatient.says('stopping');
    const again = setInterval(() => impatient.kill('SIGTERM'), 100);
    const { lines, exit } = await impatient.ended;
    clearInterval(again);
    expect(lines).toEqual(['runs', 'stopping', 'killed server']);
    expect(exit).toBe(143);
  });
});
