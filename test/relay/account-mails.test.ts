import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mailer } from '../../domain/identity/accounts/types';
import { dispatchMails } from '../../domain/notifications/dispatch';
import { createFileMailer } from '../../integrations/file-mailer/mailer';
import { mailFolderOf } from '../../integrations/mailer';
import { readSettings } from '../../platform/config';
import { createReceivers } from '../../worker/outbox/receivers';
import { startRelay, type Relay } from '../../worker/outbox/relay';
import { addCustomer, waitingMails } from '../identity/people';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { openEngine, receiverContext, type TestEngine } from './engine';

let shop: TestShop;
let engine: TestEngine;
let folder: string;
const relays: Relay[] = [];

beforeEach(async () => {
  [shop, engine] = await Promise.all([openTestShop(), openEngine()]);
  folder = await mkdtemp(join(tmpdir(), 'holdfast-mails-'));
});
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await engine.close();
  await shop.close();
  await rm(folder, { recursive: true });
});

function openRelay(mailer: Mailer | null): void {
  const receivers = createReceivers({ ...receiverContext(shop.db, engine), mailer });
  relays.push(startRelay({ db: shop.db, databaseUrl: shop.url, receivers, log: testLogger() }));
}

const dispatch = () =>
  dispatchMails(
    { db: shop.db, mailer: createFileMailer(folder), pagesUrl: undefined },
    { signal: new AbortController().signal, log: testLogger(), withinMs: 30_000 },
  );

test('who registers gets one mail, also with two relays, and the outbox is empty then', async () => {
  openRelay(createFileMailer(folder));
  openRelay(createFileMailer(folder));
  const { email } = await addCustomer(shop.db);
  await waitFor(async () => (await waitingMails(shop.db)).length === 0);
  await Promise.all([dispatch(), dispatch()]);
  const files = await readdir(folder);
  expect(files).toHaveLength(1);
  expect(await readFile(join(folder, files[0]!), 'utf8')).toContain(`To: ${email}\n`);
});

test('without a mailer the mail waits, and a relay that has one writes it', async () => {
  openRelay(null);
  await addCustomer(shop.db);
  await waitFor(async () => {
    const { rows } = await shop.db.pool.query<{ attempts: number }>('select attempts from outbox');
    return (rows[0]?.attempts ?? 0) > 0;
  });
  expect(await waitingMails(shop.db)).toHaveLength(1);
  await relays.pop()!.stop();
  openRelay(createFileMailer(folder));
  await waitFor(async () => (await waitingMails(shop.db)).length === 0);
  expect(await dispatch()).toEqual({ sent: 1, failed: 0, msLeft: null });
  expect(await readdir(folder)).toHaveLength(1);
});

test('mails go to the folder that is set, beside an own database to that of the home, else nowhere', () => {
  const folderOf = (env: Record<string, string>) => mailFolderOf(readSettings(env));
  expect(folderOf({ MAIL_FOLDER: '/mails' })).toBe('/mails');
  expect(folderOf({ SMTP_URL: 'smtp://mail', MAIL_FROM: 'shop@example.com' })).toBeUndefined();
  expect(folderOf({ HOLDFAST_HOME: '/home/.holdfast' })).toBe('/home/.holdfast/mail');
  expect(folderOf({ DATABASE_URL: 'postgresql://db/holdfast' })).toBeUndefined();
});
