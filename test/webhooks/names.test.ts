import { readFile } from 'node:fs/promises';
import { createNames } from '../../integrations/webhook-sender/names';
import { waitFor } from '../support/wait';
import { startNameServer, type NameServer } from './name-server';

const NAMES_AT_ONCE = 32;
const silent = (n: number) => `silent-${n}.test`;

let server: NameServer;
beforeEach(async () => {
  server = await startNameServer({
    'both.test': ['192.0.2.1', '2001:db8::1'],
    'six.test': ['2001:db8::2'],
    'none.test': [],
    ...Object.fromEntries(Array.from({ length: NAMES_AT_ONCE }, (_, n) => [silent(n), 'silence'])),
  });
});
afterEach(() => server.close());

const names = (timeoutMs = 4_000) => createNames({ timeoutMs, servers: [server.address] });

test('a name has the addresses of both kinds that its name server tells', async () => {
  expect(await names()('both.test')).toEqual(['192.0.2.1', '2001:db8::1']);
  expect(await names()('six.test')).toEqual(['2001:db8::2']);
});

test('a name without an address, and one whose server does not answer in time, are told by why', async () => {
  await expect(names()('none.test')).rejects.toThrow('the name could not be resolved: ENODATA');
  await expect(names()('unknown.test')).rejects.toThrow('the name could not be resolved: ENOTFOUND');
  await expect(names(400)(silent(0))).rejects.toThrow('the name could not be resolved: ETIMEOUT');
});

test('localhost is this machine, whatever a name server says', async () => {
  expect(await names()('localhost')).toEqual(['127.0.0.1']);
  expect(server.asked).toEqual([]);
});

test('names that nobody answers take no thread from what else the process does', async () => {
  let ended = 0;
  const end = () => (ended += 1);
  const asked = Array.from({ length: NAMES_AT_ONCE }, (_, n) => names(12_000)(silent(n)).then(end, end));
  await waitFor(() => new Set(server.asked).size === NAMES_AT_ONCE);
  // Files are read by the four threads that hash passwords, and that `dns.lookup` waits in.
  expect((await readFile(__filename)).length).toBeGreaterThan(0);
  expect(ended).toBe(0);
  server.speak();
  await Promise.all(asked);
});
