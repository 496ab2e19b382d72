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
