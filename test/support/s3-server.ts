import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildGoTool } from '../../platform/embedded/go-tool';
import { choosePort } from '../../platform/embedded/ports';
import { endProcess } from '../../platform/embedded/processes';
import { testLogger } from './servers';
import { waitFor } from './wait';

const VERSITYGW = { package: 'github.com/versity/versitygw/cmd/versitygw', version: 'v1.8.0' };

export interface S3Server {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** There from the start. */
  bucket: string;
  /** Somebody who may do nothing, until a policy of the bucket lets them. */
  addUser(accessKeyId: string): Promise<{ accessKeyId: string; secretAccessKey: string }>;
  /** Starts it where it was before, with what it had. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Stops it, and removes what it has. */
  drop(): Promise<void>;
}

/** An S3 server on files of its own (versitygw, which Go builds once). It checks signatures and checksums. */
export async function openS3Server(): Promise<S3Server> {
  const program = await buildGoTool(VERSITYGW, { log: testLogger(), estimate: 'a minute or two' });
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-s3-'));
  const bucket = 'holdfast-files';
  const [root, metadata, people] = ['buckets', 'metadata', 'people'].map((name) => join(folder, name));
  if (!root || !metadata || !people) throw new Error('unreachable');
  await mkdir(join(root, bucket), { recursive: true });
  await mkdir(metadata);
  await mkdir(people);
  const port = await choosePort(undefined, 'S3', testLogger());
  const [accessKeyId, secretAccessKey] = ['holdfast', 'a secret of tests'] as const;
  const login = ['--access', accessKeyId, '--secret', secretAccessKey];
  let child: ChildProcess | undefined;

  const server: S3Server = {
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId,
    secretAccessKey,
    bucket,
    async addUser(id) {
      const user = { accessKeyId: id, secretAccessKey: `secret of ${id}` };
      const given = ['--access', id, '--secret', user.secretAccessKey, '--role', 'user'];
      await promisify(execFile)(program, [
        'admin',
        ...login,
        '--endpoint-url',
        server.endpoint,
        'create-user',
        ...given,
      ]);
      return user;
    },
    async start() {
      const started = spawn(
        program,
        [
          ...login,
          '--port',
          `127.0.0.1:${port}`,
          '--iam-dir',
          people,
          '--quiet',
          'posix',
          '--sidecar',
          metadata,
          root,
        ],
        { stdio: 'ignore' },
      );
      child = started;
      await waitFor(async () => {
        if (started.exitCode !== null) throw new Error(`versitygw ended with ${started.exitCode}`);
        await connected(port);
        return true;
      }, 30_000);
    },
    async stop() {
      if (child?.pid === undefined) return;
      const ended = once(child, 'exit');
      await endProcess(child.pid, 2_000);
      await ended;
      child = undefined;
    },
    async drop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

async function connected(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}
