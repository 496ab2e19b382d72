import { readSettings } from '../../platform/config';

test('positions are not kept longer than the rows of the ledger that they name', () => {
  const settings = (days: string, months: string) =>
    readSettings({ EVENT_RETENTION_DAYS: days, LEDGER_RETENTION_MONTHS: months });
  expect(settings('28', '1').EVENT_RETENTION_DAYS).toBe(28);
  expect(settings('0', '0').EVENT_RETENTION_DAYS).toBe(0);
  expect(settings('400', '0').EVENT_RETENTION_DAYS).toBe(400);
  expect(() => settings('29', '1')).toThrow('EVENT_RETENTION_DAYS: must be 1 to 28');
  expect(() => settings('0', '2')).toThrow('EVENT_RETENTION_DAYS: must be 1 to 56');
});

test('networks that webhooks may be sent to are addresses and networks', () => {
  const networks = (WEBHOOK_ALLOWED_NETWORKS: string) =>
    readSettings({ WEBHOOK_ALLOWED_NETWORKS }).WEBHOOK_ALLOWED_NETWORKS;
  expect(networks('127.0.0.1, 10.0.0.0/8,fd00::/8')).toEqual(['127.0.0.1', '10.0.0.0/8', 'fd00::/8']);
  for (const wrong of ['loopback', '10.0.0.0/33', 'shop.example'])
    expect(() => networks(wrong)).toThrow(wrong);
});
