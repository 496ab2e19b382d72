import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { connect, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { readSettings } from '../../platform/config';
import { connectTemporal, lazyTemporalClient } from '../../platform/temporal/connection';
import { temporalAddress, testLogger } from '../support/servers';

/** Made for these tests alone, for the name temporal.test, by an authority whose key was thrown away. */
const file = (name: string) => join(__dirname, 'tls', name);
const certificates = {
  ca: readFileSync(file('ca.pem')),
  cert: readFileSync(file('server.pem')),
  key: readFileSync(file('server.key.pem')),
};

const SERVER = {
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: file('ca.pem'),
  TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
};
const CLIENT = {
  TEMPORAL_TLS_CLIENT_CERT_PATH: file('client.pem'),
  TEMPORAL_TLS_CLIENT_KEY_PATH: file('client.key.pem'),
};

const opened: Server[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen(server: Server): Promise<string> {
  opened.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The run's Temporal server behind TLS that asks clients for their certificate. */
function temporalBehindTls(): Promise<string> {
  const [host, port] = temporalAddress().split(':');
  return listen(
    createTlsServer(
      { ...certificates, requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'] },
      (secure) => {
        const plain = connect(Number(port), host);
        secure.pipe(plain).pipe(secure);
        plain.on('error', () => secure.destroy());
        secure.on('error', () => plain.destroy());
      },
    ),
  );
}

describe('the connection to Temporal', () => {
  it('is made over mutual TLS by a worker and by an API', async () => {
    const address = await temporalBehindTls();
    const settings = readSettings({ TEMPORAL_ADDRESS: address, ...SERVER, ...CLIENT });
    for (const link of [
      await connectTemporal(settings, { log: testLogger() }),
      lazyTemporalClient(settings, {}),
    ]) {
      const { namespaceInfo } = await link.client.withDeadline(Date.now() + 60_000, () =>
        link.client.workflowService.describeNamespace({ namespace: link.namespace }),
      );
      expect(namespaceInfo?.name).toBe('default');
      await link.close();
    }
  });

  it('is refused without the certificate that the server asks for, and to a server of another name', async () => {
    const address = await temporalBehindTls();
    const log = testLogger();
    const anonymous = readSettings({ TEMPORAL_ADDRESS: address, ...SERVER });
    await expect(connectTemporal(anonymous, { log })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    const misnamed = readSettings({
      TEMPORAL_ADDRESS: address,
      ...SERVER,
      ...CLIENT,
      TEMPORAL_TLS_SERVER_NAME: 'other.test',
    });
    await expect(connectTemporal(misnamed, { log })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
  });

  it('carries the API key, always encrypted', async () => {
    const seen: (string | undefined)[] = [];
    const server = createSecureServer(certificates);
    server.on('stream', (stream, headers) => {
      seen.push(headers.authorization);
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16' },
        { endStream: true },
      );
    });
    const address = await listen(server);
    const settings = readSettings({ TEMPORAL_ADDRESS: address, TEMPORAL_API_KEY: 'secret', ...SERVER });
    await expect(connectTemporal(settings, { log: testLogger() })).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    });
    const lazy = lazyTemporalClient(settings, {});
    const call = lazy.connection.withDeadline(Date.now() + 5_000, () =>
      lazy.connection.workflowService.getSystemInfo({}),
    );
    await expect(call).rejects.toMatchObject({ code: 16 });
    await lazy.close();
    expect(new Set(seen)).toEqual(new Set(['Bearer secret']));
    expect(seen.length).toBeGreaterThanOrEqual(2);
  });
});
