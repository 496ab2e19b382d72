import { randomBytes } from 'node:crypto';
import { hashOfToken } from '../../domain/identity/secret-token';
import { newId } from '../../platform/ids';
import { idOf, newEmail, PASSWORD } from '../identity/people';
import { addPaidOrder, addStock } from '../support/fixtures';
import { auditedTests } from './audited';
import { sessionOf, signUp } from './people-api';

const key = () => randomBytes(32).toString('base64');
const audited = auditedTests({ settings: { SIGNING_KEYS_SECRET: key(), PAYLOAD_KEYS: [`audit=${key()}`] } });

audited('people', async (test, expectRecorded) => {
  const { id, email } = await signUp(test);
  const other = newEmail();
  const registered = { email: other, password: PASSWORD, name: 'Grace' };
  await expectRecorded('POST /users', { log: 'user.added' }, { body: registered });
  const actor = `user:${id}`;
  const login = () =>
    expectRecorded(
      'POST /auth/login',
      { log: 'session.begun' },
      { actor, options: { key: null }, body: { email, password: PASSWORD } },
    );
  const session = sessionOf(await login());
  const signedIn = { key: null, headers: { authorization: `Bearer ${session.accessToken}` } };
  await expectRecorded(
    'PUT /users/{id}',
    { log: 'user.renamed' },
    { actor, params: { id }, options: signedIn, body: { name: 'Ada L.' } },
  );
  const changed = { password: { current: PASSWORD, new: `${PASSWORD}!` } };
  await expectRecorded(
    'PUT /users/{id}',
    { log: 'user.password_changed' },
    { actor, params: { id }, options: signedIn, body: changed },
  );
  await expectRecorded(
    'PUT /users/{id}',
    { log: 'user.language_changed' },
    { params: { id }, body: { locale: 'de' } },
  );
  await expectRecorded(
    'PUT /users/{id}',
    { log: 'user.rights_changed' },
    { params: { id }, body: { status: 'disabled' } },
  );
  await expectRecorded(
    'PUT /users/{id}',
    { log: 'user.rights_changed' },
    { params: { id }, body: { status: 'active' } },
  );
  const token = async (kind: string) => {
    const secret = randomBytes(32).toString('base64url');
    const mail = newId();
    await test.stack.db.pool.query('insert into account_mails (id, user_id, kind) values ($1, $2, $3)', [
      mail,
      id,
      kind,
    ]);
    await test.stack.db.pool.query(
      `insert into account_tokens (token_hash, mail_id, expires_at) values ($1, $2, now() + interval '1 hour')`,
      [hashOfToken(secret), mail],
    );
    return secret;
  };
  await expectRecorded(
    'POST /auth/password-reset/confirm',
    { log: 'user.password_changed' },
    {
      actor,
      options: { key: null },
      body: { token: await token('reset_password'), password: PASSWORD },
    },
  );
  await expectRecorded(
    'POST /auth/confirm-email',
    { log: 'user.email_confirmed' },
    {
      actor,
      options: { key: null },
      body: { token: await token('confirm_email'), password: PASSWORD },
    },
  );
  const again = sessionOf(await login());
  await expectRecorded(
    'POST /auth/logout',
    { log: 'session.ended' },
    {
      actor,
      options: { key: null },
      body: { refreshToken: again.refreshToken },
    },
  );
  await expectRecorded(
    'DELETE /users/{id}',
    { log: 'user.erased' },
    { params: { id: await idOf(test.stack.db, other) } },
  );
  const last = sessionOf(await login());
  await expectRecorded(
    'POST /auth/logout-all',
    { log: 'user.sessions_ended' },
    {
      actor,
      options: { key: null, headers: { authorization: `Bearer ${last.accessToken}` } },
    },
  );
});

audited('mails', async (test, expectRecorded) => {
  const { id } = await signUp(test);
  const mail = newId();
  await test.stack.db.pool.query(
    `insert into mails (id, user_id, kind, status, next_try_at, ended_at) values ($1, $2, 'order_paid', 'sent', null, now())`,
    [mail, id],
  );
  const body = { messageId: `<${mail}@shop.example>`, reason: '5.1.1 No such user' };
  await expectRecorded('POST /mail/bounces', { log: 'mail.bounced' }, { body });
  const sku = `S-${newId().slice(-8)}`;
  await addStock(test.stack.db, sku, 'AMS', 1);
  const { orderId } = await addPaidOrder(test.stack.db, [{ sku, warehouse: 'AMS', quantity: 1 }]);
  const params = { id: orderId };
  const contact = { email: newEmail(), language: 'de' };
  await expectRecorded(
    'PUT /orders/{id}/contact',
    { log: 'order.contact_changed' },
    { params, body: contact },
  );
  const token = randomBytes(32).toString('base64url');
  await test.stack.db.pool.query('insert into contact_tokens (token_hash, order_id) values ($1, $2)', [
    hashOfToken(token),
    orderId,
  ]);
  await expectRecorded('POST /mail/unsubscribe', { log: 'order.contact_unsubscribed' }, { body: { token } });
  await expectRecorded('DELETE /orders/{id}/contact', { log: 'order.contact_removed' }, { params });
});

audited('keys', async (_test, expectRecorded) => {
  const made = await expectRecorded(
    'POST /api-keys',
    { log: 'api_key.made' },
    {
      body: { service: 'a shop', role: 'service', scopes: ['orders'] },
    },
  );
  const rotated = await expectRecorded(
    'POST /api-keys/{id}/rotate',
    { log: 'api_key.rotated' },
    { params: { id: made.body.id } },
  );
  await expectRecorded(
    'DELETE /api-keys/{id}',
    { log: 'api_key.revoked' },
    { params: { id: rotated.body.id } },
  );
});

audited('webhooks', async (_test, expectRecorded) => {
  const body = { url: 'https://shop.example/hook', types: ['order.*'] };
  const made = await expectRecorded('POST /webhooks', { log: 'webhook.added' }, { body });
  const params = { id: made.body.id };
  const disabled = { ...body, enabled: false };
  await expectRecorded('PUT /webhooks/{id}', { log: 'webhook.changed' }, { params, body: disabled });
  await expectRecorded('POST /webhooks/{id}/rotate-secret', { log: 'webhook.secret_rotated' }, { params });
  const again = { params, body: { from: 1, to: 1 } };
  await expectRecorded('POST /webhooks/{id}/redeliver', { log: 'webhook.redelivered' }, again);
  await expectRecorded('DELETE /webhooks/{id}', { log: 'webhook.removed' }, { params });
});
