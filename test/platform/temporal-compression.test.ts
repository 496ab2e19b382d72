import { compressionTo } from '../../platform/temporal/connection';

test.each([
  [undefined, 'none'],
  ['127.0.0.1:7233', 'none'],
  ['localhost:7233', 'none'],
  ['[::1]:7233', 'none'],
  ['temporal:7233', 'gzip'],
  ['holdfast.a2dd6.tmprl.cloud:7233', 'gzip'],
])('calls to Temporal at %s are sent with compression %s', (address, codec) => {
  expect(compressionTo(address)).toEqual({ codec });
});
