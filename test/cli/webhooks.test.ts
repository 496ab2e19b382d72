import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { listenForWebhooks } from '../../cli/webhooks';
import { recordEntries } from '../../domain/event-log/record';
import { verifyWebhook, type SignatureHeaders } from '../../platform/webhook-signature';
import { openTestApi, type TestApi } from '../api/support';
import { numberAll } from '../events/support';
import { ADMIN_KEY } from '../support/access-keys';
import { waitFor } from '../support/wait';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.close());

const happen = async (id: string) => {
  await test.db.transaction((tx) =>
    recordEntries(tx, [
      { type: 'job.started', subject: { type: 'job', id }, actor: 'test', data: { type: 'feed' } },
    ]),
  );
  await numberAll(test.db);
};

it('webhooks listen forwards what comes, signed with the secret that it prints, and what is answered', async () => {
  await happen('before');
  const received: { headers: Partial<SignatureHeaders>; body: string }[] = [];
  const server = createServer((req, res) => {
    void text(req).then((body) => {
      received.push({ headers: req.headers as Partial<SignatureHeaders>, body });
      res.writeHead(received.length === 1 ? 500 : 204).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const lines: string[] = [];
  const output = {
    line: (line = '') => void lines.push(line),
    item: (name: string, line: string) => void lines.push(`${name} ${line}`),
    json: () => undefined,
  };
  const stop = new AbortController();
  const listening = listenForWebhooks(
    { ...test.settings, HOLDFAST_API_KEY: ADMIN_KEY },
    { forwardTo: `http://127.0.0.1:${port}/hook`, types: 'job.*', url: test.api.url },
    output,
    stop.signal,
  );
  await waitFor(() => lines.length === 2);
  await happen('a');
  await happen('b');
  await waitFor(() => lines.length === 4);
  stop.abort();
  await listening;
  await new Promise((done) => server.close(done));
  const secret = lines[0]?.replace('Secret: ', '') ?? '';
  expect(received.map(({ body }) => (JSON.parse(body) as { subject: { id: string } }).subject.id)).toEqual([
    'a',
    'b',
  ]);
  for (const { headers, body } of received)
    expect(verifyWebhook([secret], { headers, body: Buffer.from(body) })).toBe('valid');
  expect(lines.slice(2)).toEqual([
    expect.stringMatching(/^\d+ job\.started a: 500$/),
    expect.stringMatching(/^\d+ job\.started b: 204$/),
  ]);
});
