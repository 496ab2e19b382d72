import { createServer, type Server } from 'node:net';
import { choosePort } from '../../platform/embedded/ports';
import { isRunning } from '../../platform/embedded/processes';
import { startPrivateTemporal, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { ensureBuilt } from './build';
import { createHome, expectStopped, READY, type Home } from './home';

describe('the port of the API', () => {
  let home: Home;
  let occupied: Server;
  let port: number;

  beforeAll(async () => {
    await ensureBuilt();
    home = await createHome();
    occupied = createServer();
    port = await new Promise<number>((resolve) => {
      occupied.listen(0, '127.0.0.1', () => {
        const address = occupied.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  });

  afterEach(() => home.close());

  afterAll(async () => {
    await new Promise((resolve) => occupied.close(resolve));
  });

  it('is an error when it was asked for and is taken', async () => {
    for (const [args, env] of [
      [['--port', String(port)], {}],
      [[], { PORT: String(port) }],
    ] as const) {
      const started = home.up(['--no-demo', ...args], env);
      const { code, stderr } = await started.ended;
      expect(code).toBe(2);
      expect(stderr).toContain(`127.0.0.1:${port}`);
      await home.expectNothingLeft(started);
    }
  });

  it('is a free one when the default is taken, and that is said', async () => {
    const blocker = await occupy(8080);
    const started = home.up(['--no-demo']);
    await started.says(READY);
    const { baseUrl } = await home.devFile();
    expect(started.stdout()).toContain('port 8080 is taken');
    expect(baseUrl).not.toBe('http://127.0.0.1:8080');
    expect((await fetch(`${baseUrl}/health`)).status).toBe(200);
    started.kill('SIGTERM');
    expectStopped(await started.ended);
    await blocker.release();
  });

  it('is the one that was asked for when that is free', async () => {
    await new Promise((resolve) => occupied.close(resolve));
    const started = home.up(['--no-demo', '--port', String(port)]);
    await started.says(READY);
    expect((await home.devFile()).baseUrl).toBe(`http://127.0.0.1:${port}`);
    started.kill('SIGTERM');
    expectStopped(await started.ended);
  });
});

describe('the port of the embedded Temporal server', () => {
  it('is won by one of several starters at once, and each of the others takes a free one', async () => {
    const port = await choosePort(undefined, 'a test', testLogger());
    const ended: string[] = [];
    const servers = await Promise.all(
      ['a', 'b', 'c'].map((name) => startPrivateTemporal({ port, onExit: () => void ended.push(name) })),
    );
    expect(new Set(servers.map((server) => server.port)).size).toBe(3);
    expect(servers.map((server) => server.port)).toContain(port);
    expect(servers.every(({ pid }) => isRunning(pid))).toBe(true);
    await Promise.all(servers.map((server) => server.stop()));
    expect(ended).toEqual([]);
  });
});

/** Takes a port of 127.0.0.1 as soon as it is free. One that is never free is taken by somebody else, which serves as well. */
async function occupy(port: number): Promise<{ release(): Promise<void> }> {
  const server = createServer();
  const isOurs = await waitFor(() => tryToListen(server, port), 20_000).catch(() => false);
  return {
    release: () => new Promise((resolve) => (isOurs ? server.close(() => resolve()) : resolve())),
  };
}

function tryToListen(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    server.removeAllListeners();
    server.once('error', () => resolve(false)).once('listening', () => resolve(true));
    server.listen(port, '127.0.0.1');
  });
}
