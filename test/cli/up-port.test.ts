import { createServer, type Server } from 'node:net';
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

  afterAll(async () => {
    await home.close();
    await new Promise((resolve) => occupied.close(resolve));
  });

  it('is an error when it was asked for and is taken', async () => {
    for (const [args, env] of [
      [['--port', String(port)], {}],
      [[], { PORT: String(port) }],
    ] as const) {
      const started = home.up(['--no-demo', ...args], env);
      const { code, stderr } = await started.ended;
      expect(code).toBe(1);
      expect(stderr).toContain(`127.0.0.1:${port}`);
      await home.expectNothingLeft(started);
    }
  });

  it('is a free one when the default is taken, and that is said', async () => {
    const blocker = createServer();
    // Whether we get it or somebody else has it already: now it is taken.
    await new Promise<void>((resolve) => {
      blocker.once('error', () => resolve()).listen(8080, '127.0.0.1', resolve);
    });
    const started = home.up(['--no-demo']);
    await started.says(READY);
    const { baseUrl } = await home.devFile();
    expect(started.stdout()).toContain('port 8080 is taken');
    expect(baseUrl).not.toBe('http://127.0.0.1:8080');
    expect((await fetch(`${baseUrl}/health`)).status).toBe(200);
    started.kill('SIGTERM');
    expectStopped(await started.ended);
    await new Promise((resolve) => blocker.close(resolve));
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
