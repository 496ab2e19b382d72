import { ATTEMPT_LIMITS, networkOf, waitAfter } from '../../domain/identity/throttle/rules';

test('waits begin after the free failures, double, and end at the longest', () => {
  const waits = [1, 4, 5, 6, 7, 8, 14, 15, 1_000_000].map((failures) =>
    waitAfter(failures, ATTEMPT_LIMITS.account),
  );
  expect(waits).toEqual([0, 0, 1, 2, 4, 8, 512, 900, 900]);
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:192.0.2.7', '192.0.2.7'],
  ['::1', '0:0:0:0::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0db8:0000:0000:ffff:1:2:3', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', ''],
])('%s is of the network %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
