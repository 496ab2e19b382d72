import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { scratchFolder } from '../support/servers';
import type { SECRET_SETTINGS } from '../../platform/secret-settings';
import { ensureBuilt } from './build';
import { holdfast } from './holdfast';

const key = (byte: number) => Buffer.alloc(32, byte).toString('base64');

/** Servers that take connections and say nothing that makes sense. */
let nonsense: Server;
let port: number;
let cwd: string;
beforeAll(async () => {
  await ensureBuilt();
  cwd = await scratchFolder('secret-logs');
  nonsense = createServer((socket) =>
    socket.on('error', () => undefined).end('nonsense\n', () => socket.destroy()),
  );
  nonsense.listen(0, '127.0.0.1');
  await once(nonsense, 'listening');
  const address = nonsense.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(() => new Promise((resolve) => nonsense.close(resolve)));

const secrets = (): Record<(typeof SECRET_SETTINGS)[number], string> => ({
  DATABASE_URL: `postgresql://app:canary-one@127.0.0.1:${port}/holdfast`,
  DATABASE_DIRECT_URL: `postgresql://app:canary-seven@127.0.0.1:${port}/holdfast`,
  DATABASE_OWNER_URL: `postgresql://owner:canary-two@127.0.0.1:${port}/holdfast`,
  TEMPORAL_API_KEY: 'canary-three',
  PAYLOAD_KEYS: `first=${key(1)}`,
  SIGNING_KEYS_SECRET: key(2),
  SMTP_URL: `smtp://shop:canary-eight@127.0.0.1:${port}`,
  STRIPE_API_KEY: 'sk_test_canary-four',
  STRIPE_WEBHOOK_SECRETS: 'whsec_canary-five',
  CARRIER_WEBHOOK_SECRETS: `sandbox=whsec_${key(3)}`,
  HOLDFAST_API_KEY: 'hf_live_canary-six',
  S3_SECRET_ACCESS_KEY: 'canary-eight',
});

it.each([['worker'], ['migrate'], ['verify'], ['doctor'], ['deploy', '--wait', '1'], ['jobs']])(
  'no secret of the settings is in what a process says, whatever goes wrong: holdfast %s',
  async (...args) => {
    const env = {
      ...secrets(),
      MAIL_FROM: 'shop@example.com',
      LOG_LEVEL: 'trace',
      TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
      HOLDFAST_URL: `http://127.0.0.1:${port}`,
      PAYMENT_GATEWAY: 'stripe',
      S3_ACCESS_KEY_ID: 'holdfast',
    };
    const { code, stdout, stderr } = await holdfast(args, { cwd, env });
    expect(code).not.toBe(0);
    const said = stdout + stderr;
    expect(said).not.toBe('');
    for (const secret of ['canary', key(1), key(2), key(3)]) expect(said).not.toContain(secret);
  },
);
