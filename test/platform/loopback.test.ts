import { readSettings } from '../../platform/config';
import { isHostServed } from '../../platform/loopback';

test('a server that other machines reach serves every name, unless some are set', () => {
  expect(isHostServed('shop.example', { listensOn: '0.0.0.0' })).toBe(true);
  expect(isHostServed('shop.example', { listensOn: '0.0.0.0', allowed: ['api'] })).toBe(false);
  expect(isHostServed('api:8080', { listensOn: '0.0.0.0', allowed: ['api'] })).toBe(true);
  expect(isHostServed('shop.example', { listensOn: '127.0.0.1' })).toBe(false);
  expect(isHostServed(undefined, { listensOn: '127.0.0.1' })).toBe(true);
});

test('a name that is allowed has no port', () => {
  expect(readSettings({ ALLOWED_HOSTS: 'API, shop.example' }).ALLOWED_HOSTS).toEqual(['api', 'shop.example']);
  for (const bad of ['shop.example:80', 'http://shop.example', 'a b'])
    expect(() => readSettings({ ALLOWED_HOSTS: bad })).toThrow('ALLOWED_HOSTS');
});
