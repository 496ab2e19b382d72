import { randomBytes } from 'node:crypto';
import type { Inbox } from '../../domain/notifications/notifications';
import type { MailDispatcherInput } from '../../workflows/contract/messages';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { asPerson, signUp, type Person } from '../api/people-api';
import { openStackApi, type StackApi } from '../api/stack-api';
import { keepHistory } from '../replay/record';
import { headerOf, partsOf, startMailServer, type MailServer } from '../notifications/mail-server';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';

let api: StackApi;
let server: MailServer;

beforeAll(async () => {
  server = await startMailServer();
  api = await openStackApi({
    settings: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64') },
    integrations: (made) => ({ ...made, mailer: server.mailer() }),
  });
});
afterAll(async () => {
  await api.stack.stop();
  await server.close();
});
afterEach(() => expectInvariants(api.stack.db));

const mailsTo = (email: string) => server.mails.filter(({ to }) => to === email);
const subjectsTo = (email: string) => mailsTo(email).map((mail) => headerOf(mail, 'Subject') ?? '');

/** Somebody who has registered, and confirmed their address by the token of the mail. */
async function confirmed(): Promise<Person> {
  const person = await signUp(api);
  await waitFor(() => mailsTo(person.email).length === 1, 30_000);
  const [, token] = /Token: ([\w-]{43})/.exec(partsOf(mailsTo(person.email)[0]!).text) ?? [];
  const reply = await asPerson(api, person, 'POST', '/auth/confirm-email', { body: { token } });
  expect(reply.status).toBe(204);
  return person;
}

test('who orders is told by mail and in the API, and no order waits for a server that does not take the mail', async () => {
  const { client } = api.stack.temporal;
  const { names } = api.stack;
  const input: MailDispatcherInput = { roundsPerRun: 3 };
  const first = await client.workflow.start(WORKFLOW_TYPES.mailDispatcher, {
    workflowId: names.mailDispatcherWorkflowId,
    taskQueue: names.jobsQueue,
    args: [input],
  });
  const person = await confirmed();
  let away = 2;
  server.onData = () => ((away -= 1) >= 0 ? { code: 451, text: '4.3.0 Not now' } : null);
  const sku = await api.newSku(5);
  const placed = await asPerson(api, person, 'POST', '/orders', {
    body: { items: [{ sku, quantity: 1 }], payment: { method: 'card', token: 'tok_ok' } },
  });
  expect(placed.status).toBe(201);
  await waitFor(async () => (await api.status(placed.body.id)) === 'fulfilled');
  const wanted = [/^We have your order/, /^We have your payment/, /is on its way$/, /was delivered$/];
  await waitFor(
    () => wanted.every((each) => subjectsTo(person.email).some((subject) => each.test(subject))),
    60_000,
  );
  expect(subjectsTo(person.email)).toHaveLength(1 + wanted.length);

  const inbox = async (query = '') => {
    const reply = await asPerson(api, person, 'GET', `/notifications${query}`);
    expect(reply.status).toBe(200);
    return JSON.parse(reply.text) as Inbox & { nextCursor: string | null };
  };
  const all = await inbox();
  expect(all).toMatchObject({ unread: 4, nextCursor: null });
  expect(all.items.map(({ kind }) => kind).sort()).toEqual([
    'order_delivered',
    'order_paid',
    'order_placed',
    'order_shipped',
  ]);
  expect(all.items.every(({ subject }) => subject.id === placed.body.id)).toBe(true);

  const runs = client.workflow.getHandle(first.workflowId, first.firstExecutionRunId);
  await waitFor(async () => {
    await client.workflow.getHandle(first.workflowId).signal('mailsReady');
    return (await runs.describe()).status.name === 'CONTINUED_AS_NEW';
  }, 60_000);
  await keepHistory(runs, 'mail-dispatcher');
  expect((await client.workflow.getHandle(first.workflowId).describe()).status.name).toBe('RUNNING');
});

test('a dispatcher that was ended by hand is started by the next mail', async () => {
  const { client } = api.stack.temporal;
  const id = api.stack.names.mailDispatcherWorkflowId;
  await client.workflow.getHandle(id).terminate();
  await confirmed();
  expect((await client.workflow.getHandle(id).describe()).status.name).toBe('RUNNING');
});
