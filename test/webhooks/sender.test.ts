import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { allowedNetworks } from '../../integrations/webhook-sender/address';
import { createWebhookSender, type SenderOptions } from '../../integrations/webhook-sender/sender';
import { namesOf, RECEIVER_CA, startReceiver, type Receiver } from './receiver';

/** How one message is sent, to real receivers. */

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

function sender(options: Partial<SenderOptions> = {}) {
  return createWebhookSender({
    allowed: allowedNetworks(['127.0.0.1']),
    timeoutMs: 1_500,
    ca: RECEIVER_CA,
    addressesOf: namesOf(),
    ...options,
  });
}

const message = (url = receiver.url) => ({ url, headers: { 'webhook-id': 'evt_1' }, body: '{"a":1}' });

test('what the receiver gets is what was to be sent, and its answer is told', async () => {
  receiver.answer = (res) => res.writeHead(202, { 'retry-after': '30' }).end('thank you');
  expect(await sender()(message())).toEqual({
    status: 202,
    body: 'thank you',
    retryAfterSeconds: 30,
    error: null,
    millis: expect.any(Number) as number,
  });
  expect(receiver.received).toMatchObject([
    { path: '/hook', body: '{"a":1}', headers: { 'webhook-id': 'evt_1', 'content-length': '7' } },
  ]);
});

test('no redirect is followed', async () => {
  const inside = await startReceiver();
  receiver.answer = (res) => res.writeHead(307, { location: inside.url }).end();
  expect(await sender()(message())).toMatchObject({ status: 307 });
  expect(inside.received).toEqual([]);
  await inside.close();
});

test('of a huge answer a part is read and kept', async () => {
  let written = 0;
  receiver.answer = (res) => {
    res.writeHead(200);
    const more = () => {
      while (!res.destroyed && written < 200_000_000) {
        written += 65_536;
        if (!res.write('x'.repeat(65_536))) return res.once('drain', more);
      }
      return res.end();
    };
    more();
  };
  const answer = await sender()(message());
  expect(answer).toMatchObject({ status: 200, body: 'x'.repeat(1_000), error: null });
  expect(written).toBeLessThan(50_000_000);
});

test('a receiver that says nothing, or drips, is given up in time', async () => {
  receiver.answer = () => undefined;
  expect(await sender({ timeoutMs: 200 })(message())).toMatchObject({
    status: null,
    error: 'there was no answer in time',
  });
  receiver.answer = (res) => {
    res.writeHead(200);
    res.write('a');
  };
  const answer = await sender({ timeoutMs: 1_000 })(message());
  expect(answer).toMatchObject({ status: 200, body: 'a' });
  expect(answer.millis).toBeLessThan(5_000);
});

test('a receiver that switches to another protocol, or hangs up, has not answered, and nobody waits for it', async () => {
  const { url } = receiver;
  const ends = ['HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', ''];
  for (const said of ends) {
    receiver.answer = ({ socket }) => socket?.end(said);
    expect(await sender()(message(url))).toMatchObject({
      status: null,
      error: expect.stringMatching(/^the re(ceiver ended|quest failed: ECONNRESET)/) as string,
    });
  }
});

test('a receiver that is down, or whose certificate is not good, is an error in words', async () => {
  const { url } = receiver;
  expect(await sender({ ca: undefined })(message())).toMatchObject({ status: null });
  await receiver.close();
  expect(await sender()(message(url))).toMatchObject({
    status: null,
    error: 'the request failed: ECONNREFUSED',
  });
  receiver = await startReceiver();
});

test('a name is connected to only by addresses that were looked at: none of them may be of the inside', async () => {
  const only = (...addresses: string[]) =>
    sender({ allowed: [], addressesOf: namesOf({ 'temporal.test': addresses }) });
  for (const addresses of [
    ['127.0.0.1'],
    ['169.254.169.254'],
    ['::ffff:127.0.0.1'],
    ['64:ff9b::7f00:1'],
    ['8.8.8.8', '10.0.0.1'],
    [],
  ])
    expect((await only(...addresses)(message())).error).toMatch(
      /^(the address is not one|the name has no address)/,
    );
  expect(receiver.received).toEqual([]);
  // The name is resolved once for a message: a second answer cannot be another one.
  let asked = 0;
  const names = namesOf();
  const counting: typeof names = (name) => {
    asked += 1;
    return names(name);
  };
  expect(await sender({ addressesOf: counting })(message())).toMatchObject({ status: 204 });
  expect(asked).toBe(1);
});

test('an address in the URL is looked at as well', async () => {
  const { port } = new URL(receiver.url);
  for (const host of ['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '2130706433'])
    expect(await sender({ allowed: [] })(message(`https://${host}:${port}/`))).toMatchObject({
      status: null,
      error: 'the address is not one of the public internet',
    });
  expect(receiver.received).toEqual([]);
});

test('plain HTTP goes to this machine where it is allowed, and nowhere else', async () => {
  const server = createServer((_req, res) => res.end('ok'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  expect(await sender()(message(`http://localhost:${port}/`))).toMatchObject({ status: 200 });
  const others = sender({
    allowed: allowedNetworks(['10.0.0.0/8']),
    addressesOf: namesOf({ localhost: ['10.0.0.1'] }),
  });
  expect(await others(message(`http://localhost:${port}/`))).toMatchObject({
    error: 'plain HTTP is for this machine only',
  });
  await new Promise((done) => server.close(done));
});
