import { allowedNetworks, mayReach, urlFault } from '../../integrations/webhook-sender/address';

const NONE = allowedNetworks([]);

test.each([
  '127.0.0.1',
  '127.8.8.8',
  '0.0.0.0',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '192.0.2.1',
  '198.18.0.1',
  '240.0.0.1',
  '::1',
  '::',
  'fe80::1',
  'fd00:ec2::254',
  'fc00::1',
  'ff02::1',
  '::ffff:10.0.0.1',
  '::ffff:169.254.169.254',
  '::ffff:7f00:1',
  '64:ff9b::a00:1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::a00:1',
  '2002:7f00:1::1',
  '2001:0:4136:e378::1',
  '2001:db8::1',
  '::127.0.0.1',
  '4000::1',
  // With a zone, also where the rest is public.
  'fe80::1%eth0',
  '2606:4700::1111%eth0',
  '::ffff:8.8.8.8%lo',
  // Public IPv4 behind a translator or a tunnel of whoever runs the network.
  '64:ff9b::808:808',
  '2002:808:808::1',
  '::ffff:0:808:808',
  '::8.8.8.8',
  // Of clouds: Azure, Alibaba, Oracle.
  '168.63.129.16',
  '::ffff:168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  '192.88.99.1',
  '203.0.113.1',
  '100::1',
  '2001:2::1',
  '2001:20::1',
  '3fff::1',
  '5f00::1',
  'fec0::1',
  // No texts of addresses: names are resolved first.
  '2130706433',
  '0177.0.0.1',
  '0x7f.1',
  'not an address',
  '',
])('%s is not reached', (address) => {
  expect(mayReach(address, NONE)).toBe(false);
});

test.each(['93.184.216.34', '8.8.8.8', '2606:4700::1111', '::ffff:8.8.8.8'])('%s is reached', (address) => {
  expect(mayReach(address, NONE)).toBe(true);
});

test('what is allowed is reached, whatever it is written as, and nothing beside it', () => {
  const allowed = allowedNetworks(['10.1.0.0/16', '127.0.0.1', 'fd00::/8']);
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '127.0.0.1', 'fd12::1'])
    expect(mayReach(address, allowed)).toBe(true);
  for (const address of ['10.2.0.1', '127.0.0.2', 'fe80::1', '192.168.0.1'])
    expect(mayReach(address, allowed)).toBe(false);
});

test.each([
  ['https://shop.example/hook', null],
  ['https://shop.example:8443/hook?a=b', null],
  ['https://8.8.8.8/', null],
  ['http://shop.example/', 'must be https'],
  ['http://localhost/', 'must be https'],
  ['ftp://shop.example/', 'must be https'],
  ['shop.example', 'must be a URL'],
  ['https://user:secret@shop.example/', 'must have no user name or password'],
  ['https://shop.example/#part', 'must have no fragment'],
  ['https://10.0.0.1/', 'must be an address of the public internet'],
  ['https://[::1]/', 'must be an address of the public internet'],
  ['https://0x7f.1/', 'must be an address of the public internet'],
  ['https://2130706433/', 'must be an address of the public internet'],
  ['https://0177.0.0.1/', 'must be an address of the public internet'],
  ['https://017700000001/', 'must be an address of the public internet'],
  ['https://0/', 'must be an address of the public internet'],
  ['https://127.0.0.1./', 'must be an address of the public internet'],
  ['https://①②⑦.⓪.⓪.①/', 'must be an address of the public internet'],
  ['https://127。0。0。1/', 'must be an address of the public internet'],
  ['https://%31%32%37.0.0.1/', 'must be an address of the public internet'],
  ['https://[::]/', 'must be an address of the public internet'],
  ['https://[::ffff:127.0.0.1]/', 'must be an address of the public internet'],
  ['https://[64:ff9b::7f00:1]/', 'must be an address of the public internet'],
  ['https://[2002:7f00:1::]/', 'must be an address of the public internet'],
  ['https://168.63.129.16/', 'must be an address of the public internet'],
  ['https://[fe80::1%25eth0]/', 'must be a URL'],
  ['https://[2606:4700::1111%25eth0]/', 'must be a URL'],
  ['https://1.2.3.4.5/', 'must be a URL'],
  ['https://shop.example:65536/', 'must be a URL'],
  ['https://shop.example:0/', 'must have a port that there is'],
])('%s: %s', (url, fault) => {
  expect(urlFault(url, NONE)).toBe(fault);
});

test('plain HTTP is for this machine, where it is allowed', () => {
  const allowed = allowedNetworks(['127.0.0.1']);
  expect(urlFault('http://127.0.0.1:9000/', allowed)).toBeNull();
  expect(urlFault('http://localhost:9000/', allowed)).toBeNull();
  expect(urlFault('http://shop.example/', allowed)).toBe('must be https');
  expect(urlFault('http://127.0.0.2/', allowed)).toBe('must be an address of the public internet');
});
