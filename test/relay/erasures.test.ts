import { beginErasure } from '../../domain/erasure/erase';
import type { Mailer } from '../../domain/identity/accounts/types';
import { linkedUser } from '../../domain/identity/linked/linked-users';
import { newId } from '../../platform/ids';
import { createReceivers } from '../../worker/outbox/receivers';
import { openTestShop, type TestShop } from '../support/fixtures';
import { waitFor } from '../support/wait';
import { openEngine, receiverContext, type TestEngine } from './engine';

let shop: TestShop;
let engine: TestEngine;
beforeAll(async () => {
  [shop, engine] = await Promise.all([openTestShop(), openEngine()]);
});
afterAll(async () => {
  await engine.close();
  await shop.close();
});

/** Somebody who was sent a mail, and whose erasure has begun. */
async function erasing(): Promise<string> {
  const id = await linkedUser(shop.db, { issuer: 'https://provider.example', subject: newId() });
  if (id === null) throw new Error('somebody new has an account');
  await shop.db.pool.query(
    `insert into account_mails (id, user_id, kind) values ($1, $2, 'reset_password')`,
    [newId(), id],
  );
  await beginErasure(shop.db, id, 'test');
  return id;
}

test('two erasures run at once in a process; the others are put off, and none is lost', async () => {
  let resume: () => void = () => undefined;
  const folderIsSlow = new Promise<void>((resolve) => (resume = resolve));
  const withdrawn: string[] = [];
  const mailer: Mailer = {
    send: () => Promise.resolve(),
    async withdraw(mailId) {
      withdrawn.push(mailId);
      await folderIsSlow;
    },
  };
  const { receive } = createReceivers({ ...receiverContext(shop.db, engine), mailer })['user.erase'];
  const [first, second, third] = [await erasing(), await erasing(), await erasing()];
  const messagesOf = async (id: string) =>
    (await shop.db.pool.query(`select from outbox where topic = 'user.erase' and key = $1`, [id])).rows
      .length;

  const running = [receive(first), receive(second)];
  await waitFor(() => withdrawn.length === 2);
  await receive(third);
  expect(withdrawn).toHaveLength(2);
  // The first message, which is delivered now, and one for later.
  expect(await messagesOf(third)).toBe(2);
  resume();
  await Promise.all(running);
  await receive(third);
  expect(withdrawn).toHaveLength(3);
});
